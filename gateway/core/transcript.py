"""What was said in a call, for people to read: as text, as captions, as a list.

Heard is the unit of truth: words of the agent that the caller did not hear are there, but marked as
such. Times are milliseconds from the moment the caller's stream opened.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

SHORTEST_CUE_MS: Final = 500
"""A caption stays at least so long, or nobody could read it."""
_NO_WORDS: Final = "[no words]"
"""Of a turn that nobody transcribed, or whose words are deleted."""
_NO_TIME: Final = "--:--.-"
_JOINERS: Final = "\u200c\u200d"
"""Parts of words in Persian and Hindi, and of emoji."""


@dataclass(frozen=True, slots=True)
class Line:
    """One turn of a call."""

    number: int
    who: str
    """``caller`` or ``agent``."""
    agent: str | None
    """Which agent spoke."""
    text: str | None
    """All of its words."""
    heard_text: str | None
    """Those of the agent's words that the caller heard; None = not known, or the caller's own."""
    unheard_text: str | None
    from_ms: float | None
    to_ms: float | None
    interrupted: bool | None


def as_text(lines: Iterable[Line]) -> str:
    """One line per turn, in the order given: ``00:12.3 agent: …``, each ended by a newline."""
    return "".join(f"{_clock(line.from_ms)} {line.who}: {_words(line)}\n" for line in lines)


def as_vtt(lines: Iterable[Line]) -> str:
    """WebVTT captions in order of time: what was heard is a cue, what was not stands in a note."""
    blocks = ["WEBVTT"]
    latest = 0
    for from_ms, line in sorted(_timed(lines), key=lambda each: each[0]):
        latest = begin = max(latest, int(from_ms))
        heard, unheard = _heard(line)
        if heard:
            end = max(begin + SHORTEST_CUE_MS, int(line.to_ms or 0.0))
            blocks.append(_cue(line, begin, end, heard))
        if unheard:
            blocks.append(f"NOTE not heard: {_escaped(unheard)}")
    return "\n\n".join(blocks) + "\n"


def as_list(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """The turns for JSON, under the names of :class:`Line`."""
    return [dataclasses.asdict(line) for line in lines]


def _words(line: Line) -> str:
    heard, unheard = _heard(line)
    parts = [heard] if heard else []
    if unheard:
        parts.append(f"[not heard: {unheard}]")
    return " ".join(parts or [_NO_WORDS]) + (" — interrupted" if line.interrupted else "")


def _heard(line: Line) -> tuple[str, str]:
    if line.heard_text is None and line.unheard_text is None:
        return _plain(line.text), ""
    return _plain(line.heard_text), _plain(line.unheard_text)


def _plain(text: str | None) -> str:
    """In one line, without what would command a terminal."""
    return " ".join(
        "".join(c if c.isprintable() or c in _JOINERS else " " for c in text or "").split()
    )


def _timed(lines: Iterable[Line]) -> Iterator[tuple[float, Line]]:
    """Each line with its time, or else that of the line before it."""
    latest = 0.0
    for line in lines:
        latest = latest if line.from_ms is None else max(0.0, line.from_ms)
        yield latest, line


def _clock(ms: float | None) -> str:
    if ms is None:
        return _NO_TIME
    tenths = max(0, int(ms)) // 100
    hours, rest = divmod(tenths, 36_000)
    minutes, tenths = divmod(rest, 600)
    clock = f"{minutes:02d}:{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{clock}" if hours else clock


def _cue(line: Line, begin: int, end: int, heard: str) -> str:
    voice = "Agent" if line.who == "agent" else "Caller"
    broken_off = " —" if line.interrupted else ""
    return (
        f"{line.number}\n{_stamp(begin)} --> {_stamp(end)}\n"
        f"<v {voice}>{_escaped(heard)}{broken_off}</v>"
    )


def _stamp(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}"


def _escaped(text: str) -> str:
    # With ">" goes "-->", which neither a cue nor a note may contain (WebVTT, section 4.1).
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
