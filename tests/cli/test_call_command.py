"""What can be typed after `gateway call`."""

from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import call as call_module
from gateway.cli.call import Wish
from gateway.cli.main import app

TO = "+12025550123"


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, list[Wish]]:
    """The exit code, and what was wished for."""
    wishes: list[Wish] = []

    def run(wish: Wish) -> int:
        wishes.append(wish)
        return 0

    monkeypatch.setattr(call_module, "run_call", run)
    return CliRunner().invoke(app, ["call", *words]).exit_code, wishes


def test_a_number_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else has a default."""
    code, (wish,) = typed(monkeypatch, TO)
    assert (code, wish.to, wish.wait, wish.as_json, wish.gateway) == (0, TO, True, False, None)
    assert wish.body == {
        "agent": None,
        "from": None,
        "campaign": None,
        "data": {},
        "record": None,
        "amd": "off",
        "max_minutes": None,
        "ring_s": 60,
    }


def test_everything_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its own word."""
    words = "--agent survey --from +12025550100 --campaign spring --set name=Ada --set x=y"
    words += " --no-record --amd leave-message --max-minutes 2.5 --ring 20 --no-wait --json"
    code, (wish,) = typed(monkeypatch, TO, *words.split(), "--gateway", "http://h:1")
    expected: dict[str, Any] = {
        "agent": "survey",
        "from": "+12025550100",
        "campaign": "spring",
        "data": {"name": "Ada", "x": "y"},
        "record": False,
        "amd": "leave-message",
        "max_minutes": 2.5,
        "ring_s": 20,
    }
    assert (code, wish.body) == (0, expected)
    assert (wish.wait, wish.as_json, wish.gateway) == (False, True, "http://h:1")


@pytest.mark.parametrize(
    "words",
    [
        [],
        [TO, "--amd", "maybe"],
        [TO, "--ring", "1"],
        [TO, "--max-minutes", "0"],
        [TO, "--set", "name"],
    ],
)
def test_what_is_typed_wrong_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """Exit code 2, and nobody is asked."""
    assert typed(monkeypatch, *words) == (2, [])
