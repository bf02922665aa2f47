"""Blocking work on a thread of its own that nobody waits for, should it never end."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """What the work returns or raises. Cancelled, it is left to itself.

    Not the event loop's own pool: the process would wait for its threads at the end, however long
    a disk or somebody's module hangs.
    """
    loop = asyncio.new_event_loop()

    async def done() -> T:
        return work()

    def turn() -> None:
        try:
            loop.run_forever()
        finally:
            loop.close()

    threading.Thread(target=turn, name="doctor", daemon=True).start()
    try:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(done(), loop))
    finally:
        loop.call_soon_threadsafe(loop.stop)
