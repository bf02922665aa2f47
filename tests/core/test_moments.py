"""Moments as people type them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.core.moments import moment

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d", NOW - timedelta(days=7)),
        (" 30m ", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("1w", NOW - timedelta(weeks=1)),
        ("2026-11-01", datetime(2026, 10, 31, 22, tzinfo=UTC)),
        ("2026-11-01T14:30", datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),
        ("2026-11-01T14:30Z", datetime(2026, 11, 1, 14, 30, tzinfo=UTC)),
        ("2026-11-01T14:30+05:00", datetime(2026, 11, 1, 9, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_understood(text: str, expected: datetime) -> None:
    """In UTC; without a zone it is one of the zone that is given."""
    found = moment(text, NOW, EAST)
    assert (found, found.tzinfo) == (expected, UTC)


@pytest.mark.parametrize("text", ["", "soon", "7y", "-1d", "999999w", "2026-13-01", "٧d", "1d2h"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    """With what would be one."""
    with pytest.raises(ValueError, match="such as 2026-11-01"):
        moment(text, NOW)
