"""`gateway hooks`: what was told, what was not, and telling it again."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from gateway.store.tables import deliveries
from tests.cli.conftest import Command
from tests.store.databases import made, settings_in
from tests.store.outboxes import rows

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ROWS: list[tuple[str, int, str, int, str | None]] = [
    ("CA1", 4, "pending", 2, "timeout"),
    ("CA1", 9, "dead", 9, "http_500"),
    ("CA2", 3, "delivered", 1, None),
    ("CA3", 7, "dead", 1, "http_410"),
]


async def fill(folder: Path) -> None:
    """The database of the settings, with deliveries in it."""
    engine = await made(settings_in(folder))
    async with engine.begin() as connection:
        for call_sid, seq, state, attempts, error in ROWS:
            row = {"call_sid": call_sid, "seq": seq, "event": "call.ended", "body": "{}"}
            ended = None if state == "pending" else AT
            moments = {"created_at": AT, "next_at": AT, "done_at": ended}
            row |= {"state": state, "attempts": attempts, "error": error, **moments}
            await connection.execute(insert(deliveries).values(row))
    await engine.dispose()


async def states(folder: Path) -> dict[str, tuple[str, int]]:
    """State and attempts of every delivery."""
    engine = await made(settings_in(folder))
    found = {key: (row["state"], row["attempts"]) for key, row in (await rows(engine)).items()}
    await engine.dispose()
    return found


@pytest.fixture
def folder(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data dir whose database has deliveries in it."""
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path / "data"))
    asyncio.run(fill(tmp_path / "data"))
    return tmp_path / "data"


def ids(told: str) -> list[str]:
    """The IDs in a list for scripts."""
    return [row["id"] for row in json.loads(told)]


def test_scripts_read_everything_but_the_body(command: Command, folder: Path) -> None:
    """Times are UTC; what did not happen is null."""
    done = command("hooks", "list", "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)[1] == {
        "id": "CA1:4",
        "call_sid": "CA1",
        "seq": 4,
        "event": "call.ended",
        "state": "pending",
        "attempts": 2,
        "created_at": "2026-03-01T12:00:00+00:00",
        "next_at": "2026-03-01T12:00:00+00:00",
        "done_at": None,
        "error": "timeout",
    }


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], ["CA1:9", "CA1:4", "CA2:3", "CA3:7"]),
        (["--state", "dead"], ["CA1:9", "CA3:7"]),
        (["--state", "pending"], ["CA1:4"]),
        (["--call", "CA1"], ["CA1:9", "CA1:4"]),
        (["--call", "CA1", "--state", "delivered"], []),
    ],
)
def test_some_of_them(command: Command, folder: Path, words: list[str], found: list[str]) -> None:
    """Of one state, of one call, or both."""
    assert ids(command("hooks", "list", *words, "--json").out) == found


def test_a_person_reads_a_table(command: Command, folder: Path) -> None:
    """IDs are whole, so that they can be given to `retry`."""
    done = command("hooks", "list")
    assert done.code == 0
    for word in ("CA1:9", "call.ended", "dead", "http_500", "2026"):
        assert word in done.out


def test_an_unknown_state_is_exit_2(command: Command, folder: Path) -> None:
    """Those there are are named."""
    done = command("hooks", "list", "--state", "lost")
    assert done.code == 2
    assert "delivered" in done.err


def test_one_is_tried_again(command: Command, folder: Path) -> None:
    """It is pending, and has all its attempts."""
    assert command("hooks", "retry", "CA1:9") == (0, "1 delivery is due again\n", "")
    assert asyncio.run(states(folder)) == {
        "CA1:4": ("pending", 2),
        "CA1:9": ("pending", 0),
        "CA2:3": ("delivered", 1),
        "CA3:7": ("dead", 1),
    }


def test_all_dead_ones_are_tried_again(command: Command, folder: Path) -> None:
    """However many there are."""
    assert command("hooks", "retry", "--dead").out == "2 deliveries are due again\n"
    assert command("hooks", "retry", "--dead").out == "0 deliveries are due again\n"
    assert ids(command("hooks", "list", "--state", "dead", "--json").out) == []


@pytest.mark.parametrize("words", [[], ["CA1:9", "--dead"]])
def test_which_one_must_be_said(command: Command, folder: Path, words: list[str]) -> None:
    """An ID or all dead ones; exit 2."""
    done = command("hooks", "retry", *words)
    assert (done.code, done.out) == (2, "")
    assert "--dead" in done.err


def test_an_unknown_id_is_exit_1(command: Command, folder: Path) -> None:
    """It is named."""
    assert command("hooks", "retry", "CA9:1") == (1, "", "gateway: there is no delivery 'CA9:1'\n")


def test_before_the_first_call_there_are_none(command: Command, tmp_path: Path) -> None:
    """Looking makes nothing."""
    assert command("hooks", "list", "--json") == (0, "[]\n", "")
    assert command("hooks", "retry", "--dead").out == "0 deliveries are due again\n"
    assert not (tmp_path / "data").exists()


def test_what_is_no_database_is_one_line(command: Command, tmp_path: Path) -> None:
    """Exit 1."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "calls.db").write_bytes(b"something else, and long enough" * 100)
    told = "gateway: the records cannot be read: file is not a database\n"
    assert command("hooks", "list") == (1, "", told)
