"""Warm transfers: a colleague is rung beside a call, hears what it is about, and decides."""
