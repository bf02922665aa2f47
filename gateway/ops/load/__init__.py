"""The load test: many callers on a gateway, what they had to wait for, and whether that was enough.

What decides anything is pure (arrivals, fixtures, ear, talk, figures, thresholds, capacity,
document); around it stand the shells: a clock, a line, worker processes, the fleet of them.
"""
