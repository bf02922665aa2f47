"""Owns the grouping of key presses: the digits of one answer, told to the agent as one message.

It must not log or show a digit: callers type card numbers and PINs.
"""

from typing import Final

_DIGITS: Final = frozenset("0123456789*#ABCD")
_END: Final = "#"


class DigitGroup:
    """Collects digits until `#`, until the caller pauses for `gap_s`, or until `longest` digits."""

    __slots__ = ("_digits", "_due", "_gap_s", "_longest")

    def __init__(self, gap_s: float = 2.0, longest: int = 32) -> None:
        """Raises ValueError for a gap that is not above 0 s or a length below 1."""
        if not gap_s > 0 or longest < 1:
            raise ValueError("gap_s must be above 0 and longest at least 1")
        self._gap_s = gap_s
        self._longest = longest
        self._digits = ""
        self._due: float | None = None

    def __repr__(self) -> str:
        return f"<DigitGroup {'collecting' if self._digits else 'empty'}>"

    def press(self, digit: str, now: float) -> str | None:
        """One key; returns a group this press finished, without the `#` that ended it.

        A `#` pressed alone is an answer of its own and comes back as `"#"`. When the pause before
        this press already ended the waiting group (a late timer), that group is returned and the
        digit begins the next one. Raises ValueError for anything but one of `0-9*#ABCD`.
        """
        if digit not in _DIGITS:
            raise ValueError("not a DTMF digit")
        overdue = self.expire(now)
        if overdue is not None:
            self._add("" if digit == _END else digit, now)
            return overdue
        if digit == _END:
            return self._finish() or _END
        self._add(digit, now)
        return self._finish() if len(self._digits) >= self._longest else None

    def due(self) -> float | None:
        """When the waiting group is finished by the pause alone; None while nothing waits."""
        return self._due

    def expire(self, now: float) -> str | None:
        """The waiting group if its pause is over at `now`, else None."""
        return self._finish() if self._due is not None and now >= self._due else None

    def _add(self, digit: str, now: float) -> None:
        self._digits += digit
        self._due = now + self._gap_s if self._digits else None

    def _finish(self) -> str:
        digits, self._digits, self._due = self._digits, "", None
        return digits
