"""A whole run over real sockets reports what a gateway does wrong, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from bench import load
from bench.course import Look
from bench.figures import percentile
from bench.load import Load, Outcome, Plan, UnderTest
from bench.model import ScriptedModel
from bench.relay import DelayRelay
from bench.script import Cues
from gateway.ops.load.clock import Clock
from tests.bench.loopback import Faults, LoopbackGateway


class OneInterruption:
    """An answer of 2.4 s, interrupted while it plays; then a short one.

    Figures count from when all calls are up: the interruption comes long after that.
    """

    def begin(self, session: Cues, random: Random) -> None:
        at = session.clock.call_in
        at(0.05, lambda _: session.respond([19200 + 77]))
        at(1.9, lambda _: session.caller_starts())
        at(2.0, lambda _: session.caller_stops([1600]))


@asynccontextmanager
async def loaded(faults: Faults) -> AsyncIterator[tuple[Load, Clock, LoopbackGateway]]:
    """A generator and a loopback gateway that talks to its model."""
    with Clock(asyncio.get_running_loop()) as clock:
        async with on(clock, faults) as (generator, gateway):
            yield generator, clock, gateway


@asynccontextmanager
async def on(clock: Clock, faults: Faults) -> AsyncIterator[tuple[Load, LoopbackGateway]]:
    """A generator on this clock, and its gateway."""
    model = ScriptedModel(clock, seed=1)
    gateway = LoopbackGateway(f"ws://127.0.0.1:{await model.start()}/v1/realtime", faults)
    await gateway.start()
    try:
        yield Load(clock, model), gateway
    finally:
        await gateway.stop()
        await model.stop()


async def one_run(faults: Faults, calls: int = 2, seconds: float = 3.2) -> Outcome:
    async with loaded(faults) as (generator, _, gateway):
        plan = Plan(calls, seconds, OneInterruption(), settle_s=0.0)
        outcome = await generator.run(gateway, plan, 900.0)
        assert gateway.refused == 0
        return outcome


@pytest.mark.asyncio
async def test_a_faultless_gateway_has_no_faults() -> None:
    """Nothing is lost, doubled, reordered or out of protocol, and every kind of figure is there."""
    outcome = await one_run(Faults())
    f = outcome.figures
    assert outcome.problems == []
    assert (f["lost_in"], f["lost_out"], f["doubled"], f["reordered"]) == (0, 0, 0, 0)
    assert f["frames_in"] > 100
    assert f["frames_out"] > 10
    assert (f["inbound_n"], f["interruption_n"], f["truncation_n"]) == (f["inbound_n"], 2, 2)
    assert f["first_frame_n"] >= 2
    assert f["uncleared"] == 0
    assert f["rss_per_call_kb"] == 50
    assert f["cpu_ms_per_call_s"] > 0


@pytest.mark.asyncio
async def test_every_mark_comes_back_once_and_in_order() -> None:
    """Played or cleared: the caller returns each mark, as the carrier does."""
    async with loaded(Faults()) as (load, _, gateway):
        await load.run(gateway, Plan(1, 3.2, OneInterruption(), settle_s=0.0), 900.0)
        assert len(gateway.marks_sent) > 5
        assert gateway.marks_returned == gateway.marks_sent


@pytest.mark.asyncio
async def test_the_truncation_error_is_measured_against_what_was_heard() -> None:
    """A gateway that always says 100 ms is wrong by what its callers had heard beyond that."""
    outcome = await one_run(Faults(truncate_ms=100))
    heard_ms = sorted(
        bytes_ / 8
        for record in outcome.records
        for interruption in record.interruptions
        for bytes_ in interruption.heard
    )
    assert heard_ms[0] > 100
    assert outcome.figures["truncation_lowest_ms"] == 100 - heard_ms[-1]
    assert outcome.figures["truncation_p50_ms"] == percentile([ms - 100 for ms in heard_ms], 0.5)
    assert outcome.figures["truncation_untold"] == 0


@pytest.mark.asyncio
async def test_injected_faults_are_reported_as_what_they_are() -> None:
    """Two frames lost, one doubled and one reordered per call; nothing else."""
    faults = Faults(drop=frozenset({20, 31}), double=frozenset({40}), swap=frozenset({50}))
    outcome = await one_run(faults)
    f = outcome.figures
    assert (f["lost_in"], f["lost_out"], f["doubled"], f["reordered"]) == (4, 0, 2, 2)
    assert f["problems"] == 0
    assert len(outcome.problems) == 2


@pytest.mark.asyncio
async def test_an_extra_field_is_a_problem() -> None:
    """The carrier logs error 31951 for it, so the benchmark does too."""
    outcome = await one_run(Faults(extra_field=True), calls=1, seconds=0.6)
    assert outcome.figures["problems"] > 0
    assert any("31951" in problem for problem in outcome.problems)


@pytest.mark.asyncio
async def test_a_gateway_that_does_not_close_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An overloaded one spoils its own run and does not end the benchmark."""
    monkeypatch.setattr(load, "HANG_UP_S", 0.2)
    outcome = await one_run(Faults(stay=True), calls=1, seconds=0.6)
    assert [p for p in outcome.problems if "still open 0.2 s" in p]


@pytest.mark.parametrize(
    ("late_ms", "waited", "void"), [(0.2, 0.01, False), (5.1, 0.01, True), (0.2, 0.04, True)]
)
def test_a_disturbed_run_is_void(late_ms: float, waited: float, void: bool) -> None:
    """A late generator or a shared core: the figures mean nothing."""
    figures = {"generator_late_p99_ms": late_ms, "others_share": waited}
    assert Outcome(figures, [], 0).void is void


@pytest.mark.asyncio
async def test_two_at_once_are_late_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """What their clock was late by within both windows counts for both."""
    watch, both = Load._watch, asyncio.Barrier(2)

    async def disturbed(self: Load, gateway: UnderTest, seconds: float) -> list[Look]:
        await both.wait()
        for _ in range(1000):
            self._clock.lateness.add(10_000_000_000)  # as no busy machine is
        await both.wait()
        return await watch(self, gateway, seconds)

    monkeypatch.setattr(Load, "_watch", disturbed)
    plan = Plan(1, 0.3, OneInterruption(), settle_s=0.0)
    with Clock(asyncio.get_running_loop()) as clock:
        async with on(clock, Faults()) as one, on(clock, Faults()) as other:
            outcomes = await asyncio.gather(
                *[generator.run(gateway, plan, 900.0) for generator, gateway in (one, other)]
            )
    assert [each.figures["generator_late_p99_ms"] for each in outcomes] == [10_000, 10_000]
    assert [each.void for each in outcomes] == [True, True]


@pytest.mark.asyncio
async def test_a_network_delays_the_clear_and_the_truth() -> None:
    """Through a relay everything arrives later and complete, and what plays meanwhile is heard."""
    async with loaded(Faults()) as (generator, clock, gateway):
        media = gateway.servers[1].sockets[0].getsockname()
        relay = DelayRelay(clock, media, delay_ms=60, jitter_ms=10)
        plan = Plan(1, 3.2, OneInterruption(), settle_s=0.0, via=(await relay.start(),))
        outcome = await generator.run(gateway, plan, 900.0)
        await relay.stop()
    f = outcome.figures
    assert outcome.problems == []
    assert (f["lost_in"], f["doubled"], f["reordered"]) == (0, 0, 0)
    assert f["inbound_p50_ms"] >= 50
    assert f["interruption_p50_ms"] >= 50
