"""How long a consult waits for what, in one place."""

from dataclasses import dataclass

from gateway.ops.wire import LIMIT_S


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds; a growing wait has its first and its longest."""

    request_s: float = LIMIT_S
    """For the carrier's answer to one request."""
    create_s: float = 15.0
    """As long a carrier that is busy or away is asked again: the caller waits on the line."""
    again_s: float = 0.5
    again_most_s: float = 4.0
    found_s: float = 3.0
    """So long after a request without an answer a callback may tell of its call, before the call
    is looked for.
    """
    ring_grace_s: float = 6.0
    """The carrier tells of an unanswered call soon after its ringing time."""
    key_grace_s: float = 8.0
    """The carrier tells of a key, or of none, soon after the time for it."""
    arrive_s: float = 20.0
    """A caller who has not been asked for by then does not come any more."""
    meet_s: float = 5.0
    """After that whoever is in the room with the caller has stayed."""
    return_s: float = 2.0
    """The carrier tells of a caller whose room has ended soon after, or they are alone in it."""
    fetch_s: float = 30.0
    """As long it is tried to fetch such a caller back, and as long they may take to come."""
    farewell_s: float = 20.0
    """A goodbye takes no longer; then the call is ended."""
    end_again_s: float = 1.0
    end_again_most_s: float = 30.0
    end_s: float = 600.0
    """As long it is tried to end a call; none that rings rings longer."""
