"""Moments as people type them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import typer

from gateway.cli.calls_since import moment

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine stands in Berlin, an hour ahead in winter."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-01", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("2026-11-01T14:30", datetime(2026, 11, 1, 13, 30, tzinfo=UTC)),
        ("2026-11-01 14:30:05", datetime(2026, 11, 1, 13, 30, 5, tzinfo=UTC)),
        ("2026-11-01T14:30Z", datetime(2026, 11, 1, 14, 30, tzinfo=UTC)),
        ("2026-11-01T14:30-05:00", datetime(2026, 11, 1, 19, 30, tzinfo=UTC)),
        ("7d", NOW - timedelta(days=7)),
        ("2h", NOW - timedelta(hours=2)),
        (" 90m ", NOW - timedelta(minutes=90)),
        ("1w", NOW - timedelta(weeks=1)),
        ("0d", NOW),
    ],
)
def test_a_moment_is_a_day_a_time_or_so_long_ago(typed: str, meant: datetime) -> None:
    """Without a zone it is this machine's; the result is UTC."""
    found = moment(typed, "--since", NOW)
    assert found == meant
    assert found is not None
    assert found.tzinfo is UTC


def test_nothing_typed_is_no_moment() -> None:
    """The option does not matter then."""
    assert moment(None, "--since") is None


def test_so_long_ago_counts_from_now() -> None:
    """Unless another now is given."""
    before = datetime.now(UTC)
    found = moment("1h", "--since")
    assert found is not None
    assert before <= found + timedelta(hours=1) <= datetime.now(UTC)


@pytest.mark.parametrize(
    "typed", ["", "d", "7", "7 d", "yesterday", "2026-13-01", "-7d", "999999w"]
)
def test_anything_else_is_wrong_usage(typed: str) -> None:
    """The option is named, and what would be right."""
    with pytest.raises(typer.BadParameter, match="such as 2026-11-01") as wrong:
        moment(typed, "--until")
    assert wrong.value.param_hint == "--until"
