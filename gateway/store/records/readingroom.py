"""The records for a process that also carries calls: read on a thread of its own.

Owns one pool of connections and the event loop they belong to. Rows become values, and values what
their reader makes of them, over there: the loop of the calls waits, and does nothing meanwhile.
"""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.store.database import database_url, open_database
from gateway.store.records.reader import Reader, has_records, is_missing, told_clearly

LIMIT_S = 15.0
"""Longest an answer may take."""
AT_ONCE = 4
"""Questions that are asked of the database at a time; the others wait."""
_LEAVE_S = 3.0

T = TypeVar("T")


class RecordsAway(GatewayError):
    """The records cannot be read now; the message says why in one line."""


class ReadingRoom:
    """Answers questions about recorded calls, from any loop."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened yet. Raises ConfigError when the driver is not installed."""
        self._url = database_url(settings)
        self._engine: AsyncEngine = open_database(settings)
        self._begun = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="records", daemon=True)
        self._turns = asyncio.Semaphore(AT_ONCE)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Closes what is open; waits for that some seconds at most."""
        if not self._thread.is_alive():
            self._loop.close()
            return
        closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        with contextlib.suppress(TimeoutError):
            closing.result(_LEAVE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LEAVE_S)
        if not self._thread.is_alive():
            self._loop.close()

    async def ask(
        self, question: Callable[[Reader], Awaitable[T]], limit_s: float = LIMIT_S
    ) -> T | None:
        """What the records answer; None while nothing was ever recorded.

        ``question`` runs on the thread: it touches nothing of the loop that asks. Raises
        RecordsAway.
        """
        asked = asyncio.run_coroutine_threadsafe(self._asked(question, limit_s), self._loop)
        return await asyncio.wrap_future(asked)

    # On the thread

    async def _asked(self, question: Callable[[Reader], Awaitable[T]], limit_s: float) -> T | None:
        try:
            async with asyncio.timeout(limit_s):
                async with self._turns:
                    with told_clearly(self._url):
                        return await question(Reader(self._engine)) if await self._there() else None
        except TimeoutError:
            raise RecordsAway(
                f"the records did not answer in {limit_s:g} s; ask for less, such as by `since`"
            ) from None
        except RecordsAway:
            raise
        except GatewayError as error:
            raise RecordsAway(str(error)) from None

    async def _there(self) -> bool:
        if not self._begun and not is_missing(self._url):
            self._begun = await has_records(self._engine)
        return self._begun

    async def _close(self) -> None:
        asking = asyncio.all_tasks() - {asyncio.current_task()}
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await self._engine.dispose()
