"""When somebody is to be called back: what an agent may write, and what can be agreed on."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.core.appointments import LATEST, agreed, moment, zone_of
from gateway.core.callee import Refusal

BERLIN, NEW_YORK, CHICAGO = "Europe/Berlin", "America/New_York", "America/Chicago"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zones", "likely", "utc"),
    [
        ("2026-11-27T15:30", (BERLIN,), "UTC", "2026-11-27T14:30"),
        ("2026-07-27T15:30", (BERLIN,), "UTC", "2026-07-27T13:30"),
        (" 2026-11-27 15:30 ", (BERLIN,), "UTC", "2026-11-27T14:30"),
        ("2026-11-27T15:30Z", (BERLIN,), "UTC", "2026-11-27T15:30"),
        ("2026-11-27T15:30-08:00", (BERLIN,), "UTC", "2026-11-27T23:30"),
        ("20261127T1530", (BERLIN,), "UTC", "2026-11-27T14:30"),
        ("2026-11-27T15:30", (NEW_YORK, CHICAGO), CHICAGO, "2026-11-27T21:30"),
        ("2026-11-27T15:30", (BERLIN, "Europe/Paris"), "UTC", "2026-11-27T14:30"),
        ("2026-11-27T15:30Z", ("Etc/Unknown",), "UTC", "2026-11-27T15:30"),
    ],
)
def test_a_moment_is_where_the_phone_is(
    text: str, zones: tuple[str, ...], likely: str, utc: str
) -> None:
    """Unless it says its own zone; of several zones the route's decides, if it is one of them."""
    found = moment(text, zones, likely)
    assert found == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zones", "rule"),
    [
        ("tomorrow at three", (BERLIN,), "when"),
        ("2026-11-27", (BERLIN,), "when"),
        ("15:30", (BERLIN,), "when"),
        ("2026-13-27T15:30", (BERLIN,), "when"),
        ("T" * 100, (BERLIN,), "when"),
        ("", (BERLIN,), "when"),
        ("0001-01-01T00:00+14:00", (NEW_YORK,), "when"),
        ("9999-12-31T23:59-12:00", (BERLIN,), "when"),
        ("2026-11-27T15:30", (NEW_YORK, CHICAGO), "zone"),
        ("2026-11-27T15:30", ("Etc/Unknown",), "zone"),
        ("2026-11-27T15:30", (), "zone"),
    ],
)
def test_what_is_no_moment(text: str, zones: tuple[str, ...], rule: str) -> None:
    """Nothing is guessed."""
    found = moment(text, zones, "UTC")
    assert isinstance(found, Refusal)
    assert found.rule == rule


def test_it_is_ahead_and_not_too_far() -> None:
    """In the next thirty days."""
    second = timedelta(seconds=1)
    past, far = agreed(NOON, NOON), agreed(NOON + LATEST + second, NOON)
    assert past is not None
    assert far is not None
    assert (past.rule, far.rule) == ("past", "too_far")
    assert agreed(NOON + second, NOON) is None
    assert agreed(NOON + LATEST, NOON) is None


def test_the_zone_that_is_told() -> None:
    """The only one, else the route's; none when that would be a guess."""
    assert zone_of((BERLIN,), "UTC") == ZoneInfo(BERLIN)
    assert zone_of((NEW_YORK, CHICAGO), CHICAGO) == ZoneInfo(CHICAGO)
    assert zone_of((NEW_YORK, CHICAGO), "UTC") is None
