"""A worker: one process, one loop, one clock, and some of the lines of a run.

Reads its order and then its commands from stdin, one JSON document a line; says how it is doing on
stdout, twice a second. What lines do to each other's timing is measured by the clock itself.
"""

import asyncio
import contextlib
import errno
import gc
import resource
import signal
import ssl
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from functools import cache, partial
from time import perf_counter_ns
from typing import Any, Final

import msgspec
import uvloop
from picows import WSError, WSProtocolError, WSTransport, ws_connect

from gateway.errors import GatewayError
from gateway.ops.load.clock import Clock
from gateway.ops.load.fixtures import Fixture, Mix, load_fixtures
from gateway.ops.load.line import Line, Plan, Surroundings
from gateway.ops.load.record import (
    Begin,
    CallRecord,
    End,
    Order,
    Placing,
    Pulse,
    Ready,
    Stop,
    Wait,
    Word,
)
from gateway.ops.load.webhook import Caller, Connection, Refused, announce, move_on
from gateway.sim.twilio.debugger import WEBSOCKET_PROTOCOL_ERROR, Debugger
from gateway.sim.twilio.network import Network
from gateway.sim.twilio.signing import signature
from gateway.sim.twilio.upgrade import USER_AGENT
from gateway.sim.twilio.webhooks import Webhooks
from gateway.sim.twilio.wire import StreamWriter

PULSE_S: Final = 0.5
BETWEEN_CALLS_S: Final = 0.5
"""How long a line rests before it calls again."""
AFTER_FAILURE_S: Final = 5.0
"""The same when the call failed: who hears busy does not redial within the second, and a gateway
that is busy refusing has nothing to answer with.
"""
CONNECT_S: Final = 5.0

APART_NS: Final = 2_000_000
"""From one line that hangs up at the end of the run to the next."""
_OWN_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL})
"""Where it is this machine that has no room for another call."""

Send = Callable[[Word], None]


