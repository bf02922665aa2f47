"""What routes.toml lays down about recording."""

from pathlib import Path
from typing import Any

import pytest

from gateway.agents.announcements import announcement_problems, read_announcements
from gateway.agents.problems import Problem
from gateway.agents.routes import Routes, RoutesTable
from gateway.agents.tomlfile import TomlFile, read_toml

TEXT = """
[default]
recording_announcement = "hello.ulaw"
recording_text = "This call is recorded."
[[route]]
number = "+15550001000"
recording = "consent"
[[route]]
number = "+15550002000"
recording = "off"
[[route]]
number = "+15550003000"
recording = "on"
"""


def file_of(folder: Path, text: str = TEXT) -> TomlFile[RoutesTable]:
    """A routes.toml beside a recording of 100 ms."""
    (folder / "hello.ulaw").write_bytes(b"\x11" * 800)
    (folder / "routes.toml").write_text(text)
    problems: list[Problem] = []
    file = read_toml(folder / "routes.toml", RoutesTable, problems)
    assert file is not None
    assert problems == []
    return file


@pytest.mark.parametrize(
    ("recordings", "expected"),
    [
        (None, ["off", "consent", "off", "on"]),
        (True, ["on", "consent", "off", "on"]),
        (False, ["off", "off", "off", "off"]),
    ],
)
def test_the_deployment_may_say_on_for_the_silent_and_off_for_all(
    tmp_path: Path, recordings: bool | None, expected: list[str]
) -> None:
    """GATEWAY_RECORDINGS: unset, each route decides, and none is recorded that does not ask."""
    routes = Routes(file_of(tmp_path).table, "assistant", recordings=recordings)
    assert [route.recording for route in routes.all()] == expected


def test_an_announcement_is_read_with_the_files(tmp_path: Path) -> None:
    """Once, whole frames; its words go along."""
    problems: list[Problem] = []
    file = file_of(tmp_path)
    found = read_announcements(file, problems)
    assert problems == []
    assert found == {"hello.ulaw": b"\x11" * 800}
    default = Routes(file.table, "assistant", found).default
    assert default.announcement == b"\x11" * 800
    assert default.announcement_text == "This call is recorded."
    assert list(announcement_problems(file)) == []


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ('recording_announcement = "../hello.ulaw"', "default.recording_announcement"),
        ('recording_announcement = "hello.mp3"', "default.recording_announcement"),
    ],
)
def test_a_file_that_cannot_be_played_is_a_problem(tmp_path: Path, keys: str, key: str) -> None:
    """Told with its place, and nothing is played."""
    problems: list[Any] = []
    found = read_announcements(file_of(tmp_path, f"[default]\n{keys}\n"), problems)
    assert [(problem.line, problem.key) for problem in problems] == [(2, key)]
    assert list(found.values()) == [b""]
