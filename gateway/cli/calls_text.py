"""How the records look on a terminal: numbers for people, and text that can do nothing there.

Whatever callers, models, tools and carriers wrote is shown, never obeyed: control characters are
escaped here, and no console of ours reads markup.
"""

import io
import re
import sys
from datetime import datetime

from rich.console import Console

NONE = "–"
"""What stands for a value nobody knows."""

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # what moves a cursor, colours, or ends a line
    "\u2028\u2029"
    "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"  # what turns the direction of writing
    "\ud800-\udfff]"  # halves of characters, which no output takes
)


def console() -> Console:
    """The console of the commands on calls: neither markup nor guesses at what to colour."""
    take_everything()
    return Console(markup=False, highlight=False, emoji=False)


def take_everything() -> None:
    """From now on a stdout with a narrow encoding gets escapes instead of raising an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def inert(text: object) -> str:
    """The text in one line, with everything escaped that a terminal would act on."""
    return _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode(), str(text))


def or_none(value: object) -> str:
    """The value as inert text; a dash for nothing."""
    return NONE if value is None or value == "" else inert(value)


def shortened(text: str, limit: int) -> str:
    """The beginning of a text, and how much more there is."""
    more = len(text) - limit
    return text if more <= 0 else f"{text[:limit]}… ({more} characters more, see --json)"


def usd(amount: float | None) -> str:
    """An amount as ``$0.0123``."""
    return NONE if amount is None else f"${amount:.4f}"


def ms(value: float | None) -> str:
    """Milliseconds without a unit; below ten with two digits, since that is the gateway's share."""
    if value is None:
        return NONE
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"


def length(value_ms: float | None) -> str:
    """A length as ``0:41`` or ``1:02:03``."""
    if value_ms is None:
        return NONE
    minutes, seconds = divmod(round(value_ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def offset(at_ms: float | None) -> str:
    """A moment of the call as ``0:04.1``."""
    if at_ms is None:
        return ""
    minutes, tenths = divmod(round(at_ms / 100), 600)
    return f"{minutes}:{tenths // 10:02}.{tenths % 10}"


def local(moment: str | None, spec: str = "minutes") -> str:
    """A UTC time of the day in the zone of this machine, as ``2026-11-20 10:30``."""
    if moment is None:
        return NONE
    return datetime.fromisoformat(moment).astimezone().replace(tzinfo=None).isoformat(" ", spec)


def plural(count: int | None, word: str) -> str:
    """``1 turn``, ``2 turns``."""
    return f"{count or 0} {word}{'' if count == 1 else 's'}"
