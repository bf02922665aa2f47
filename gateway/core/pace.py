"""How fast calls leave: so many in any second, minute or hour, as the carrier sees it.

Owns the counting alone. A turn counts from when it is known to have reached the carrier: how long
it took to get there is not known, so that no window of that length, wherever it begins, has more.
"""

import re
from dataclasses import dataclass
from typing import Final

_WRITTEN: Final = re.compile(r"([1-9][0-9]{0,4})/([smh])")
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(slots=True)
class _Turn:
    begun_at: float
    arrived_at: float | None = None


class Pace:
    """At most ``count`` turns in any ``window_s``, evenly spread. Times are of one steady clock."""

    def __init__(self, count: int, window_s: float) -> None:
        self._count = count
        self._window_s = window_s
        self._turns: dict[str, _Turn] = {}
        """The newest ``count`` of them, oldest first."""

    @classmethod
    def of(cls, text: str) -> "Pace":
        """``2/s``, ``30/m``, ``100/h``. Raises ValueError."""
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise ValueError(f"{text!r} is no rate: such as 1/s, 30/m or 200/h")
        return cls(int(written[1]), _UNITS[written[2]])

    @property
    def unsettled(self) -> bool:
        """True while a turn has begun and is not known to have arrived."""
        return any(turn.arrived_at is None for turn in self._turns.values())

    def free(self, now: float) -> bool:
        """Whether the next turn may begin."""
        turns = list(self._turns.values())
        if turns and now < turns[-1].begun_at + self._window_s / self._count:
            return False
        if len(turns) < self._count:
            return True
        oldest = turns[0].arrived_at
        return oldest is not None and now >= oldest + self._window_s

    def begin(self, name: str, now: float) -> None:
        """A turn begins, which must be free."""
        if len(self._turns) == self._count:
            del self._turns[next(iter(self._turns))]
        self._turns[name] = _Turn(now)

    def arrive(self, name: str, now: float) -> None:
        """It has reached the carrier, at the latest now."""
        turn = self._turns.get(name)
        if turn is not None and turn.arrived_at is None:
            turn.arrived_at = now

    def undo(self, name: str) -> None:
        """It will not reach the carrier."""
        self._turns.pop(name, None)
