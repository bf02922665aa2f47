"""What a trace may have of what was said in one call: redacted as the records are, never endless.

Off unless ``GATEWAY_OTEL_PII`` is on: then nobody has one of these.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from gateway.core.shown import masked_number

LONGEST: Final = 4096
"""Characters of one attribute at most; backends take no more."""
_ASKED: Final = 3
"""Words of the other side that may have been the question: a transcript can come after the answer
to it.
"""

Redact = Callable[[str, str], str]
"""Takes words, and what the other side said before them; returns what may be told of the words."""


class Spoken:
    """The words of one call."""

    def __init__(self, redact: Redact, *, mask_numbers: bool) -> None:
        """``mask_numbers``: of phone numbers the last two digits are told."""
        self._redact = redact
        self._mask = mask_numbers
        self._said: dict[str, deque[str]] = {
            "caller": deque(maxlen=_ASKED),
            "agent": deque(maxlen=_ASKED),
        }

    def by_caller(self, text: str) -> str:
        """What may be told of the caller's words."""
        return self._told("caller", "agent", text)

    def by_agent(self, text: str) -> str:
        """What may be told of the agent's words."""
        return self._told("agent", "caller", text)

    def other(self, text: str) -> str:
        """What may be told of a note, of what a tool got or returned."""
        return self._redact(text, "")[:LONGEST]

    def number(self, number: str) -> str:
        """A phone number, as it may be told."""
        return masked_number(number) if self._mask else number

    def _told(self, who: str, asked: str, text: str) -> str:
        told = self._redact(text, "")
        for question in self._said[asked]:
            told = self._redact(told, question)
        self._said[who].append(told)
        return told[:LONGEST]
