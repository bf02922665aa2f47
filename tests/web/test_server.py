"""The draining server: a signal ends the taking of calls, never a call.

Signals are given to the handler uvicorn installed for them; the real ones come in the tests of the
`serve` command.
"""

import asyncio
import signal
from pathlib import Path

import pytest

from gateway.core.events import CallEnded, CallEnding
from gateway.web.heads import BoundedHeads
from tests.web.carrier import new_call_sid, quiet_frame, verbs
from tests.web.running import Gateway, running, short_phrase

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("short_phrases")]


def interrupt(gateway: Gateway, number: int) -> None:
    """The signal handler that is installed now gets the signal."""
    handler = signal.getsignal(number)
    assert callable(handler)
    handler(number, None)


async def draining(gateway: Gateway) -> None:
    """Returns when no new calls are taken."""
    async with asyncio.timeout(5):
        while (await gateway.http.get("/readyz")).status_code != 503:
            pass


async def exited(gateway: Gateway) -> None:
    """Returns when the server has ended by itself."""
    await asyncio.wait_for(asyncio.shield(gateway.serving), 10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_taking_of_calls_and_no_call(tmp_path: Path, number: int) -> None:
    """Not ready, busy for new calls; live and announced calls go on and end by themselves."""
    async with running(tmp_path) as gateway:
        live, announced = new_call_sid(), new_call_sid()
        stream = await gateway.call(live)
        ticket = await gateway.ticket(announced)
        interrupt(gateway, number)
        await draining(gateway)
        assert (await gateway.http.get("/healthz")).status_code == 200
        async with gateway.turns_away(draining=1):
            answer = await gateway.announce(new_call_sid())
            assert verbs(answer.text) == ["Reject"]
        second = await gateway.socket()
        await second.start(announced, ticket)
        await gateway.admitted(announced)
        session = await gateway.model.wait_session(1)
        for frame in range(20):
            await stream.media(quiet_frame(frame))
        await session.seen("input_audio_buffer.append", 20)
        await stream.stop(live)
        assert await gateway.ended(live) == "caller_hung_up"
        assert not gateway.serving.done()
        await second.stop(announced)
        assert await gateway.ended(announced) == "caller_hung_up"
        await exited(gateway)


async def test_the_action_is_answered_while_draining(tmp_path: Path) -> None:
    """The carrier's questions about running calls go on being answered."""
    async with running(tmp_path) as gateway:
        one, other = new_call_sid(), new_call_sid()
        stream, last = await gateway.call(one), await gateway.call(other)
        interrupt(gateway, signal.SIGTERM)
        await draining(gateway)
        await stream.stop(one)
        await gateway.ended(one)
        assert await gateway.connect_ended(one) == ["Hangup"]
        await last.stop(other)
        await exited(gateway)


async def test_more_sigterms_change_nothing(tmp_path: Path) -> None:
    """An impatient supervisor does not cut a call."""
    async with running(tmp_path) as gateway:
        call_sid = new_call_sid()
        stream = await gateway.call(call_sid)
        for _ in range(3):
            interrupt(gateway, signal.SIGTERM)
            await draining(gateway)
        session = await gateway.model.wait_session(1)
        await stream.media(quiet_frame(1))
        await session.seen("input_audio_buffer.append")
        assert not gateway.of(CallEnding)
        assert gateway.live(call_sid).state in ("answered", "live")
        await stream.stop(call_sid)
        await exited(gateway)


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
async def test_an_impatient_person_ends_the_calls_politely(tmp_path: Path, first: int) -> None:
    """Ctrl-C while draining: every caller hears the goodbye to its end, then the socket closes."""
    async with running(tmp_path) as gateway:
        sids = [new_call_sid(), new_call_sid()]
        streams = [await gateway.call(call_sid) for call_sid in sids]
        announced = new_call_sid()
        await gateway.ticket(announced)
        interrupt(gateway, first)
        await draining(gateway)
        interrupt(gateway, signal.SIGINT)
        heard = await asyncio.gather(*(stream.listen() for stream in streams))
        assert heard == [short_phrase("goodbye")] * 2
        assert [stream.ws.close_code for stream in streams] == [1000, 1000]
        await exited(gateway)
        reasons = {event.reason for event in gateway.of(CallEnded)}
        assert (len(gateway.of(CallEnded)), reasons) == (3, {"shutdown"})


async def test_at_the_limit_callers_hear_a_goodbye(tmp_path: Path) -> None:
    """When the drain takes too long the calls are ended as politely, without anybody's doing."""
    async with running(tmp_path, drain_timeout_s=0.1) as gateway:
        call_sid = new_call_sid()
        stream = await gateway.call(call_sid)
        interrupt(gateway, signal.SIGTERM)
        assert await stream.listen() == short_phrase("goodbye")
        assert await gateway.connect_ended(call_sid) == ["Hangup"]
        await exited(gateway)
        assert gateway.reception.outcome(call_sid) == "shutdown"


async def test_without_calls_it_ends_at_once(tmp_path: Path) -> None:
    """Nobody on the line: the first signal is enough, and a stranger's socket holds nothing up."""
    async with running(tmp_path) as gateway:
        stranger = await gateway.socket()
        interrupt(gateway, signal.SIGTERM)
        await exited(gateway)
        assert await stranger.close_code() == 1001


async def test_a_pre_dialled_call_does_not_hold_the_drain_for_long(tmp_path: Path) -> None:
    """A call whose stream never comes ends by its own limit, and the drain with it."""
    async with running(tmp_path, no_stream_timeout_s=0.2) as gateway:
        call_sid = new_call_sid()
        await gateway.ticket(call_sid)
        interrupt(gateway, signal.SIGTERM)
        await exited(gateway)
        assert gateway.reception.outcome(call_sid) == "no_stream"


async def test_the_server_is_set_up_for_calls(tmp_path: Path) -> None:
    """No compression, small messages, no header believed or too long, no access log, uvloop."""
    async with running(tmp_path) as gateway:
        config = gateway.server.config
        assert config.ws_per_message_deflate is False
        assert config.ws_max_size == 64 * 1024
        assert config.proxy_headers is False
        assert config.access_log is False
        assert config.server_header is False
        assert (config.loop, config.http) == ("uvloop", BoundedHeads)
        answer = await gateway.http.get("/healthz")
        assert "server" not in answer.headers
