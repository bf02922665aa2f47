"""One invocation survives a gateway that fails, and says which."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from bench.density import Bench
from bench.load import Load, Plan
from bench.model import ScriptedModel
from bench.process import GatewayFailed
from bench.results import Results
from bench.script import Ordinary
from bench.webhook import Account
from gateway.ops.load.clock import Clock
from tests.bench.loopback import LoopbackGateway


@dataclass(slots=True)
class Stranger(LoopbackGateway):
    """Its callers sign with another account's token."""

    @property
    def account(self) -> Account:
        return Account("ACstranger", "another-token", f"http://127.0.0.1:{self.port}")


@pytest.mark.asyncio
async def test_calls_that_are_refused_are_a_failure() -> None:
    """A gateway that takes no call at all gives no figures."""
    with Clock(asyncio.get_running_loop()) as clock:
        gateway = Stranger("ws://127.0.0.1:1/v1/realtime")
        await gateway.start()
        load = Load(clock, ScriptedModel(clock, seed=1))
        with pytest.raises(GatewayFailed, match="webhook answered 403"):
            await load.run(gateway, Plan(2, 1.0, Ordinary(), settle_s=0.0), 0.0)
        await gateway.stop()


@pytest.mark.asyncio
async def test_a_broken_gateway_ends_its_own_part_only() -> None:
    """Every variant is tried in every round, and each failure is kept with its last words."""
    told: list[str] = []
    broken = "{python} -c \"raise SystemExit('%s is broken')\""
    bench = Bench(
        variants={"one": broken % "one", "two": broken % "two"},
        calls=(1,),
        rounds=2,
        seconds=1.0,
        exact_seconds=0.0,
        tell=told.append,
    )
    results = Results()
    await bench.run(results)
    assert [failure.split(":")[0] for failure in results.failures] == ["two", "one", "one", "two"]
    assert "two is broken" in results.failures[0]
    assert len(told) == 4


def test_the_estimate_counts_every_run() -> None:
    """Twenty-four runs of fourteen seconds take minutes, not seconds."""
    bench = Bench({"a": "", "b": ""}, (1, 10, 50, 100), 3, 14.0, 20.0, print)
    assert bench.runs() == 24
    assert 400 < bench.estimate_s() < 660
