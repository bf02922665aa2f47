"""The clock of a worker."""

import asyncio
import sys
from time import perf_counter_ns

import pytest

from gateway.errors import GatewayError
from gateway.ops.load.clock import Clock


@pytest.mark.asyncio
async def test_everything_happens_in_order_and_not_early() -> None:
    """Whatever the order in which it was asked for; told when it was due, not when it was."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    happened: list[tuple[int, bool]] = []
    with Clock(loop) as clock:
        start_ns = perf_counter_ns()

        def due(at_ns: int) -> None:
            happened.append((at_ns - start_ns, perf_counter_ns() >= at_ns))
            if len(happened) == 5:
                done.set_result(None)

        for after_ns in (9_000_000, 1_000_000, 5_000_000, 0):
            clock.call_at(start_ns + after_ns, due)
        clock.call_at(start_ns + 2_000_000, lambda at_ns: clock.call_at(at_ns + 1, due))
        await done
    assert happened == [(each, True) for each in (0, 1_000_000, 2_000_001, 5_000_000, 9_000_000)]
    assert clock.lateness.total == 6


@pytest.mark.asyncio
async def test_a_delay_counts_from_now() -> None:
    """Longer ones come later, whichever was asked for first; none comes early."""
    loop = asyncio.get_running_loop()
    called: list[str] = []
    done: asyncio.Future[None] = loop.create_future()
    with Clock(loop) as clock:
        asked_ns = perf_counter_ns()
        clock.call_in(0.02, lambda _: done.set_result(None))
        clock.call_in(0.01, lambda _: called.append("first"))
        await done
        assert perf_counter_ns() - asked_ns >= 20_000_000
    assert called == ["first"]


@pytest.mark.asyncio
async def test_a_fault_in_one_call_keeps_the_others() -> None:
    """The loop hears of it, and the clock goes on."""
    loop = asyncio.get_running_loop()
    faults: list[object] = []
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
    done: asyncio.Future[None] = loop.create_future()

    def fails(_: int) -> None:
        raise ValueError("on purpose")

    with Clock(loop) as clock:
        clock.call_at(perf_counter_ns(), fails)
        clock.call_at(perf_counter_ns() + 1_000_000, lambda _: done.set_result(None))
        await done
    assert [str(fault) for fault in faults] == ["on purpose"]


@pytest.mark.asyncio
async def test_elsewhere_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(GatewayError, match="needs Linux"):
        Clock(asyncio.get_running_loop())
