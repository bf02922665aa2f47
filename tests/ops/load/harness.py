"""A worker in the tests' own process, against a peer."""

import asyncio
import json
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from gateway.ops.load.clock import Clock
from gateway.ops.load.record import CallRecord, Order, Placing, Pulse, Word
from gateway.ops.load.worker import Worker
from tests.ops.load.peer import ACCOUNT, TOKEN, Peer

SPEECH = b"\x10\x90" * 80 * 10
"""200 ms."""


def a_fixture(folder: Path, *steps: dict[str, Any]) -> str:
    """A timeline in a file; the sound it may play is `speech.ulaw`."""
    (folder / "speech.ulaw").write_bytes(SPEECH)
    path = folder / "caller.json"
    path.write_text(json.dumps(steps))
    return str(path)


def an_order(peer: Peer, fixture: str, **different: Any) -> Order:
    """One line, one call."""
    order: dict[str, Any] = {
        "worker": 0,
        "lines": [Placing(0, 0.0)],
        "voice_url": f"{peer.url}/voice",
        "account_sid": ACCOUNT,
        "auth_token": TOKEN,
        "to": "+15550001000",
        "fixtures": [fixture],
        "duration_s": None,
        "redials": False,
        "most": 1,
        "stride": 1,
        "hold_s": None,
        "delay_ms": 0.0,
        "jitter_ms": 0.0,
        "loss": 0.0,
        "seed": 1,
    }
    return Order(**{**order, **different})


async def worked(order: Order, *, stop_after_s: float | None = None) -> list[Pulse]:
    """Everything a worker said while it carried out this order."""
    words: list[Word] = []
    with Clock(asyncio.get_running_loop()) as clock:
        worker = Worker(order, clock, words.append)
        if stop_after_s is not None:
            asyncio.get_running_loop().call_later(stop_after_s, worker.stop)
        await worker.run(perf_counter_ns())
    return [word for word in words if isinstance(word, Pulse)]


async def called(order: Order, *, stop_after_s: float | None = None) -> list[CallRecord]:
    """The calls of an order, when all are over."""
    pulses = await worked(order, stop_after_s=stop_after_s)
    return [record for pulse in pulses for record in pulse.ended]
