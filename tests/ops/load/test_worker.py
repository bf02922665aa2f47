"""A worker and its lines."""

import asyncio
import gc
import json
import os
import re
import sys
from base64 import b64encode
from hashlib import sha1
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.errors import GatewayError
from gateway.ops.load.clock import Clock
from gateway.ops.load.record import Begin, Placing, Pulse, Ready, Stop, Word
from gateway.ops.load.worker import AFTER_FAILURE_S, Worker
from tests.ops.load.harness import a_fixture, an_order, called, worked
from tests.ops.load.peer import Peer, listening

STAYS = {"step": "pause", "ms": 60_000}
SHORT = {"step": "wait_for_agent", "heard_ms": 60}
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
pytestmark = pytest.mark.asyncio


async def test_lines_call_again_until_time_is_over(tmp_path: Path) -> None:
    """Under new numbers; who is on the line then hangs up."""
    fixture = a_fixture(tmp_path, SHORT, {"step": "hang_up"})
    async with listening(Peer()) as peer:
        lines = [Placing(0, 0.0), Placing(1, 0.05)]
        order = an_order(peer, fixture, lines=lines, duration_s=2.5, redials=True, stride=2, most=2)
        records = await called(order)
    numbers = sorted(record.number for record in records)
    assert len(set(numbers)) == len(numbers) > 2
    assert {0, 1, 2, 3} <= set(numbers)
    assert all(not record.failure for record in records)


async def test_who_hears_busy_does_not_call_again_at_once(tmp_path: Path) -> None:
    """But five seconds later: lines that redial at once would be all a full gateway answers."""
    fixture = a_fixture(tmp_path, STAYS)
    async with listening(Peer(twiml='<Response><Reject reason="busy"/></Response>')) as peer:
        records = await called(an_order(peer, fixture, duration_s=6.5, redials=True, stride=1))
    assert [record.failure for record in records] == ["busy", "busy"]
    assert records[1].placed_s - records[0].placed_s >= AFTER_FAILURE_S


async def test_the_end_of_the_run_is_a_hang_up(tmp_path: Path) -> None:
    """Politely: stop, close, and the action is told that the caller is gone."""
    fixture = a_fixture(tmp_path, STAYS)
    async with listening(Peer()) as peer:
        (record,) = await called(an_order(peer, fixture, duration_s=1.0, redials=True))
    assert (record.end, record.failure) == ("time", "")
    assert peer.heard[-1]["event"] == "stop"
    assert [form["CallStatus"] for form in peer.nexts] == ["completed"]


async def test_stop_ends_everything(tmp_path: Path) -> None:
    """Calls that are up, and those that were still to come."""
    fixture = a_fixture(tmp_path, STAYS)
    lines = [Placing(0, 0.0), Placing(1, 500.0)]
    async with listening(Peer()) as peer:
        (record,) = await called(an_order(peer, fixture, lines=lines, most=2), stop_after_s=1.0)
    assert (record.number, record.end, record.failure) == (0, "interrupted", "")


async def test_who_finds_all_lines_taken_is_counted(tmp_path: Path) -> None:
    """And not placed."""
    fixture = a_fixture(tmp_path, STAYS)
    lines = [Placing(0, 0.0), Placing(1, 0.3), Placing(2, 0.4)]
    async with listening(Peer()) as peer:
        pulses = await worked(an_order(peer, fixture, lines=lines, duration_s=2.5))
    assert pulses[-1].turned_away == 2
    assert sum(len(pulse.ended) for pulse in pulses) == 1


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", "upgrade_refused"),
        (b"hello\r\n\r\n", "upgrade_refused"),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "upgrade_refused"),
        (None, "stream_unreachable"),
    ],
)
async def test_a_stream_that_never_comes_up_has_its_reason(
    tmp_path: Path, answer: bytes | None, failure: str
) -> None:
    """Closed, broken, sent elsewhere, nobody there: the call is over, whatever happens."""

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer or b"")
        writer.close()

    fixture = a_fixture(tmp_path, STAYS)
    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if answer is None:
        server.close()
    stream = f'<Stream url="ws://127.0.0.1:{port}/media"/>'
    twiml = f"<Response><Connect>{stream}</Connect></Response>"
    async with listening(Peer(twiml=twiml)) as peer:
        (record,) = await called(an_order(peer, fixture))
    server.close()
    assert (record.failure, record.end) == (failure, "none")


