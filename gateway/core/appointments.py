"""When somebody wants to be called back: what an agent wrote, as a moment.

Owns which moments can be agreed on. What is forbidden at that moment is the policy's.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.core.callee import Refusal

LATEST: Final = timedelta(days=30)
"""How far ahead a call can be agreed on."""
_LONGEST: Final = 40
"""Characters; a moment with microseconds and an offset has 32."""


def moment(text: str, zones: Sequence[str], likely: str) -> datetime | Refusal:
    """A time in ISO 8601, with its zone; without one it is local time where the phone is.

    ``zones`` are those it may be in, ``likely`` decides between several. Rules: ``when``, ``zone``.
    """
    text = text.strip()
    if len(text) > _LONGEST or not ("T" in text or " " in text):
        return Refusal("when", "", "no time of day in it")
    try:
        at = datetime.fromisoformat(text)
        if at.utcoffset() is not None:
            # Calendars end: at their last days not every zone has the moment.
            return at.astimezone(zone_of(zones, likely) or at.tzinfo)
    except (ValueError, OverflowError):
        return Refusal("when", "", "it is not ISO 8601")
    zone = _local(at, zones, likely)
    if zone is None:
        return Refusal("zone", "", "nobody knows which time zone the phone is in")
    return at.replace(tzinfo=zone)


def agreed(at: datetime, now: datetime) -> Refusal | None:
    """Why a call cannot be agreed on for that moment. Rules: ``past``, ``too_far``."""
    if at <= now:
        return Refusal("past", "", "it is over")
    if at > now + LATEST:
        return Refusal("too_far", "", f"it is more than {LATEST.days} days ahead")
    return None


def _local(at: datetime, zones: Sequence[str], likely: str) -> ZoneInfo | None:
    """The zone of a local time; any of several in which it is the same moment."""
    found = list(_known(zones))
    if (
        len(found) == len(zones)
        and len({at.replace(tzinfo=each).utcoffset() for each in found}) == 1
    ):
        return found[0]
    return next((each for each in found if each.key == likely), None)


def zone_of(zones: Sequence[str], likely: str) -> ZoneInfo | None:
    """The zone where the phone is; None when that would be a guess."""
    found = list(_known(zones))
    if len(found) == 1:
        return found[0]
    return next((each for each in found if each.key == likely), None)


def _known(zones: Sequence[str]) -> Iterator[ZoneInfo]:
    for name in zones:
        try:
            yield ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            continue
