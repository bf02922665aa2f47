"""`gateway calls stats`: what calls add up to."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer

from gateway.cli.calls_stats import groups
from tests.cli.conftest import Command
from tests.store.sample import missed_call, record_calls, sample_call


@pytest.fixture
def kept(command: Command) -> datetime:
    """Three calls of a day ago, one of 60 days ago; the day of the first ones."""
    then = datetime.now(UTC) - timedelta(days=1)
    record_calls(
        Path("data"),
        sample_call("CA1", offered_at=then),
        missed_call("CA2", offered_at=then),
        sample_call("CA3", offered_at=then, agent="booking\x1b[2J", unpriced=True),
        sample_call("CA4", offered_at=then - timedelta(days=59)),
    )
    return then


def test_a_program_gets_rows_by_day_and_agent(command: Command, kept: datetime) -> None:
    """Of the last 30 days, unless another time is asked for."""
    done = command("calls", "stats", "--json")
    rows = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    day = kept.date().isoformat()
    assert [(row["day"], row["agent"], row["calls"]) for row in rows] == [
        (day, "booking\x1b[2J", 1),
        (day, "frontdesk", 2),
    ]
    assert rows[1]["outcomes"] == {"completed": 1, "missed": 1}
    assert (rows[1]["duration_ms"], rows[1]["cost_usd"]) == (34_120.0, 0.039734)
    assert (rows[1]["response_p50_ms"], rows[1]["response_p95_ms"]) == (820.4, 1140.2)


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        (("--since", "90d", "--by", "agent"), [1, 3]),
        (("--since", "90d", "--until", "30d"), [1]),
        (("--by", "day"), [3]),
        (("--since", "1m"), []),
    ],
)
def test_options_choose_time_and_groups(
    command: Command, kept: datetime, words: tuple[str, ...], counts: list[int]
) -> None:
    """Counted are the calls offered in that time."""
    rows = json.loads(command("calls", "stats", "--json", *words).out)
    assert [row["calls"] for row in rows] == counts


def test_a_person_reads_a_line_per_group(command: Command, kept: datetime) -> None:
    """Minutes, outcomes, waits, the gateway's own share, costs; nothing hostile is obeyed."""
    done = command("calls", "stats")
    head, first, second = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert head.split("  ")[0] == "day (UTC)"
    assert head.endswith("cost")
    assert "missed" in head
    assert "transferred" not in head
    assert r"booking\x1b[2J" in first
    assert first.endswith("$0.0397+")
    words = "frontdesk 2 0.6 1 1 1 820/1140 0.41 $0.0397"
    assert second.split()[1:] == words.split()


def test_no_calls_in_that_time_is_a_line(command: Command, kept: datetime) -> None:
    """Which says where to look."""
    assert command("calls", "stats", "--since", "1m") == (
        0,
        "No calls in that time; see --since.\n",
        "",
    )


def test_groups_are_named() -> None:
    """In the order they are asked for."""
    assert groups("day") == ("day",)
    assert groups(" agent , day") == ("agent", "day")


@pytest.mark.parametrize("typed", ["", "week", "day,", "day,day", "day;agent"])
def test_other_groups_are_wrong_usage(typed: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(typer.BadParameter, match="must be day, agent, or day,agent"):
        groups(typed)


def test_wrong_usage_is_exit_2(command: Command) -> None:
    """The option is named."""
    assert command("calls", "stats", "--by", "week").code == 2
    assert "--since" in command("calls", "stats", "--since", "x").err
