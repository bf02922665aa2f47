"""When memory is searched: at once with nobody on the line, late with somebody, and never before a
call has ended.
"""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from gateway.call import garbage
from gateway.call.registry import Registry
from tests.call.test_registry import call
from tests.call.watching import turns


class Ring:
    """Refers to itself, as an ended call does."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looks at every turn of the loop; the process's own settings come back."""
    monkeypatch.setattr(garbage, "LOOK_S", 0.0)
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


@asynccontextmanager
async def collecting(registry: Registry) -> AsyncIterator["weakref.ref[Ring]"]:
    """The search runs; gives a ring that only the search takes away."""
    gc.disable()
    task = asyncio.create_task(garbage.collect(registry))
    try:
        await asyncio.sleep(0)
        yield weakref.ref(Ring())
    finally:
        gc.enable()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.asyncio
async def test_what_others_than_calls_left_goes_when_nobody_is_on_the_line() -> None:
    """Requests, reloads: Python has moved their objects to the old ones."""
    registry = Registry(9)
    gc.collect(1)
    async with collecting(registry) as ring:
        await turns(20)
        assert ring() is None


@pytest.mark.asyncio
async def test_nothing_is_searched_before_something_is_to_be_found() -> None:
    """A gateway nobody calls does nothing."""
    gc.collect()
    async with collecting(Registry(9)) as ring:
        await turns(20)
        assert ring() is not None


@pytest.mark.asyncio
async def test_when_the_last_call_has_ended_its_circles_go() -> None:
    """Nobody is on the line: nobody hears it."""
    registry = Registry(9)
    first, second = call("CA1"), call("CA2")
    registry.add(first)
    registry.add(second)
    async with collecting(registry) as ring:
        registry.remove(first, "caller_hung_up", 0.0)
        await turns(20)
        assert ring() is not None
        registry.remove(second, "caller_hung_up", 0.0)
        await turns(20)
        assert ring() is None


@pytest.mark.asyncio
async def test_a_gateway_that_is_never_empty_is_searched_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After so many calls, others on the line or not."""
    monkeypatch.setattr(garbage, "MOST_ENDED", 3)
    registry = Registry(9)
    registry.add(call("CA0"))
    async with collecting(registry) as ring:
        for number in range(1, 4):
            assert ring() is not None
            each = call(f"CA{number}")
            registry.add(each)
            registry.remove(each, "caller_hung_up", 0.0)
            await turns(5)
        await turns(20)
        assert ring() is None


def test_what_start_up_made_is_not_searched_again() -> None:
    """Nor does Python search everything by itself."""
    garbage.settle()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[2] > 10**9
    assert gc.isenabled()
