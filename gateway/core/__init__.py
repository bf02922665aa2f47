"""The pure core: protocols, playback truth, pacing, turn times.

Law of this package: no asyncio, no socket, no clock, no logging, no SDK. Functions take the time as
an argument (``now``: seconds of one monotonic clock) and return what the shells should do.
"""
