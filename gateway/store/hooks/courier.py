"""Delivers the rows of ``deliveries``: each at least once, those of a call in their order.

Runs on whatever event loop it is given and never holds it up. Calls do not wait for each other;
within a call the next delivery is tried when the earlier one was delivered or given up.
"""

import asyncio
import contextlib
import random
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway import __version__
from gateway.core.hooks import asked_s, signature, wait_s
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.store.hooks.deliveries import Delivery, claim, due, settle
from gateway.store.hooks.reach import AddressRefused, PinnedTransport, target

AT_A_TIME = 8
POLL_S = 1.0
CONNECT_S = 5.0
TOTAL_S = 10.0
"""From the look-up of the name to the last byte that is read of the answer."""
MOST_READ = 1024
"""Bytes of an answer's body: nobody looks at them."""

_DATABASE_FAULTS = (SQLAlchemyError, OSError, TimeoutError)
_REQUEST_FAULTS = (httpx2.HTTPError, AddressRefused, OSError, UnicodeError, TimeoutError)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt."""

    error: str = ""
    """A stable word such as ``timeout`` or ``http_500``; empty when it was delivered."""
    asked_s: float = 0.0
    """The receiver wants to be left alone for so long."""
    final: bool = False
    """The receiver is gone for good."""


class Courier:
    """Takes what is due, sends it, and writes down what became of it."""

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Raises ConfigError when ``GATEWAY_HOOK_URL`` or ``GATEWAY_HOOK_SECRET`` will not do."""
        secret = settings.hook_secret.get_secret_value() if settings.hook_secret else ""
        if not secret:
            raise ConfigError("GATEWAY_HOOK_SECRET: is needed with GATEWAY_HOOK_URL")
        self._secret = secret.encode()
        self._url = target(settings.hook_url)
        # Here and not on the loop: reading the certificates takes tens of milliseconds.
        self._transport = transport or PinnedTransport(ssl.create_default_context())
        self._engine = engine
        self._clock = clock
        self._chance = chance
        self.outcomes: Counter[str] = Counter()
        """Attempts by what came of them: ``delivered``, ``failed`` (tried again), ``dead``."""
        self._in_hand: set[str] = set()
        """Calls with an attempt under way."""
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._stalled = False

    @property
    def stalled(self) -> bool:
        """True while the database does not say what is due."""
        return self._stalled

    async def run(self) -> None:
        """Delivers until :meth:`stop`; once only.

        When it is cancelled, attempts under way are broken off and made again after their lease.
        """
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as attempts:
                while True:
                    self._news.clear()
                    await self._round(attempts)
                    if self._stalled and not self._in_hand:
                        # A session may stay read-only when its server is not any more.
                        await self._engine.dispose()
                    if self._stopping:
                        return
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_S):
                            await self._news.wait()
        finally:
            self._loop = None
            await self._transport.aclose()

    def wake(self) -> None:
        """Something may be due: looks at once. From any thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # closed this very moment
                loop.call_soon_threadsafe(self._news.set)

    def stop(self) -> None:
        """Looks once more, ends what is under way, and returns from :meth:`run`. From any thread.

        The rest is delivered after the next start, or by another gateway.
        """
        self._stopping = True
        self.wake()

    async def _round(self, attempts: asyncio.TaskGroup) -> None:
        """Begins as many attempts as are due and free."""
        free = AT_A_TIME - len(self._in_hand)
        if not free:
            return
        try:
            found = await due(self._engine, self._clock(), AT_A_TIME + len(self._in_hand))
            for delivery in [each for each in found if each.call_sid not in self._in_hand][:free]:
                if await claim(self._engine, delivery, self._clock()):
                    self._in_hand.add(delivery.call_sid)
                    attempts.create_task(self._deliver(delivery))
        except _DATABASE_FAULTS as error:
            self._stall(error)
        else:
            self._stalled = False

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            values = self._becomes(delivery, await self._send(delivery))
            self.outcomes[values.get("state", "failed")] += 1
            if await settle(self._engine, delivery, values):
                _tell(delivery, values)
        except _DATABASE_FAULTS as error:
            self._stall(error)  # it stays in hand until its lease is over, and is sent again
        finally:
            self._in_hand.discard(delivery.call_sid)
            self._news.set()

    def _becomes(self, delivery: Delivery, outcome: Outcome) -> dict[str, Any]:
        """The columns of the row after an attempt."""
        now = self._clock()
        if not outcome.error:
            return {"state": "delivered", "done_at": now, "error": None}
        wait = None if outcome.final else wait_s(delivery.attempts, self._chance())
        if wait is None:
            return {"state": "dead", "done_at": now, "error": outcome.error}
        next_at = now + timedelta(seconds=max(wait, outcome.asked_s))
        return {"next_at": next_at, "error": outcome.error}

    async def _send(self, delivery: Delivery) -> Outcome:
        """One attempt. The status decides, whatever the rest of the answer is like."""
        outcome: Outcome | None = None
        try:
            async with asyncio.timeout(TOTAL_S):
                response = await self._transport.handle_async_request(self._request(delivery))
                outcome = judged(response.status_code, response.headers, self._clock())
                await _read_off(response)
        except _REQUEST_FAULTS as error:
            return outcome or Outcome(word(error))
        return outcome

    def _request(self, delivery: Delivery) -> httpx2.Request:
        body = delivery.body.encode()
        timestamp = int(self._clock().timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"gateway/{__version__}",
            "Connection": "close",
            "X-Gateway-Event": delivery.event,
            "X-Gateway-Delivery": delivery.id,
            "X-Gateway-Timestamp": str(timestamp),
            "X-Gateway-Signature": signature(self._secret, timestamp, body),
        }
        timeout = httpx2.Timeout(TOTAL_S, connect=CONNECT_S).as_dict()
        return httpx2.Request(
            "POST", self._url, headers=headers, content=body, extensions={"timeout": timeout}
        )

    def _stall(self, error: Exception) -> None:
        if not self._stalled:
            _log.error("hook.stalled", error=type(error).__name__)
        self._stalled = True


def judged(status: int, headers: httpx2.Headers, now: datetime) -> Outcome:
    """What an answer means: only 2xx is delivered; redirections are not followed."""
    if 200 <= status < 300:
        return Outcome()
    asked = asked_s(headers.get("retry-after", ""), now) if status in (429, 503) else 0.0
    return Outcome(f"http_{status}", asked, final=status == 410)


def word(error: Exception) -> str:
    """A stable word for why there was no answer; never what the other side said."""
    match error:
        case AddressRefused():
            return f"address_{error.reason}"
        case TimeoutError() | httpx2.TimeoutException():
            return "timeout"
        case socket.gaierror() | UnicodeError():
            return "no_such_name"
        case httpx2.ConnectError():
            return "tls" if _is_tls(error) else "connect"
        case _:
            return "broken"


def _is_tls(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None


def _tell(delivery: Delivery, values: Mapping[str, Any]) -> None:
    """A log line for an attempt that failed; never what was said, by either side."""
    if values["error"] is None:
        return
    told = {"call_sid": delivery.call_sid, "id": delivery.id, "error": values["error"]}
    if "next_at" in values:
        again_at = values["next_at"].isoformat(timespec="seconds")
        _log.warning("hook.failed", **told, attempts=delivery.attempts, again_at=again_at)
    else:
        _log.error("hook.dead", **told, attempts=delivery.attempts)


async def _read_off(response: httpx2.Response) -> None:
    """Reads a small answer to its end, so that closing does not look like a fault over there."""
    size = 0
    try:
        async with contextlib.aclosing(response.aiter_raw()) as chunks:
            async for chunk in chunks:
                size += len(chunk)
                if size >= MOST_READ:
                    break
    finally:
        await response.aclose()
