"""Workers as processes, one beginning for all."""

import sys
from pathlib import Path

import msgspec
import pytest

from gateway.errors import GatewayError
from gateway.ops.load.fleet import LINES_PER_WORKER, Fleet, workers_for
from gateway.ops.load.record import Placing, Pulse, Ready
from tests.ops.load.harness import a_fixture, an_order
from tests.ops.load.peer import Peer, listening

SHORT = ({"step": "wait_for_agent", "heard_ms": 60}, {"step": "hang_up"})


def test_one_worker_per_so_many_lines() -> None:
    """And one at least."""
    assert [workers_for(n) for n in (1, LINES_PER_WORKER, LINES_PER_WORKER + 1)] == [1, 1, 2]


@pytest.mark.asyncio
async def test_two_workers_share_a_run(tmp_path: Path) -> None:
    """Each has its lines; everything they say arrives."""
    fixture = a_fixture(tmp_path, *SHORT)
    pulses: list[Pulse] = []
    async with listening(Peer()) as peer:
        orders = [
            an_order(peer, fixture, worker=worker, lines=[Placing(worker, 0.0)])
            for worker in range(2)
        ]
        async with Fleet(orders, pulses.append) as fleet:
            await fleet.run()
    records = [record for pulse in pulses for record in pulse.ended]
    assert sorted((record.worker, record.number) for record in records) == [(0, 0), (1, 1)]
    assert all(not record.failure for record in records)


@pytest.mark.asyncio
async def test_a_worker_that_cannot_work_says_why() -> None:
    """Its last line, as an error of the run."""
    order = an_order(Peer(url="http://127.0.0.1:9"), "nowhere.ulaw")
    with pytest.raises(GatewayError, match=r"a worker of the load test was lost.*nowhere.ulaw"):
        async with Fleet([order], lambda _: None):
            pass


@pytest.mark.asyncio
async def test_a_worker_that_is_killed_in_the_middle_of_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is lost, whatever its exit code says."""
    script = tmp_path / "worker"
    ready = msgspec.json.encode(Ready(0)).decode()
    script.write_text(f"#!/bin/sh\nread order\necho '{ready}'\nread begin\nprintf '{{'\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    order = an_order(Peer(url="http://127.0.0.1:9"), "nowhere.ulaw")
    with pytest.raises(GatewayError, match="a worker of the load test was lost: exit code 0"):
        async with Fleet([order], lambda _: None) as fleet:
            await fleet.run()
