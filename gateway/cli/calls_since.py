"""Moments as people type them: ``7d``, ``2h``, ``2026-11-01``, ``2026-11-01T14:30``."""

import re
from datetime import UTC, datetime, timedelta

import typer

_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str | None, option: str, now: datetime | None = None) -> datetime | None:
    """The moment in UTC; without a zone it is one of this machine's, a day is its beginning.

    A number with ``m``, ``h``, ``d`` or ``w`` is so long ago. Raises typer.BadParameter, which
    names the option.
    """
    if text is None:
        return None
    try:
        if ago := _AGO.fullmatch(text.strip()):
            length = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            return (now or datetime.now(UTC)) - length
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            "must be a time such as 2026-11-01, 2026-11-01T14:30Z, 7d or 2h", param_hint=option
        ) from None
