"""How exactly the model learns what was heard, with a network between carrier and gateway.

All delays run at once: each has its own relay and its own callers, every answer is interrupted at a
random moment, and the truth is what the caller's playout buffer had played when the `clear` arrived
there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from bench.figures import Figures, Truncations, spread
from bench.load import Load, Outcome, Plan
from bench.process import Gateway
from bench.record import CallRecord
from bench.relay import DelayRelay
from bench.script import Interrupting
from gateway.ops.load.clock import Clock

NETWORKS = tuple((delay, jitter) for delay in (0.0, 20.0, 50.0, 80.0) for jitter in (0.0, 10.0))
"""(one-way delay, jitter) in ms."""

CALLS_PER_NETWORK = 8
SECONDS = 20.0


@dataclass(slots=True)
class Networks:
    """The relays in front of one gateway; an async context manager."""

    clock: Clock
    gateway: Gateway
    relays: list[DelayRelay]
    addresses: tuple[tuple[str, int], ...] = ()

    @classmethod
    def before(cls, gateway: Gateway, clock: Clock) -> Self:
        target = ("127.0.0.1", gateway.port)
        relays = [DelayRelay(clock, target, delay, jitter) for delay, jitter in NETWORKS]
        return cls(clock, gateway, relays)

    async def __aenter__(self) -> Self:
        self.addresses = tuple([await relay.start() for relay in self.relays])
        return self

    async def __aexit__(self, *_: object) -> None:
        for relay in self.relays:
            await relay.stop()


async def measure_exactness(
    load: Load, clock: Clock, gateway: Gateway, seconds: float = SECONDS
) -> tuple[dict[tuple[float, float], Figures], Outcome]:
    """Figures per (delay, jitter), and the run they come from."""
    async with Networks.before(gateway, clock) as networks:
        plan = Plan(
            calls=CALLS_PER_NETWORK * len(NETWORKS),
            seconds=seconds,
            script=Interrupting(),
            settle_s=1.0,
            via=networks.addresses,
        )
        outcome = await load.run(gateway, plan, 0.0)
    behind: dict[tuple[float, float], list[CallRecord]] = {network: [] for network in NETWORKS}
    for record in outcome.records:
        behind[NETWORKS[record.number % len(NETWORKS)]].append(record)
    return {
        network: _figures(records, outcome.end_ns) for network, records in behind.items()
    }, outcome


def _figures(records: list[CallRecord], end_ns: int) -> Figures:
    truncations = Truncations()
    truncations.add(records, end_ns)
    clears = (
        (i.clear_ns - i.started_ns) / 1e6 for r in records for i in r.interruptions if i.clear_ns
    )
    return truncations.figures() | spread("clear", clears)
