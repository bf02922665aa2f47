"""`gateway agents`: what is configured, and mistakes in it."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_the_shipped_agent_is_listed(command: Command) -> None:
    """With its model, voice, tools and whether it greets."""
    done = command("agents", "list")
    assert done.code == 0
    for word in ("assistant", "gpt-realtime-2.1", "marin", "lookup_order", "end_call", "yes"):
        assert word in done.out


def test_json_is_an_array_of_objects(command: Command) -> None:
    """For scripts: the same, complete, and nothing else on stdout."""
    done = command("agents", "list", "--json")
    assert done.code == 0
    assert json.loads(done.out) == [
        {
            "name": "assistant",
            "model": "gpt-realtime-2.1",
            "voice": "marin",
            "tools": ["lookup_order", "end_call"],
            "handoffs": [],
            "greets": True,
        }
    ]


def test_several_agents_are_listed_by_name(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Handoffs by the names of the other agents."""
    for name in ("b", "a"):
        (tmp_path / f"{name}.toml").write_text('handoffs = ["b"]' if name == "a" else "")
        (tmp_path / f"{name}.md").write_text("Be brief.")
    monkeypatch.setenv("GATEWAY_AGENTS_DIR", str(tmp_path))
    rows = json.loads(command("agents", "list", "--json").out)
    assert [(row["name"], row["handoffs"], row["greets"]) for row in rows] == [
        ("a", ["b"], False),
        ("b", [], False),
    ]


def test_a_mistake_is_one_line_and_exit_2(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file and the key are named."""
    (tmp_path / "a.toml").write_text("greting = 'Hello.'")
    monkeypatch.setenv("GATEWAY_AGENTS_DIR", str(tmp_path))
    done = command("agents", "list")
    told = f"gateway: {tmp_path / 'a.toml'}: unknown key greting (did you mean greeting?)\n"
    assert done == (2, "", told)


def test_a_missing_folder_is_one_line_and_exit_2(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The variable is named."""
    monkeypatch.setenv("GATEWAY_AGENTS_DIR", str(tmp_path / "nowhere"))
    done = command("agents", "list")
    assert (done.code, done.err[:29]) == (2, "gateway: GATEWAY_AGENTS_DIR: ")