class Worker:
    """Carries out one order."""

    def __init__(self, order: Order, clock: Clock, send: Send) -> None:
        self._order = order
        self._clock = clock
        self._send = send
        self._mix = Mix(load_fixtures(order.fixtures), order.seed)
        self._webhooks = Webhooks(order.auth_token, Debugger())
        self._network = Network(order.delay_ms, order.jitter_ms, order.loss, order.seed)
        self._begin_ns = 0
        self._around: Surroundings | None = None
        self._lines: set[Line] = set()
        self._connecting = 0
        self._ended: list[CallRecord] = []
        self._waits: dict[str, list[Wait]] = defaultdict(list)
        self._over = asyncio.Event()
        self._end: End = "time"
        self._busy = 0
        self._turned_away = 0
        self._fault = ""

    async def run(self, begin_ns: int) -> None:
        """All lines, until they are done, time is over, or `stop`."""
        self._begin_ns = begin_ns
        waited = self._waited
        self._around = Surroundings(self._clock, self._network, begin_ns, waited)
        self._clock.lateness.take()
        pulses = asyncio.create_task(self._pulses())
        timer = asyncio.create_task(self._time())
        lines = [asyncio.create_task(self._calls(placing)) for placing in self._order.lines]
        try:
            if lines:
                await asyncio.wait(lines)
        finally:
            pulses.cancel()
            timer.cancel()
            await self._webhooks.close()
        self._pulse()
        for line in lines:
            line.result()
        if self._fault:
            raise GatewayError(self._fault)

    def stop(self) -> None:
        """Everybody hangs up, nobody calls again."""
        self._finish("interrupted")

    def broken(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback of ours has failed: nothing measured from here on means anything."""
        self._fault = f"{context['message']}: {context.get('exception')!r}"
        self._finish("interrupted")

    # Lines

    async def _calls(self, placing: Placing) -> None:
        """A line from its first call to its last."""
        number = placing.number
        await self._until(placing.at_s)
        while not self._over.is_set():
            pause_s = BETWEEN_CALLS_S
            if self._busy >= self._order.most:
                self._turned_away += 1
            else:
                self._busy += 1
                try:
                    if await self._call(number):
                        pause_s = AFTER_FAILURE_S
                finally:
                    self._busy -= 1
            if not self._order.redials:
                return
            number += self._order.stride
            await self._until(self._now_s() + pause_s)

    async def _call(self, number: int) -> bool:
        """One call. True when it failed."""
        fixture = self._mix.choose(number)
        call_sid = f"CA{uuid.uuid4().hex}"
        record = CallRecord(number, fixture.name, self._order.worker, call_sid, self._now_s())
        caller = Caller(
            self._order.account_sid, call_sid, f"+1555{number % 10**7:07d}", self._order.to
        )
        self._connecting += 1
        try:
            await self._placed(record, fixture, caller)
        except Refused as refused:
            record.fail(refused.failure, refused.detail)
        finally:
            record.ended_s = self._now_s()
            self._ended.append(record)
        return bool(record.failure)

    async def _placed(self, record: CallRecord, fixture: Fixture, caller: Caller) -> None:
        try:
            asked_ns = perf_counter_ns()
            connection = await announce(self._webhooks, self._order.voice_url, caller)
            record.webhook_ms = (perf_counter_ns() - asked_ns) / 1e6
            self._waited("webhook", Wait(self._now_s(), record.webhook_ms))
            line = self._line(record, fixture, connection)
            transport = await self._connected(line, connection)
        finally:
            self._connecting -= 1
        self._lines.add(line)
        try:
            if self._over.is_set():
                line.hang_up(self._end)
            await line.ended
        finally:
            self._lines.discard(line)
        await self._parted(record, transport)
        record.ended_s = self._now_s()
        line.settle()
        there = record.end == "agent"
        if connection.action:
            document = await move_on(self._webhooks, connection.action, caller, there=there)
            if there:
                line.told_next([verb.name for verb in document.verbs])

    def _line(self, record: CallRecord, fixture: Fixture, connection: Connection) -> Line:
        assert self._around is not None
        stream_sid = f"MZ{uuid.uuid4().hex}"
        hold_s = self._order.hold_s
        until_ns = None if hold_s is None else perf_counter_ns() + int(hold_s * 1e9)
        plan = Plan(fixture, stream_sid, connection.parameters, until_ns)
        writer = StreamWriter(self._order.account_sid, record.call_sid, stream_sid)
        return Line(record, plan, self._around, writer)

    async def _connected(self, line: Line, connection: Connection) -> WSTransport:
        """The upgrade. Raises Refused."""
        headers = {
            "X-Twilio-Signature": signature(self._order.auth_token, connection.url),
            "User-Agent": USER_AGENT,
        }
        began_ns = perf_counter_ns()
        try:
            async with asyncio.timeout(CONNECT_S):
                transport, _ = await ws_connect(
                    lambda: line,
                    connection.url,
                    ssl_context=_tls() if connection.url.startswith("wss:") else None,
                    extra_headers=headers,
                    max_redirects=0,
                    websocket_handshake_timeout=CONNECT_S,
                )
        except WSError as error:
            raise Refused("upgrade_refused", f"31920: {error}") from None
        except TimeoutError:
            raise Refused("stream_unreachable", f"31901: no answer in {CONNECT_S:g} s") from None
        except OSError as error:
            own = error.errno in _OWN_LIMITS
            raise Refused("generator" if own else "stream_unreachable", f"31902: {error}") from None
        if line.record.up_s is None:
            raise Refused("upgrade_refused", "31920: closed during the upgrade")
        line.record.connect_ms = (perf_counter_ns() - began_ns) / 1e6
        self._waited("connect", Wait(self._now_s(), line.record.connect_ms))
        return transport

    async def _parted(self, record: CallRecord, transport: WSTransport) -> None:
        """Why the connection broke, if we broke it: that call's failure, or ours."""
        (parting,), _ = await asyncio.wait({asyncio.ensure_future(transport.wait_disconnected())})
        error = parting.exception()
        if isinstance(error, WSProtocolError):
            record.failure = "protocol_error"
            record.detail = f"{WEBSOCKET_PROTOCOL_ERROR}: {error.args[-1]}"
        elif error is not None:
            self.broken(parting.get_loop(), {"message": "a line has failed", "exception": error})

    # Time

    async def _until(self, at_s: float) -> None:
        """Waits until then, or until the run is over."""
        try:
            async with asyncio.timeout(max(0.0, at_s - self._now_s())):
                await self._over.wait()
        except TimeoutError:
            pass

    async def _time(self) -> None:
        if self._order.duration_s is not None:
            await asyncio.sleep(max(0.0, self._order.duration_s - self._now_s()))
            self._finish("time")

    def _finish(self, end: End) -> None:
        if not self._over.is_set():
            self._end = end
            self._over.set()
        # One after the other: all at once would make the clock late, and no carrier does so.
        now_ns = perf_counter_ns()
        for number, line in enumerate(tuple(self._lines)):
            self._clock.call_at(now_ns + number * APART_NS, partial(_hang_up, line, end))

    def _now_s(self) -> float:
        return (perf_counter_ns() - self._begin_ns) / 1e9

    # Words

    def _waited(self, measure: str, wait: Wait) -> None:
        self._waits[measure].append(wait)

    async def _pulses(self) -> None:
        while True:
            await asyncio.sleep(PULSE_S)
            self._pulse()

    def _pulse(self) -> None:
        ended, self._ended = self._ended, []
        waits, self._waits = dict(self._waits), defaultdict(list)
        late = dict(self._clock.lateness.take().counts)
        self._send(
            Pulse(
                self._order.worker,
                len(self._lines),
                self._connecting,
                late,
                waits,
                ended,
                time.process_time(),
                self._turned_away,
            )
        )


@cache
def _tls() -> ssl.SSLContext:
    """Loading the certificates takes longer than many a call; once is enough."""
    return ssl.create_default_context()


def _hang_up(line: Line, end: End, _: int) -> None:
    line.hang_up(end)


async def _work() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**26)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    # Never blocks: who reads slowly must not make the clock late.
    out, said = await loop.connect_write_pipe(_Said, sys.stdout.buffer)
    encode = msgspec.json.Encoder().encode

    def send(word: Word) -> None:
        out.write(encode(word) + b"\n")

    order = msgspec.json.decode(await reader.readline(), type=Order)
    with Clock(loop) as clock:
        worker = Worker(order, clock, send)
        loop.set_exception_handler(worker.broken)
        gc.collect()
        gc.freeze()
        send(Ready(order.worker))
        begin = msgspec.json.decode(
            await reader.readline() or b'{"type":"stop"}', type=Begin | Stop
        )
        if isinstance(begin, Begin):
            obeys = asyncio.create_task(_obey(reader, worker))
            await worker.run(begin.at_ns)
            obeys.cancel()
    out.close()
    await said.whole.wait()


class _Said(asyncio.BaseProtocol):
    """What was said: a pipe takes it in pieces, the last one later than it is closed."""

    def __init__(self) -> None:
        self.whole = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        """Everything is there, or nobody reads any more."""
        self.whole.set()


async def _obey(reader: asyncio.StreamReader, worker: Worker) -> None:
    """Any further word, and the end of them, means: stop."""
    await reader.readline()
    worker.stop()


def main() -> None:
    """What `python -m gateway.ops.load.worker` does."""
    # Ctrl-C reaches everything on the terminal; it is the fleet that says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_work())


if __name__ == "__main__":
    main()
