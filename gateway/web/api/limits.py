"""How often a password may be tried: some times at once, then each time later than before.

Of bounded memory: who was not seen for longest is forgotten first.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FORGET_S = 3600.0


@dataclass(slots=True)
class _Tries:
    count: int = 0
    last: float = 0.0
    until: float = 0.0


class Backoff:
    """Tries by whoever made them."""

    def __init__(
        self,
        free: int,
        longest_s: float,
        room: int = 4096,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``free`` tries cost nothing; each further one a wait, twice as long as the one before and
        ``longest_s`` at most. An hour without any forgets them.
        """
        self._free = free
        self._longest_s = longest_s
        self._room = room
        self._now = now
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def __len__(self) -> int:
        """How many are known."""
        return len(self._tries)

    def wait_s(self, key: str) -> float:
        """Seconds until they may try again; 0 = now."""
        tries = self._tries.get(key)
        return 0.0 if tries is None else max(0.0, tries.until - self._now())

    def tried(self, key: str) -> None:
        """Counts a try before it is known what comes of it: many at once are no way around."""
        now = self._now()
        tries = self._tries.setdefault(key, _Tries())
        self._tries.move_to_end(key)
        if now - tries.last > FORGET_S:
            tries.count = 0
        tries.count += 1
        tries.last = now
        if (over := tries.count - self._free) >= 0:
            tries.until = now + min(self._longest_s, 2.0 ** min(over, 30))
        if len(self._tries) > self._room:
            self._tries.popitem(last=False)

    def was_right(self, key: str) -> None:
        """Takes the last try back: it was none. Those before it stay counted."""
        if (tries := self._tries.get(key)) is not None:
            tries.count = max(0, tries.count - 1)
            tries.until = 0.0

    def forget(self, key: str) -> None:
        """Nothing is held against them any more."""
        self._tries.pop(key, None)
