"""Webhooks out: what is told of calls, to whom, in order, at least once."""
