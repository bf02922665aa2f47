"""`gateway log-level`: shows and sets, and says until when."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import log_level as module
from gateway.cli.main import app

SAID = {"level": "debug", "usual": "info", "until": "2026-03-01T09:00:00Z"}


class HandApi:
    """Answers, and remembers what it was asked."""

    asked: list[tuple[Any, ...]]

    def __init__(self, _settings: object, url: str | None) -> None:
        self.asked.append((url,))

    def __enter__(self) -> "HandApi":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """One request."""
        self.asked.append((method, path, request))
        return SAID if method == "PUT" else {**SAID, "level": "info", "until": None}


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, list[Any]]:
    """Exit code, what was printed, what was asked."""
    HandApi.asked = []
    monkeypatch.setattr(module, "GatewayApi", HandApi)
    done = CliRunner().invoke(app, ["log-level", *words])
    return done.exit_code, done.output, HandApi.asked


def test_without_a_level_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """One word."""
    code, output, asked = typed(monkeypatch, "--gateway", "http://h:1")
    assert (code, output) == (0, "info\n")
    assert asked == [("http://h:1",), ("GET", "/api/log-level", {})]


def test_with_one_it_is_set_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway says how long when nobody else does."""
    code, output, asked = typed(monkeypatch, "debug", "--minutes", "30")
    assert code == 0
    assert output.startswith("debug until ")
    assert output.endswith(", then info again\n")
    assert asked[1:] == [("PUT", "/api/log-level", {"json": {"level": "debug", "minutes": 30.0}})]
    assert typed(monkeypatch, "debug")[2][1:] == [
        ("PUT", "/api/log-level", {"json": {"level": "debug"}})
    ]


def test_json_is_what_the_gateway_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is."""
    assert json.loads(typed(monkeypatch, "debug", "--json")[1]) == SAID


@pytest.mark.parametrize("words", [("loud",), ("debug", "--minutes", "0"), ("--minutes", "5")])
def test_wrong_usage(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    """Exit 2, and nobody is asked."""
    code, _, asked = typed(monkeypatch, *words)
    assert (code, asked) == (2, [])
