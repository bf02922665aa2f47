"""TurnClock: when each stage of a turn happened, and whose time it was.

Owns the stages of DESIGN's measure: caller's last voiced frame -> end-of-turn event -> response
created -> first delta -> first frame sent -> first frame heard. Times are seconds of the caller's
monotonic clock, stages come out in milliseconds. Pure.
"""

from dataclasses import dataclass

_KEPT = 8
"""Answers at most whose first frame is still to leave; older ones were cut off before it did."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One measured answer of the agent; ``None`` = the stage did not happen or is not known."""

    number: int
    kind: str
    """``greeting`` (nobody spoke before), ``reply`` (to the caller) or ``follow_up`` (after a
    tool).
    """
    response_id: str
    endpoint_ms: float | None
    """Last voiced frame -> the model's end-of-turn event."""
    model_ms: float | None
    """End-of-turn event (or response created) -> first audio delta read."""
    gateway_ms: float | None
    """First delta read -> first frame written to the carrier: the gateway's own share. None when
    the answer had to wait for the agent's own earlier words, or for the stream to open.
    """
    play_ms: float
    """First frame written -> heard by the caller (buffer ahead and half the round trip)."""
    response_ms: float | None
    """Caller stops speaking -> agent heard: the number callers judge."""


class _Pending:
    __slots__ = ("created", "first_delta", "kind", "turn_end", "voiced", "waits")

    def __init__(self, created: float, kind: str) -> None:
        self.created = created
        self.kind = kind
        self.voiced: float | None = None
        self.turn_end: float | None = None
        self.first_delta: float | None = None
        self.waits = False


class TurnClock:
    """Collects the stages of the turns of one call; a turn is complete when its first frame is
    sent.
    """

    __slots__ = ("_pending", "_turn_end", "_voiced", "turns")

    def __init__(self) -> None:
        self.turns = 0
        self._voiced: float | None = None
        self._turn_end: float | None = None
        self._pending: dict[str, _Pending] = {}

    def turn_ended(self, now: float, last_voiced: float | None) -> None:
        """The model says the caller's turn is over; ``last_voiced`` is when its last voiced frame
        arrived.
        """
        self._turn_end, self._voiced = now, last_voiced

    def response_created(self, response_id: str, now: float) -> None:
        """The model began an answer. It belongs to the last caller turn if that has none yet."""
        unasked = "follow_up" if self.turns else "greeting"
        kind = unasked if self._turn_end is None else "reply"
        pending = self._pending[response_id] = _Pending(now, kind)
        pending.turn_end, pending.voiced = self._turn_end, self._voiced
        self._turn_end = self._voiced = None
        if len(self._pending) > _KEPT:
            del self._pending[next(iter(self._pending))]

    def first_delta(self, response_id: str, now: float, *, waits: bool = False) -> None:
        """Audio of a response was read (only the first call per response counts).

        ``waits``: other audio goes first, or there is no stream yet.
        """
        pending = self._pending.get(response_id)
        if pending is not None and pending.first_delta is None:
            pending.first_delta = now
            pending.waits = waits

    def first_sent(self, response_id: str, now: float, heard_at: float) -> Turn | None:
        """Audio of a response was written; ``heard_at`` is when the caller hears it. The finished
        turn, once.
        """
        pending = self._pending.pop(response_id, None)
        if pending is None or pending.first_delta is None:
            return None
        self.turns += 1
        begin = pending.created if pending.turn_end is None else pending.turn_end
        return Turn(
            number=self.turns,
            kind=pending.kind,
            response_id=response_id,
            endpoint_ms=_ms(pending.voiced, pending.turn_end),
            model_ms=_ms(begin, pending.first_delta),
            gateway_ms=None if pending.waits else (now - pending.first_delta) * 1000.0,
            play_ms=(heard_at - now) * 1000.0,
            response_ms=_ms(pending.voiced, heard_at),
        )

    def response_done(self, response_id: str) -> None:
        """A response ended without any audio of it being sent (a tool call, a failure): it is no
        turn of its own.

        What it answered stays open, so that the spoken answer after a tool is measured from the
        caller's last word.
        """
        pending = self._pending.get(response_id)
        if pending is None or pending.first_delta is not None:
            return
        del self._pending[response_id]
        if self._turn_end is None:
            self._turn_end, self._voiced = pending.turn_end, pending.voiced


def _ms(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else (end - begin) * 1000.0
