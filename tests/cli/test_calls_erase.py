"""`gateway calls erase`: asks, erases, and says what is left if anything is."""

import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from gateway.store.journal.segments import Segments
from gateway.store.privacy.erasure import Erased, Erasure
from gateway.store.privacy.evidence import read
from tests.cli.conftest import Command
from tests.cli.privacy import record, settings_of_commands, with_records
from tests.store.asks import ids, write_down
from tests.store.canaries import WHOLE, Canary, counted, files, sid
from tests.store.journal.test_waiting import entry

NUMBER = "+4930100200"
OURS, TOO, OTHERS = Canary(1), Canary(2, recorded=False), Canary(3, caller="+15550000001")
LIVE = Canary(4, state="live")
SIZE = (
    "1 recording, 2 calls, 4 turns, 4 events, 4 tool calls, 4 handoffs, 4 tripped guardrails, "
    "4 counts of usage, 4 notes, 4 webhooks"
)


@pytest.fixture
def settings(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """What the commands see: a folder in which there is nothing yet."""
    return settings_of_commands(monkeypatch, tmp_path / "data")


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """What the person types."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def rows_of(settings: Settings, call: Canary) -> dict[str, int]:
    """What is left of a call in the database."""
    return with_records(settings, lambda engine: counted(engine, call.call_sid))


def test_a_number_is_erased(command: Command, settings: Settings) -> None:
    """All its calls and no others; how people write it does not matter."""
    record(settings, OURS, TOO, OTHERS)
    done = command("erase", "--number", "+49 (30) 100-200", "--yes")
    assert done == (0, f"erased: {SIZE}\n", "")
    assert rows_of(settings, OURS) == rows_of(settings, TOO) == {}
    assert rows_of(settings, OTHERS) == WHOLE
    assert files(settings.data_dir) == {OTHERS.recording}


def test_a_call_is_erased(command: Command, settings: Settings) -> None:
    """For scripts everything about it is in one object."""
    record(settings, OURS, TOO)
    done = command("erase", "--call", sid(1), "--yes", "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "counts": {"recordings": 1, **WHOLE},
        "missing": 0,
        "failed": {},
        "waiting": [],
        "ahead": [],
        "unscrubbed": "",
        "dry_run": False,
        "live": [],
        "complete": True,
    }
    assert rows_of(settings, TOO) == WHOLE


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_it_asks_first(
    command: Command,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    """With what will go; only yes is yes, and no answer is none."""
    record(settings, OURS, TOO)
    for typed in ("n\n", "\n", ""):
        answer(monkeypatch, typed)
        done = command("erase", "--number", NUMBER, *words)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"gateway: these go for good: {SIZE}\nErase them?")
    assert rows_of(settings, OURS) == WHOLE
    answer(monkeypatch, "y\n")
    assert command("erase", "--number", NUMBER, *words).code == 0
    assert rows_of(settings, OURS) == {}


def test_a_dry_run_only_tells(command: Command, settings: Settings) -> None:
    """It neither asks nor removes."""
    record(settings, OURS, TOO)
    assert command("erase", "--number", NUMBER, "--dry-run") == (
        0,
        f"these would go: {SIZE}\n",
        "",
    )
    told = json.loads(command("erase", "--number", NUMBER, "--dry-run", "--json").out)
    assert (told["dry_run"], told["complete"]) == (True, False)
    assert told["counts"]["calls"] == 2
    assert rows_of(settings, OURS) == WHOLE
    assert with_records(settings, read) == []


def test_nobody_of_that_number_is_a_failure(command: Command, settings: Settings) -> None:
    """It may have been mistyped; the number is not repeated. No database is made."""
    for _ in range(2):
        done = command("erase", "--number", "+4930100201", "--yes")
        assert done == (1, "", "gateway: no call with that number\n")
        done = command("erase", "--call", "CA1", "--yes")
        assert done == (1, "", "gateway: no call with that ID\n")
        if not settings.data_dir.exists():
            record(settings, OURS)
    assert rows_of(settings, OURS) == WHOLE


def test_live_calls_are_left_and_told(command: Command, settings: Settings) -> None:
    """The others of the number go; that some stay is a failure."""
    record(settings, OURS, LIVE)
    done = command("erase", "--number", NUMBER, "--yes")
    assert done.code == 1
    assert done.out.startswith("erased: 1 recording, 1 call, ")
    line = f"still on the line, not erased: {sid(4)}; erase again when they have ended"
    assert done.err == f"gateway: {line}\n"
    assert rows_of(settings, OURS) == {}
    assert rows_of(settings, LIVE) == WHOLE
    assert command("erase", "--call", sid(4)) == (1, "", f"gateway: {line}\n")
    told = json.loads(command("erase", "--call", sid(4), "--json").out)
    assert (told["live"], told["counts"], told["complete"]) == ([sid(4)], {}, False)


def test_an_erased_call_is_gone_over_again(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is there to be counted; it is said why it was found at all."""
    record(settings, OURS)
    assert command("erase", "--call", sid(1), "--yes").code == 0
    answer(monkeypatch, "y\n")
    done = command("erase", "--call", sid(1))
    assert (done.code, done.out) == (0, "erased: nothing\n")
    assert done.err.startswith("gateway: it was erased before; ")


def test_what_is_left_is_told_with_what_to_do(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line for each, and a failure."""
    record(settings, OURS)
    left = Erased(
        {"calls": 1},
        missing=2,
        failed={"exports/x.wav": "Permission denied"},
        waiting=["b" * 32],
        ahead=["c" * 32 + ".ahead"],
        unscrubbed="it was in use all the time",
    )

    async def erase(*_: Any) -> Erased:
        return left

    monkeypatch.setattr(Erasure, "erase", erase)
    done = command("erase", "--number", NUMBER, "--yes")
    again = f"`gateway calls erase --call {sid(1)}`"
    assert (done.code, done.out) == (1, "erased: 1 call\n")
    begins = [
        "exports/x.wav: Permission denied; ",
        "2 recordings not on this disk; ",
        f"journal/{'b' * 32}: something waits in it and will not be written; ",
        f"recordings/{'c' * 32}.ahead: what was recorded last may still be in it; ",
        "old bytes may be left in the database (it was in use all the time); ",
    ]
    lines = done.err.splitlines()
    for line, begin in zip(lines, begins, strict=True):
        assert line.startswith(f"gateway: {begin}")
    assert [line.endswith(again) for line in lines] == [False, False, True, True, True]
    left.failed, left.waiting, left.ahead, left.unscrubbed = {}, [], [], ""
    assert command("erase", "--number", NUMBER, "--yes").code == 0


def test_a_journal_that_is_not_emptied_in_time_is_told(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway that has it runs, and cannot reach its database."""
    record(settings, OURS)
    living = Segments(settings.data_dir / "journal" / ("b" * 32))
    living.open()
    living.append(entry(sid(1), 99))
    monkeypatch.setattr("gateway.store.privacy.erasure._LOOK_S", 100.0)
    done = command("erase", "--number", NUMBER, "--yes")
    assert done.code == 1
    assert done.err.startswith(f"gateway: journal/{'b' * 32}: something waits in it")
    living.close()


def test_a_locked_database_is_one_line(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When somebody writes all the time; nothing is gone then."""
    record(settings, OURS)
    monkeypatch.setattr("gateway.store.engine.BUSY_MS", 0)
    monkeypatch.setattr("gateway.store.privacy.busy._WAITS_S", (100.0,))
    other = sqlite3.connect(settings.data_dir / "calls.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    done = command("erase", "--number", NUMBER, "--yes")
    assert done == (1, "", "gateway: the database was in use all the time: try again\n")
    other.close()
    assert rows_of(settings, OURS) == WHOLE


def test_who_never_answered_is_erased(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no call of theirs, only calls we placed."""
    record(settings, OTHERS)
    with_records(settings, lambda engine: write_down(engine, "busy", to_number=NUMBER))
    done = command("erase", "--number", NUMBER, "--dry-run")
    assert done == (0, "these would go: 1 placed call\n", "")
    done = command("erase", "--number", NUMBER, "--yes")
    assert done == (0, "erased: 1 placed call\n", "")
    assert with_records(settings, ids) == []
    left = Erased({"dials": 1}, unscrubbed="it was in use all the time")

    async def erase(*_: Any) -> Erased:
        return left

    with_records(settings, lambda engine: write_down(engine, "busy", to_number=NUMBER))
    monkeypatch.setattr(Erasure, "erase", erase)
    done = command("erase", "--number", NUMBER, "--yes")
    assert done.code == 1
    assert done.err.endswith("go over it with any later erasure\n")


def test_who_is_being_called_is_on_the_line(command: Command, settings: Settings) -> None:
    """Before there is a call."""
    record(settings, OTHERS)
    with_records(
        settings, lambda engine: write_down(engine, "rings", to_number=NUMBER, state="ringing")
    )
    done = command("erase", "--number", NUMBER, "--yes")
    line = "still on the line, not erased: rings; erase again when they have ended"
    assert done == (1, "", f"gateway: {line}\n")
    assert with_records(settings, ids) == ["rings"]
