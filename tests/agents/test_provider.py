"""Keys and addresses of an agent's own provider: what is read, and what is refused."""

from pathlib import Path

import pytest

from gateway.agents import schema
from gateway.agents.problems import Problem
from gateway.agents.provider import (
    header_problems,
    is_key,
    provider_problems,
    read_key,
)
from gateway.agents.tomlfile import TomlFile, read_toml


def file_with(path: Path, text: str) -> TomlFile[schema.Agent]:
    """An agent's file whose form is right."""
    (path / "a.toml").write_text(text)
    problems: list[Problem] = []
    file = read_toml(path / "a.toml", schema.Agent, problems)
    assert file is not None
    assert problems == []
    return file


def test_a_key_comes_from_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read once, when the agent is loaded."""
    monkeypatch.setenv("THEIR_KEY", "k-1")
    problems: list[Problem] = []
    file = file_with(tmp_path, '[provider]\napi_key_env = "THEIR_KEY"')
    assert (read_key(file, problems), problems) == ("k-1", [])


def test_a_key_comes_from_a_file(tmp_path: Path) -> None:
    """Without the line break an editor leaves."""
    (tmp_path / "key").write_text("k-2\n")
    problems: list[Problem] = []
    file = file_with(tmp_path, f'[provider]\napi_key_file = "{tmp_path / "key"}"')
    assert (read_key(file, problems), problems) == ("k-2", [])


@pytest.mark.parametrize("text", ["", '[provider]\nauth = "bearer"'])
def test_no_key_is_asked_for_where_none_is_named(tmp_path: Path, text: str) -> None:
    """A file without a provider, or with another source."""
    problems: list[Problem] = []
    assert (read_key(file_with(tmp_path, text), problems), problems) == (None, [])


@pytest.mark.parametrize("content", [b"", b"two words", b"k\nk", "schlüssel".encode(), b"\xff"])
def test_what_is_no_key_is_not_repeated(tmp_path: Path, content: bytes) -> None:
    """The file is named, never what stands in it."""
    (tmp_path / "key").write_bytes(content)
    problems: list[Problem] = []
    file = file_with(tmp_path, f'[provider]\napi_key_file = "{tmp_path / "key"}"')
    assert read_key(file, problems) is None
    (problem,) = problems
    assert (problem.line, problem.key) == (2, "provider.api_key_file")
    assert content.decode("latin-1") not in problem.message or not content


@pytest.mark.parametrize("key", [None, 5, "", " ", "a b", "a\n", "ä"])
def test_a_key_can_stand_in_a_header(key: object) -> None:
    """Anything else is no key."""
    assert not is_key(key)
    assert is_key("sk-1")


def test_a_provider_is_right_with_one_key(tmp_path: Path) -> None:
    """Azure with its own header; an address with the agent's name in it; headers alone."""
    azure = 'url = "wss://r.openai.azure.com/openai/v1/realtime?model=d"'
    for text in (
        f'[provider]\n{azure}\napi_key_env = "K"\nauth = "api-key"',
        '[provider]\nurl = "wss://h/{agent}"\napi_key_from = "keys.token"',
        '[provider]\nurl = "ws://127.0.0.1:9/v1/realtime"',
        '[provider.headers]\nX-Org = "x"',
    ):
        assert list(provider_problems(file_with(tmp_path, text))) == []


def test_headers_can_be_sent(tmp_path: Path) -> None:
    """Names are tokens, values printable ASCII."""
    file = file_with(tmp_path, "")
    headers = {"X-Ok": "fine", "X Org": "x", "": "x", "X-Line": "a\nb", "X-Wide": "ä"}
    told = [p.key for p in header_problems(file.problem, ("provider", "headers"), headers)]
    assert told == [f"provider.headers.{name}" for name in ("X Org", "", "X-Line", "X-Wide")]
