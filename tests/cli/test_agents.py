"""`gateway agents`: what is configured, and mistakes in it."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command


@pytest.fixture
def folder(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of our own, with agents `a` and `b`."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text('handoffs = ["b"]' if name == "a" else "")
        (tmp_path / f"{name}.md").write_text("Be brief.")
    monkeypatch.setenv("GATEWAY_AGENTS_DIR", str(tmp_path))
    monkeypatch.setenv("GATEWAY_AGENT", "a")
    return tmp_path


def test_the_shipped_agents_are_listed(command: Command) -> None:
    """With model, voice, tools and handoffs, and whether they greet."""
    done = command("agents", "list", "--json")
    rows = {row["name"]: row for row in json.loads(done.out)}
    assert done.code == 0
    assert rows["assistant"] == {
        "name": "assistant",
        "numbers": [],
        "model": "gpt-realtime-2.1",
        "voice": "marin",
        "tools": ["lookup_order", "end_call"],
        "mcp_servers": [],
        "handoffs": [],
        "greets": True,
    }
    assert rows["frontdesk"]["handoffs"] == ["faq", "booking"]


def test_a_person_reads_a_table(command: Command, folder: Path) -> None:
    """The same for people."""
    done = command("agents", "list")
    assert done.code == 0
    for word in ("agent", "handoffs", "a", "b", "marin", "no"):
        assert word in done.out


def test_several_agents_are_listed_by_name(command: Command, folder: Path) -> None:
    """Handoffs by the names of the other agents, numbers from the routes."""
    (folder / "a.toml").write_text('handoffs = ["b"]\n[model]\nvoice = { id = "voice_1" }')
    (folder / "routes.toml").write_text('[[route]]\nnumber = "+12025550123"\nagent = "b"')
    rows = json.loads(command("agents", "list", "--json").out)
    assert [(row["name"], row["handoffs"], row["numbers"], row["voice"]) for row in rows] == [
        ("a", ["b"], [], "voice_1"),
        ("b", [], ["+12025550123"], "marin"),
    ]


def test_mistakes_are_lines_and_exit_2(command: Command, folder: Path) -> None:
    """Each by file, line and key: nothing half right is listed."""
    (folder / "a.toml").write_text("greting = 'Hello.'\n\ntools = ['end_cal']")
    done = command("agents", "list")
    told = (
        f"gateway: {folder / 'a.toml'}:1: greting: unknown key (did you mean greeting?)\n"
        f"{folder / 'a.toml'}:3: tools: no built-in tool 'end_cal' (did you mean end_call?)\n"
    )
    assert done == (2, "", told)


def test_a_missing_folder_is_one_line_and_exit_2(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The variable is named."""
    monkeypatch.setenv("GATEWAY_AGENTS_DIR", str(tmp_path / "nowhere"))
    done = command("agents", "list")
    assert (done.code, done.err[:29]) == (2, "gateway: GATEWAY_AGENTS_DIR: ")


def test_a_check_without_mistakes_counts(command: Command, folder: Path) -> None:
    """How much there was to look at; exit 0."""
    assert command("agents", "check") == (0, "2 agents, 0 errors, 0 warnings\n", "")


def test_a_check_tells_every_mistake(command: Command, folder: Path) -> None:
    """Errors, then warnings, then how many; exit 1."""
    (folder / "a.toml").write_text('[model]\nturn_detection = "off"')
    (folder / "b.toml").write_text("speed = 1\n[model]\nspeed = 9")
    done = command("agents", "check")
    told = (
        f"{folder / 'b.toml'}:1: speed: unknown key (did you mean model.speed?)\n"
        f"{folder / 'b.toml'}:3: model.speed: must be a number from 0.25 to 1.5\n"
        f"{folder / 'a.toml'}:2: model.turn_detection: off: only keys end the caller's turn"
        " (a warning)\n"
        "2 agents, 2 errors, 1 warning\n"
    )
    assert done == (1, told, "")


def test_warnings_alone_are_fine(command: Command, folder: Path) -> None:
    """Exit 0; for scripts the same as JSON."""
    (folder / "a.toml").write_text('[model]\nturn_detection = "off"')
    done = command("agents", "check", "--json")
    assert done.code == 0
    assert json.loads(done.out) == [
        {
            "file": str(folder / "a.toml"),
            "line": 2,
            "key": "model.turn_detection",
            "message": "off: only keys end the caller's turn",
            "severity": "warning",
        }
    ]


def test_json_of_mistakes_is_exit_1(command: Command, folder: Path) -> None:
    """Nothing but JSON on stdout."""
    (folder / "a.toml").write_text("x = ")
    done = command("agents", "check", "--json")
    assert (done.code, done.err) == (1, "")
    assert json.loads(done.out)[0]["line"] == 1
