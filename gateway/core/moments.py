"""Moments as people type them: ``7d``, ``2h``, ``2026-11-01``, ``2026-11-01T14:30``."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

_AGO: Final = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """The moment in UTC; a day is its beginning, a number with ``m``, ``h``, ``d`` or ``w`` is so
    long before ``now``.

    Without a zone of its own it is one of ``zone``; None = that of the machine. Raises ValueError.
    """
    text = text.strip()
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text)
        if found.tzinfo is None and zone is not None:
            found = found.replace(tzinfo=zone)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time such as 2026-11-01, 2026-11-01T14:30Z, 7d or 2h") from None
