"""`gateway db upgrade`: the database, from which revision to which."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.store.migrations import REVISIONS
from tests.cli.conftest import Command

NEWEST = REVISIONS[-1]


def test_a_person_reads_from_what_to_what(command: Command, tmp_path: Path) -> None:
    """The first time it is made, in the data dir."""
    done = command("db", "upgrade")
    assert (done.code, done.out) == (0, f"database: nothing → {NEWEST}\n")
    assert (tmp_path / "data" / "calls.db").exists()
    assert command("db", "upgrade").out == f"database: at {NEWEST} already\n"


def test_a_machine_reads_json(command: Command) -> None:
    """The same."""
    first, second = (json.loads(command("db", "upgrade", "--json").out) for _ in range(2))
    assert first == {"from": None, "to": NEWEST}
    assert second == {"from": NEWEST, "to": NEWEST}


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("postgresql://me:hunter2@127.0.0.1:1/calls", "ConnectionRefusedError"),
        ("sqlite:////nowhere/at/all/calls.db", "FileNotFoundError"),
        ("sqlite:////", "IsADirectoryError"),
    ],
)
def test_a_database_that_is_away_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, url: str, cause: str
) -> None:
    """Exit code 1, and no password."""
    monkeypatch.setenv("GATEWAY_DATABASE_URL", url)
    done = command("db", "upgrade")
    assert done.code == 1
    assert done.err == f"gateway: the database cannot be upgraded: {cause}\n"


def test_several_processes_at_once(tmp_path: Path) -> None:
    """Each ends well; one of them made the database."""
    command = [sys.executable, "-m", "gateway", "db", "upgrade", "--json"]
    started = [
        subprocess.Popen(
            command,
            env={"GATEWAY_DATA_DIR": str(tmp_path / "data")},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [json.loads(each.communicate(timeout=50)[0]) for each in started]
    assert [each.returncode for each in started] == [0, 0, 0]
    assert [each["from"] for each in said].count(None) == 1
