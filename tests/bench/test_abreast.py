"""Two gateways at once: each has its own calls and model, and a failing one is told of."""

from __future__ import annotations

import pytest

from bench.abreast import abreast, in_turn, main
from bench.load import Plan
from bench.process import COMMANDS, GatewayFailed
from bench.rig import assembled
from bench.script import Ordinary


def test_who_is_first_changes_from_round_to_round() -> None:
    """What is started first must not always be the same."""
    commands = {"before": "a", "after": "b"}
    assert [list(in_turn(commands, number)) for number in (1, 2)] == [
        ["after", "before"],
        ["before", "after"],
    ]


@pytest.mark.asyncio
async def test_both_are_loaded_at_the_same_time() -> None:
    """Each with all the calls; none is lost to the other; their files are there until the end."""
    commands = {"relay": COMMANDS["relay"], "again": COMMANDS["relay"]}
    async with assembled() as rig, abreast(rig, commands, Plan(2, 2.0, Ordinary()), 1) as sides:
        for side in sides.values():
            assert side.outcome.problems == []
            assert side.figures["frames_in"] > 2 * 50
            assert side.figures["lost_in"] == side.figures["lost_out"] == 0
            assert side.figures["cpu_ms_per_call_s"] > 0
            assert side.data.parent.is_dir()
    assert not any(side.data.parent.exists() for side in sides.values())
    assert len({side.data for side in sides.values()}) == 2


@pytest.mark.asyncio
async def test_a_gateway_that_does_not_start_is_a_failure() -> None:
    """With its last words."""
    commands = {"one": COMMANDS["relay"], "two": "{python} -c \"raise SystemExit('no two')\""}
    async with assembled() as rig:
        with pytest.raises(GatewayFailed, match="no two"):
            async with abreast(rig, commands, Plan(1, 1.0, Ordinary()), 1):
                pass


def test_the_ratio_of_every_round_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """And their median, of those that count."""
    words = ["--before", COMMANDS["relay"], "--after", COMMANDS["relay"]]
    code = main([*words, "--calls", "1", "--rounds", "2", "--seconds", "1"])
    shown = capsys.readouterr().out
    assert shown.count("ratio ") == 2
    assert ("rounds" in shown.splitlines()[-1]) == (code == 0)  # else the generator was late


def test_wrong_numbers_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and the option at fault."""
    with pytest.raises(SystemExit) as ended:
        main(["--calls", "0"])
    assert ended.value.code == 2
    assert "--calls" in capsys.readouterr().err
