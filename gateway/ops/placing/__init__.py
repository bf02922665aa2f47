"""Calls we place: from the asking, past the carrier's own queue, to an outcome.

`placing.py` is the face of it. The law of the room: the database says ``sending`` before the
carrier is asked, and a request whose fate is not known is looked up, never repeated.
"""