@pytest.mark.parametrize("frame", [b"\x81\x85maskwords", b"\x83\x00", b"\x09\x00"])
async def test_frames_that_are_none_are_one_calls_failure(tmp_path: Path, frame: bytes) -> None:
    """Masked by a server, of no known kind, a ping in parts: the run goes on with all others."""
    unseen: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))

    async def garbled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        (key,) = re.findall(rb"(?i)sec-websocket-key: (\S+)", asked)
        digest = b64encode(sha1(key + WEBSOCKET_GUID, usedforsecurity=False).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n%b" % (digest, frame)
        )
        await reader.read()
        writer.close()

    fixture = a_fixture(tmp_path, STAYS)
    server = await asyncio.start_server(garbled, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    stream = f'<Stream url="ws://127.0.0.1:{port}/media"/>'
    async with listening(Peer(twiml=f"<Response><Connect>{stream}</Connect></Response>")) as peer:
        (record,) = await called(an_order(peer, fixture))
    server.close()
    gc.collect()
    assert record.failure == "protocol_error"
    assert record.detail.startswith("31924: ")
    assert not unseen


async def test_pulses_tell_how_it_is_doing(tmp_path: Path) -> None:
    """What is up, what was waited for, and how late its clock was."""
    fixture = a_fixture(tmp_path, STAYS)
    async with listening(Peer()) as peer:
        pulses = await worked(an_order(peer, fixture, duration_s=1.8))
    assert any(pulse.up == 1 for pulse in pulses)
    waits = {name for pulse in pulses for name in pulse.waits}
    assert {"webhook", "connect", "answer"} <= waits
    assert sum(count for pulse in pulses for count in pulse.late.values()) > 40
    assert pulses[-1].cpu_s > 0


async def test_a_fault_of_its_own_is_no_measurement(tmp_path: Path) -> None:
    """It hangs up, and says what broke."""
    fixture = a_fixture(tmp_path, STAYS)
    loop = asyncio.get_running_loop()
    async with listening(Peer()) as peer:
        with Clock(loop) as clock:
            worker = Worker(an_order(peer, fixture), clock, lambda _: None)
            context = {"message": "a callback failed", "exception": ValueError("why")}
            loop.call_later(0.5, lambda: worker.broken(loop, context))
            with pytest.raises(GatewayError, match=r"a callback failed: ValueError\('why'\)"):
                await worker.run(0)


async def test_a_process_takes_orders(tmp_path: Path) -> None:
    """Order, ready, begin, pulses, stop: a line each."""
    fixture = a_fixture(tmp_path, STAYS)
    async with listening(Peer()) as peer:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.ops.load.worker"),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        words: list[Word] = []
        process.stdin.write(msgspec.json.encode(an_order(peer, fixture)) + b"\n")
        words.append(msgspec.json.decode(await process.stdout.readline(), type=Word))
        process.stdin.write(msgspec.json.encode(Begin(0)) + b"\n")
        while not any(isinstance(word, Pulse) and word.up for word in words):
            words.append(msgspec.json.decode(await process.stdout.readline(), type=Word))
        process.stdin.write(msgspec.json.encode(Stop()) + b"\n")
        out, _ = await process.communicate()
    assert process.returncode == 0
    assert words[0] == Ready(0)
    last = json.loads(out.splitlines()[-1])
    assert [call["end"] for call in last["ended"]] == ["interrupted"]


LOUD = """
from gateway.ops.load import worker
from gateway.ops.load.record import Pulse, Wait

class Loud(worker.Worker):
    async def run(self, begin_ns):
        self._send(Pulse(0, 0, 0, {}, {"w" * 300_000: []}, [], 0.0))
        self._send(Pulse(0, 0, 0, {}, {}, [], 1.0))

worker.Worker = Loud
worker.main()
"""


async def test_whatever_it_says_last_arrives_whole(tmp_path: Path) -> None:
    """However much that is: more than a pipe takes at once, when many calls end together."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LOUD),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    order = an_order(Peer(url="http://127.0.0.1:9"), a_fixture(tmp_path, STAYS))
    out, _ = await process.communicate(
        b"".join(msgspec.json.encode(word) + b"\n" for word in (order, Begin(0)))
    )
    assert process.returncode == 0
    pulses = [msgspec.json.decode(line, type=Word) for line in out.splitlines()[1:]]
    assert [len(str(pulse.waits)) > 300_000 for pulse in pulses] == [True, False]
    assert pulses[-1].cpu_s == 1.0
