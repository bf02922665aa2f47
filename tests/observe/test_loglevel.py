"""The level of the log changes while the gateway runs, everywhere at once, and goes back."""

import asyncio
import json

import pytest
import structlog

from gateway.core.events import CallAnswered, UsageCounted
from gateway.observe.loglevel import Level, LogLevel
from gateway.observe.logs import configure_logs, event_log, set_level
from gateway.settings import load_settings

SID = "CA" + "0" * 32
USED = UsageCounted("response", "r1", "m", {}, 0.0, None, 0.0, 0.0)
ANSWERED = CallAnswered("MZ1", 1.0)
_log = structlog.get_logger()


def configured() -> None:
    """Sets up a log at `info`, to what is stderr by now."""
    configure_logs(load_settings(_env_file=None, log_format="json", log_level="info"))


class Hand:
    """A level whose changes are remembered."""

    def __init__(self, usual: Level = "info") -> None:
        self.applied: list[str] = []
        self.level = LogLevel(usual, self.applied.append)


@pytest.mark.asyncio
async def test_another_level_lasts_for_a_while() -> None:
    """And the usual one is back, without anybody."""
    hand = Hand()
    hand.level.set("debug", 0.0)
    assert (hand.level.level, hand.level.usual, hand.applied) == ("debug", "info", ["debug"])
    back = asyncio.Event()
    hand.level.on_change.append(back.set)
    async with asyncio.timeout(5):
        await back.wait()
    assert (hand.level.level, hand.level.until) == ("info", None)
    assert hand.applied == ["debug", "info"]


@pytest.mark.asyncio
async def test_whoever_sets_it_last_says_how_long() -> None:
    """The end of an earlier wish does not cut a later one short; the usual level has no end."""
    hand = Hand()
    hand.level.set("debug", 0.0)
    hand.level.set("error", 60.0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert hand.level.level == "error"
    hand.level.set("info", 60.0)
    assert (hand.level.level, hand.level.until) == ("info", None)
    assert hand.applied == ["debug", "error", "info"]


@pytest.mark.asyncio
async def test_every_logger_obeys_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The one that looks the log up no more, too."""
    configured()
    level = LogLevel("info", set_level)
    told = event_log(level.on_change.append)

    def say() -> list[str]:
        _log.debug("deep.inside")
        told(SID, USED)
        told(SID, ANSWERED)
        return [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]

    assert say() == ["call.answered"]
    level.set("debug")
    assert say() == ["log.level_changed", "deep.inside", "usage.counted", "call.answered"]
    level.set("error")
    assert say() == ["log.level_changed"]
    level.set("info")
    assert say() == ["log.level_changed", "call.answered"]


@pytest.mark.asyncio
async def test_a_change_is_a_line_where_more_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """Before the log falls silent, or after it has woken up: nobody wonders why."""
    configured()
    level = LogLevel("error", set_level)
    set_level("error")
    level.set("debug")
    level.set("error")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["now"], line["before"]) for line in lines] == [
        ("debug", "error"),
        ("error", "debug"),
    ]
