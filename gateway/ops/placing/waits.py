"""How long placing waits for what, in one place."""

from dataclasses import dataclass

from gateway.ops.wire import LIMIT_S


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds; those of a growing wait are its first and its longest."""

    carrier_s: float = LIMIT_S
    """For an answer of the carrier."""
    again_s: float = 1.0
    """Until the carrier is asked again that was busy or away: nothing was done."""
    again_most_s: float = 15.0
    look_s: float = 0.5
    """Until a call whose fate is not known is looked up again."""
    look_most_s: float = 10.0
    grace_s: float = 60.0
    """After a request a call may appear; what was not found then was, as far as is known, never
    made.
    """
    seat_s: float = 0.25
    """Until it is looked again for a seat while the house is full."""
    later_s: float = 5.0
    """Until a call is tried again that a rule, or the database, did not let go just now."""
    watch_s: float = 10.0
    """Between looks at the calls that are under way."""
    overdue_s: float = 20.0
    """News of the carrier that are so late are asked for."""
    sweep_s: float = 300.0
    """Between sweeps for calls of the account that nobody here knows."""
