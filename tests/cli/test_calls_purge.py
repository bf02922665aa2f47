"""`gateway calls purge` and `gateway calls evidence`."""

import json
from pathlib import Path

import pytest

from gateway.settings import Settings
from gateway.store.privacy.evidence import read
from tests.cli.conftest import Command
from tests.cli.privacy import AGES_AGO, AGES_AHEAD, record, settings_of_commands, with_records
from tests.store.canaries import WHOLE, Canary, counted, files

OLD, YOUNG = Canary(1, age_days=AGES_AGO), Canary(2, age_days=AGES_AHEAD)


@pytest.fixture
def settings(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """What the commands see: a folder in which there is nothing yet."""
    return settings_of_commands(monkeypatch, tmp_path / "data")


def test_what_is_due_goes(command: Command, settings: Settings) -> None:
    """One line per rule."""
    record(settings, OLD, YOUNG)
    done = command("purge")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "calls older than 400 days: 1 recording, 1 call, 2 turns, 2 events, 2 tool calls, "
        "2 handoffs, 2 tripped guardrails, 2 counts of usage, 2 notes, 2 webhooks\n"
        "recordings older than 30 days: nothing\n"
        "text older than 90 days: nothing\n"
        "placed calls older than 400 days: nothing\n"
        "audit trail older than 400 days: nothing\n"
        "recordings no call knows of: nothing\n"
        "refused entries older than 90 days: nothing\n"
    )
    assert files(settings.data_dir) == {YOUNG.recording}
    assert with_records(settings, lambda engine: counted(engine, OLD.call_sid)) == {}
    assert with_records(settings, lambda engine: counted(engine, YOUNG.call_sid)) == WHOLE


def test_a_dry_run_only_tells(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits are those of the settings; nothing is removed."""
    monkeypatch.setenv("GATEWAY_KEEP_CALLS_DAYS", "0")
    monkeypatch.setenv("GATEWAY_KEEP_TEXT_DAYS", "0")
    monkeypatch.setenv("GATEWAY_KEEP_RECORDINGS_DAYS", "1.5")
    record(settings, OLD, YOUNG)
    done = command("purge", "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "recordings older than 1.5 days: 1 recording\n"
        "recordings no call knows of: nothing\n"
        "(a dry run: nothing was removed)\n"
    )
    assert files(settings.data_dir) == {OLD.recording, YOUNG.recording}
    assert with_records(settings, read) == []


def test_scripts_get_an_array(command: Command, settings: Settings) -> None:
    """An object per rule."""
    record(settings, OLD)
    rows = json.loads(command("purge", "--json").out)
    assert rows[0]["rule"] == "calls older than 400 days"
    assert rows[0]["counts"] == {"recordings": 1, **WHOLE}
    assert [row["counts"] for row in rows[1:]] == [{}] * 6


def test_a_recording_that_cannot_be_deleted_is_a_failure(
    command: Command, settings: Settings
) -> None:
    """One line with the file and the reason."""
    record(settings, OLD)
    path = settings.data_dir / "recordings" / str(OLD.recording)
    path.unlink()
    path.mkdir()
    done = command("purge")
    assert done.code == 1
    assert done.err.startswith(f"gateway: recordings/{OLD.recording}: ")
    assert done.err.count("\n") == 1


def test_without_records_there_is_nothing_to_do(command: Command, settings: Settings) -> None:
    """And none are made."""
    assert command("purge") == (0, "nothing is recorded yet\n", "")
    assert command("purge", "--json") == (0, "[]\n", "")
    assert command("evidence") == (0, "nothing was removed yet\n", "")
    assert command("evidence", "--json") == (0, "[]\n", "")
    assert not settings.data_dir.exists()


def test_what_was_removed_is_listed(command: Command, settings: Settings) -> None:
    """When, by which rule, how much of what."""
    record(settings, OLD)
    command("purge")
    (line,) = with_records(settings, read)
    done = command("evidence")
    assert done.code == 0
    for word in ("purge", "calls", "400", "removed"):
        assert word in done.out
    (row,) = json.loads(command("evidence", "--json").out)
    assert row == {
        "at": line.at.isoformat(),
        "act": "purge",
        "rule": "calls older than 400 days",
        "counts": {"recordings": 1, **WHOLE},
    }


def test_a_database_that_is_away_is_one_line(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its password."""
    url = "postgresql://somebody:hunter2@127.0.0.1:1/calls"
    monkeypatch.setenv("GATEWAY_DATABASE_URL", url)
    for words in (("purge",), ("evidence",), ("erase", "--number", "+4930100200")):
        done = command(*words)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("gateway: the database of the records: ")
        assert "hunter2" not in done.err
        assert done.err.count("\n") == 1
