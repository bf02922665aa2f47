"""What can be typed after `gateway call`."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import call as call_module
from gateway.cli import campaign as campaign_module
from gateway.cli.call import Wish
from gateway.cli.campaign import CampaignWish
from gateway.cli.main import app
from gateway.core.retries import DEFAULTS, Retry

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
        [TO, "--list", "numbers.csv"],
        [TO, "--rate", "1/s"],
        [TO, "--check"],
        [TO, "--retry", "busy=0"],
        ["--list", "numbers.csv", "--no-wait"],
        ["--list", "numbers.csv", "--rate", "fast"],
        ["--list", "numbers.csv", "--max", "0"],
        ["--list", "numbers.csv", "--retry", "completed=1:1m"],
        ["--list", "numbers.csv", "--stop-after", "0"],
    ],
)
def test_what_is_typed_wrong_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """Exit code 2, and nobody is asked."""
    assert typed(monkeypatch, *words) == (2, [])


def typed_list(monkeypatch: pytest.MonkeyPatch, *words: str) -> CampaignWish:
    """What was wished for a list."""
    wishes: list[CampaignWish] = []

    def run(wish: CampaignWish) -> int:
        wishes.append(wish)
        return 0

    monkeypatch.setattr(campaign_module, "run_campaign", run)
    assert CliRunner().invoke(app, ["call", "--list", *words]).exit_code == 0
    (wish,) = wishes
    return wish


def test_a_list_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call a second, five at a time; the campaign is called as the file."""
    wish = typed_list(monkeypatch, "lists/spring.csv")
    assert (wish.path, wish.asked.name) == (Path("lists/spring.csv"), "spring")
    assert (wish.most, wish.faults, wish.retries) == (5, 5, DEFAULTS)
    assert (wish.result, wish.check, wish.skip_invalid, wish.as_json) == (None, *[False] * 3)
    wish.pace.begin("a", 0.0)
    wish.pace.arrive("a", 0.0)
    assert not wish.pace.free(0.99)
    assert wish.pace.free(1.0)


def test_everything_can_be_said_of_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds for each call, and what for all of them together."""
    words = "n.csv --agent survey --campaign spring --set city=Bath --ring 20 --record"
    words += " --rate 30/m --max 2 --retry busy=1:5m --retry machine=0 --stop-after 3"
    words += " --result out.csv --check --skip-invalid --json --gateway http://h:1"
    wish = typed_list(monkeypatch, *words.split())
    assert (wish.asked.name, wish.data) == ("spring", {"city": "Bath"})
    assert wish.asked.body == {
        "agent": "survey",
        "from": None,
        "record": True,
        "amd": "off",
        "max_minutes": None,
        "ring_s": 20,
    }
    assert (wish.most, wish.faults, wish.result) == (2, 3, Path("out.csv"))
    assert wish.retries["busy"] == Retry(1, timedelta(minutes=5))
    assert wish.retries["machine"].times == 0
    assert (wish.check, wish.skip_invalid, wish.as_json) == (True, True, True)
    assert wish.gateway == "http://h:1"
