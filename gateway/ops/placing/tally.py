"""What calls have come to so far: turns, cost, how they ended. For whoever watches one.

A listener to call events; nothing of a call waits for it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.call.meter import Tariff
from gateway.core.events import (
    CallAnswered,
    CalleeIdentified,
    CallEnded,
    CallEvent,
    CallOffered,
    TurnDone,
    UsageCounted,
)

MOST_KEPT = 500
"""Calls that have ended and are still remembered, at most."""


@dataclass(slots=True)
class Tally:
    """One call's."""

    direction: str = ""
    who: str = ""
    """Who answered, when that was asked."""
    turns: int = 0
    model_usd: float = 0.0
    answered_at: float | None = None
    ended: CallEnded | None = None


class Tallies:
    """Those of the calls of this process."""

    def __init__(self, tariff: Tariff) -> None:
        self.on_ended: Callable[[str, str], None] = lambda call_sid, reason: None
        """Told the CallSid and the reason when a call is over."""
        self._tariff = tariff
        self._tallies: dict[str, Tally] = {}
        self._over: dict[str, None] = {}

    def get(self, call_sid: str) -> Tally | None:
        """What a call has come to; None when it is not known (any more)."""
        return self._tallies.get(call_sid)

    def hear(self, call_sid: str, event: CallEvent) -> None:
        """A listener."""
        if isinstance(event, CallOffered):
            self._tallies[call_sid] = Tally(event.direction)
            return
        tally = self._tallies.get(call_sid)
        if tally is None:
            return
        match event:
            case CallAnswered():
                tally.answered_at = tally.answered_at or time.monotonic()
            case TurnDone():
                tally.turns += 1
            case UsageCounted():
                tally.model_usd = event.call_usd
            case CalleeIdentified():
                tally.who = event.who
            case CallEnded():
                self._ended(call_sid, tally, event)

    def duration_ms(self, tally: Tally) -> float | None:
        """Since the stream opened; None when there was none."""
        if tally.answered_at is None:
            return None
        if tally.ended is not None:
            return tally.ended.duration_ms
        return (time.monotonic() - tally.answered_at) * 1000

    def cost_usd(self, tally: Tally) -> float:
        """Of model and carrier, as far as prices are known."""
        elapsed_s = (self.duration_ms(tally) or 0.0) / 1000
        carrier = self._tariff.prices.carrier_usd(tally.direction, elapsed_s) or 0.0
        return round(tally.model_usd + (carrier if elapsed_s else 0.0), 6)

    def _ended(self, call_sid: str, tally: Tally, event: CallEnded) -> None:
        tally.ended = event
        self._over[call_sid] = None
        if len(self._over) > MOST_KEPT:
            oldest = next(iter(self._over))
            del self._over[oldest], self._tallies[oldest]
        self.on_ended(call_sid, event.reason)
