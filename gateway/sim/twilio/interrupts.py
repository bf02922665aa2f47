"""Owns how a call is torn out of what it is doing (ended from outside, or sent to other TwiML) and
the bridge between two calls."""

import asyncio
from collections.abc import Coroutine

from gateway.sim.twilio.flow import Ending, Source


class Bridge:
    """The connection of a dialled leg with its caller: made, and left again."""

    def __init__(self) -> None:
        self.made = asyncio.Event()
        self.left = asyncio.Event()


class Interrupts:
    """The two ways to interrupt a call. The first ending counts; of several detours the last."""

    def __init__(self) -> None:
        self.ending: Ending | None = None
        self.ended = asyncio.Event()
        self._detour: Source | None = None
        self._woken = asyncio.Event()

    def end(self, ending: Ending) -> None:
        """The call is over."""
        if self.ending is None:
            self.ending = ending
        self.ended.set()
        self._woken.set()

    def redirect(self, source: Source) -> None:
        """The call leaves its current TwiML for this."""
        self._detour = source
        self._woken.set()

    async def during(self, work: Coroutine[None, None, None]) -> Source | None:
        """Does `work` to its end, or cancels it when interrupted. Returns the detour, if there is
        one."""
        task = asyncio.create_task(work)
        woken = asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait({task, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            task.cancel()
            await asyncio.wait({task, woken})
        if not task.cancelled():
            task.result()
        detour, self._detour = self._detour, None
        self._woken.clear()
        return detour if self.ending is None else None
