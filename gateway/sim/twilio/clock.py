"""Owns the 20 ms clock: one timer for all calls of the twin, on absolute deadlines.

Each member keeps its own place within the 20 ms (its phase, to the millisecond): calls that began
at different moments are spread, as real ones are. The clock measures how late it is itself, so that
a load test can tell a slow gateway from a slow twin.
"""

import asyncio
import time
from collections import deque
from typing import Final, Protocol

PERIOD_MS: Final = 20
PERIOD_S: Final = PERIOD_MS / 1000
_EARLY_S: Final = 0.0005
_LATENESS_KEPT: Final = 20_000


class Member(Protocol):
    """What the clock calls."""

    def tick(self, due_s: float) -> None:
        """One period has passed; `due_s` is the deadline on the monotonic clock, not the time of
        the call."""


class FrameClock:
    """Calls every member each 20 ms. A late clock catches up: no period is ever left out."""

    def __init__(self) -> None:
        self.lateness_ms: deque[float] = deque(maxlen=_LATENESS_KEPT)
        """How late each wake-up was, the newest of them."""
        self._slots: list[list[Member]] = [[] for _ in range(PERIOD_MS)]
        self._epoch_s = 0.0
        self._next_ms = 0
        self._ticked_ms = -1
        self._members = 0
        self._timer: asyncio.TimerHandle | None = None

    def join(self, member: Member) -> float:
        """Adds a member. Returns when its first tick is due, within a millisecond or two."""
        now = time.monotonic()
        if self._timer is None:
            self._epoch_s = now
            self._next_ms = 0
            self._ticked_ms = -1
        slot = max(self._ticked_ms, int((now - self._epoch_s) * 1000)) + 1
        # what lies between was passed over because it was empty
        self._next_ms = min(self._next_ms, slot)
        self._slots[slot % PERIOD_MS].append(member)
        self._members += 1
        self._arm(now)
        return self._epoch_s + slot / 1000

    def leave(self, member: Member) -> None:
        """Removes a member; one that is not there is no mistake."""
        for slot in self._slots:
            if member in slot:
                slot.remove(member)
                self._members -= 1
        if not self._members:
            self.stop()

    def stop(self) -> None:
        """Stops the timer; the clock starts again with the next member."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, now: float) -> None:
        self.stop()
        while not self._slots[self._next_ms % PERIOD_MS]:
            self._next_ms += 1
        delay = max(0.0, self._due_s() - now)
        self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _due_s(self) -> float:
        return self._epoch_s + self._next_ms / 1000

    def _wake(self) -> None:
        now = time.monotonic()
        try:
            while (due_s := self._due_s()) <= now + _EARLY_S:
                self._tick_slot(due_s, now)
        finally:
            if self._members:
                self._arm(time.monotonic())

    def _tick_slot(self, due_s: float, now: float) -> None:
        members = self._slots[self._next_ms % PERIOD_MS]
        self._ticked_ms = self._next_ms
        self._next_ms += 1
        if not members:
            return
        self.lateness_ms.append(max(0.0, (now - due_s) * 1000))
        for member in tuple(members):
            member.tick(due_s)
