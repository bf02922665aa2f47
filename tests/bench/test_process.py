"""The process under test is started, measured and ended; the yardsticks are such as work."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from random import Random

import pytest

from bench import process as module
from bench.load import Load, Outcome, Plan
from bench.model import ScriptedModel
from bench.process import COMMANDS, Cores, Gateway, GatewayFailed
from bench.script import Cues
from gateway.ops.load.clock import Clock


class EarlyInterruption:
    """An answer of 1.2 s, interrupted while it plays; then a short one."""

    def begin(self, session: Cues, random: Random) -> None:
        at = session.clock.call_in
        at(0.05, lambda _: session.respond([9600 + 77]))
        at(0.9, lambda _: session.caller_starts())
        at(1.0, lambda _: session.caller_stops([1600]))


def gateway(command: str, scratch: Path, url: str = "ws://127.0.0.1:1/v1/realtime") -> Gateway:
    return Gateway(command, url, scratch, Cores.choose().gateway, max_calls=10)


@pytest.mark.asyncio
async def test_a_gateway_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    """The failure shows what the process wrote, and nothing is left behind."""
    broken = gateway("{python} -c \"raise SystemExit('no such option: {port}')\"", tmp_path)
    with pytest.raises(GatewayFailed, match=f"no such option: {broken.port}"):
        await broken.start()
    await broken.stop()
    with pytest.raises(GatewayFailed):
        broken.check()


@pytest.mark.asyncio
async def test_a_gateway_sees_the_settings_of_the_benchmark_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings and keys of the person who runs it do not reach the gateway."""
    monkeypatch.setenv("OPENAI_API_KEY", "a person's key")
    monkeypatch.setenv("GATEWAY_LEAD_MS", "9")
    show = "import os; raise SystemExit({{k: v for k, v in os.environ.items() if '_' in k}})"
    shown = gateway(f'{{python}} -c "{show}"', tmp_path)
    with pytest.raises(GatewayFailed):
        await shown.start()
    await shown.stop()
    words = shown.log_tail()
    assert "'OPENAI_API_KEY': 'sk-bench'" in words
    assert f"'GATEWAY_PORT': '{shown.port}'" in words
    assert "GATEWAY_LEAD_MS" not in words


async def one_call(command: str, scratch: Path) -> Outcome:
    """A call of two seconds through a process of its own."""
    with Clock(asyncio.get_running_loop()) as clock:
        model = ScriptedModel(clock, seed=1)
        url = f"ws://127.0.0.1:{await model.start()}/v1/realtime"
        tested = gateway(command, scratch, url)
        try:
            await tested.start()
            plan = Plan(1, 2.0, EarlyInterruption(), settle_s=0.0)
            return await Load(clock, model).run(tested, plan, tested.rss_kb())
        finally:
            await tested.stop()
            await model.stop()


@pytest.mark.parametrize("name", ["plain", "example", "relay"])
@pytest.mark.asyncio
async def test_every_yardstick_carries_a_call(name: str, tmp_path: Path) -> None:
    """Each answers the signed webhook, loses nothing and clears on interruption."""
    before = os.sched_getaffinity(0)
    outcome = await one_call(COMMANDS[name], tmp_path)
    f = outcome.figures
    assert outcome.problems == []
    assert (f["lost_in"], f["doubled"], f["reordered"]) == (0, 0, 0)
    assert f["frames_in"] > 50
    assert f["frames_out"] > 50
    assert f["interruption_n"] == 1
    assert f["cpu_ms_per_call_s"] > 0
    assert f["rss_base_kb"] > 10_000
    assert os.sched_getaffinity(0) == before


def test_what_a_child_waits_for_is_not_others_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is meant to wait for the main thread, which alone must not be kept waiting."""
    started = gateway("{python}", tmp_path)
    schedstat = {1: "700 30 9", 2: "500 9000 9"}
    monkeypatch.setattr(Gateway, "_pids", lambda _self: [1, 2])
    monkeypatch.setattr(module, "_proc", lambda pid, _name: schedstat[pid])
    assert started.waited_ns() == 30
