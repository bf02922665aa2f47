"""Digits collected for a tool: when an entry is complete, and whether it can be right.

Owns the rules of one entry: its length, ``#`` ends it, ``*`` clears it, ``**`` gives up, and how
long the caller has for a key. It must not show a digit: callers type card numbers and PINs. Times
are seconds of a monotonic clock.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

Check = Literal["length", "luhn"]
"""What makes an entry right: its length, or besides the check digit of card numbers."""
Outcome = Literal[
    "complete", "wrong_length", "wrong_number", "no_keys", "cancelled", "busy", "used_up"
]
"""How an entry ended. ``busy``: another one is under way. ``used_up``: too many have failed."""

FIRST_KEY_S: Final = 10.0
NEXT_KEY_S: Final = 5.0
LONGEST_PROMPT_S: Final = 60.0
"""The time for the first key begins after so long at the latest, whatever is still being said."""
MAX_DIGITS: Final = 32
_DIGITS: Final = frozenset("0123456789")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a tool wants to be typed."""

    count: int
    """Digits, 1 to 32."""
    secret: bool = True
    """The model must not learn them."""
    check: Check = "length"

    def __post_init__(self) -> None:
        """Raises ValueError for a length nobody can be asked for."""
        if not 1 <= self.count <= MAX_DIGITS:
            raise ValueError(f"{self.count} digits")


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of it."""

    outcome: Outcome
    keys: int = 0
    """Digits of the entry as it ended; what was cleared does not count."""
    token: str = ""
    """Stands for the digits of a secret entry that is complete."""
    digits: str = field(default="", repr=False)
    """Those of a complete entry that is no secret."""
    tries_left: int = 0
    """How many more may fail in this call."""


class Entry:
    """One entry, from its first key to its outcome."""

    __slots__ = ("_cleared", "_latest", "begun", "digits", "due", "outcome", "wish")

    def __init__(self, wish: Wish, now: float) -> None:
        self.wish = wish
        self.digits = ""
        self.begun = False
        """True once a key was pressed."""
        self.due = now + FIRST_KEY_S
        """When it ends for want of a key."""
        self.outcome: Outcome | None = None
        self._cleared = False
        self._latest = now + LONGEST_PROMPT_S

    def __repr__(self) -> str:
        return f"<Entry {self.outcome or 'collecting'}>"

    def postpone(self, now: float) -> None:
        """The caller is still being asked: the time for the first key begins at ``now``."""
        if not self.begun:
            self.due = min(now, self._latest) + FIRST_KEY_S

    def press(self, key: str, now: float) -> None:
        """One key; keys that are no digit, ``*`` or ``#`` count for nothing, and so does whatever
        comes after the outcome.
        """
        if self.outcome is not None:
            return
        self.begun = True
        if key == "#":
            self.outcome = self._judged()
        elif key == "*":
            self._clear(now)
        elif key in _DIGITS:
            self._add(key, now)

    def expire(self, now: float) -> None:
        """The time for a key may be over."""
        if self.outcome is None and now >= self.due:
            self.outcome = self._judged()

    def _clear(self, now: float) -> None:
        if self._cleared:
            self.outcome = "cancelled"
        self.digits = ""
        self._cleared = True
        self.due = now + FIRST_KEY_S

    def _add(self, digit: str, now: float) -> None:
        self._cleared = False
        self.digits += digit
        self.due = now + NEXT_KEY_S
        if len(self.digits) == self.wish.count:
            self.outcome = self._judged()

    def _judged(self) -> Outcome:
        if not self.digits:
            return "no_keys"
        if len(self.digits) != self.wish.count:
            return "wrong_length"
        wrong = self.wish.check == "luhn" and not luhn(self.digits)
        return "wrong_number" if wrong else "complete"


def luhn(digits: str) -> bool:
    """True when the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
