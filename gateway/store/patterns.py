"""What else no record may contain: the operator's patterns.

Owns the file: TOML, on each line a name and a regular expression. What a pattern matches becomes
its name in brackets. Patterns are applied while calls go on, so one that could take for ever on an
unlucky text is refused.
"""

import math
import re
from typing import Final

from gateway.core.redaction import Redactor
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.store.tomlfile import read_table

_VARIABLE: Final = "GATEWAY_REDACT"
_NAME: Final = re.compile(r"[a-z][a-z0-9 _-]{0,39}")
_WRONG_NAME: Final = "a name is up to 40 of a-z, 0-9, space, - and _, and begins with a letter"
_PIECE: Final = re.compile(
    r"(?P<opened>\((?:\?(?:[:>=!]|<[=!]|P<\w+>|[a-zA-Z-]+:))?)"
    r"|(?P<closed>\))"
    r"|(?P<repeat>[*+?]|\{(?P<least>\d*)(?P<range>,(?P<most>\d*))?\})(?P<how>[+?]?)"
    r"|\\.|\[\^?\]?(?:\\.|[^\]\\])*+\]|.",
    re.DOTALL,
)
_FEW: Final = 10
"""So often a group may be repeated that repeats something itself."""


def redactor(settings: Settings) -> Redactor:
    """What all records go through. Raises ConfigError with all that is wrong in the file."""
    return Redactor(read_patterns(settings), settings.redact_numbers)


def read_patterns(settings: Settings) -> list[tuple[str, re.Pattern[str]]]:
    """Names and patterns in the order of the file. Raises ConfigError as :func:`redactor` does."""
    path = settings.redact
    if path is None:
        return []
    table = read_table(path, _VARIABLE)
    found = [(name, _compiled(value)) for name, value in table.items()]
    faults = [f"{name!r}: {fault}" for name, fault in found if isinstance(fault, str)]
    faults += [f"{name!r}: {_WRONG_NAME}" for name in table if not _NAME.fullmatch(name)]
    if faults:
        raise ConfigError(f"{_VARIABLE}: {path}: {'; '.join(faults)}")
    return [(name, pattern) for name, pattern in found if isinstance(pattern, re.Pattern)]


def _compiled(value: object) -> re.Pattern[str] | str:
    """The pattern, or what is wrong with it."""
    if not isinstance(value, str):
        return "must be a regular expression in quotes"
    try:
        pattern = re.compile(value)
    except re.error as error:
        place = "" if error.pos is None else f" at character {error.pos + 1}"
        return f"is no regular expression ({error.msg}{place})"
    except (OverflowError, RecursionError):
        return "is too large for a regular expression"
    if pattern.match(""):
        return "matches the empty text, so it would be everywhere"
    if can_take_for_ever(value):
        return f"repeats what repeats: write (…){{1,{_FEW}}} or (…)++ for the outer one"
    return pattern


def can_take_for_ever(expression: str) -> bool:
    """True when a group is repeated often in which something is repeated.

    ``(a+)+`` has more ways to match a text than there are atoms. The usual trap, not every one.
    """
    repeating = [False]  # in each group that is open: is something repeated in it?
    closed = False  # and in the one that was just closed
    for piece in _PIECE.finditer(expression):
        if piece["opened"]:
            repeating.append(False)
        elif piece["closed"]:
            closed = len(repeating) > 1 and repeating.pop()
            repeating[-1] |= closed
            continue
        elif piece["repeat"] and piece["how"] != "+":
            if closed and _most(piece) > _FEW:
                return True
            repeating[-1] |= _varies(piece)
        closed = False
    return False


def _most(repeat: re.Match[str]) -> float:
    if repeat["repeat"] in ("*", "+"):
        return math.inf
    if repeat["repeat"] == "?":
        return 1
    return float((repeat["most"] if repeat["range"] else repeat["least"]) or math.inf)


def _varies(repeat: re.Match[str]) -> bool:
    return repeat["repeat"] in ("*", "+", "?") or bool(
        repeat["range"] and repeat["least"] != repeat["most"]
    )
