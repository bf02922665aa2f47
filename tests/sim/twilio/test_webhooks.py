"""Webhooks: signed, timed, tried again, judged by their answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.responses import Response

from gateway.sim.twilio.debugger import Debugger, TwilioFault
from gateway.sim.twilio.webhooks import Overrides, Webhooks, with_query
from tests.ports import free_port
from tests.sim.twilio.peer import TOKEN, Peer, twiml

PAIRS = (("CallSid", "CA1"), ("CallerName", ""), ("From", "+15550002222"), ("Text", "a b&c=ü"))


@contextlib.asynccontextmanager
async def sending(timeout_s: float = 15) -> AsyncIterator[tuple[Peer, Webhooks, Debugger]]:
    """An application and somebody who asks it."""
    peer, debugger = Peer(), Debugger()
    await peer.start()
    webhooks = Webhooks(TOKEN, debugger, timeout_s)
    try:
        yield peer, webhooks, debugger
    finally:
        await webhooks.close()
        await peer.stop()


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_requests_are_signed_and_carry_every_field(method: str) -> None:
    """Twilio's validator accepts both methods, blank values included."""
    async with sending() as (peer, webhooks, _):
        peer.answers["/voice"] = "<Response/>"
        answer = await webhooks.fetch("CA1", f"{peer.url}/voice", PAIRS, method)
    (hook,) = peer.hooks
    assert (hook.signed, hook.method, hook.form) == (True, method, dict(PAIRS))
    assert "i-twilio-idempotency-token" in hook.headers
    assert (answer.status, answer.body) == (200, b"<Response/>")


@pytest.mark.asyncio
async def test_a_query_in_the_url_stays() -> None:
    """It is part of what is signed."""
    async with sending() as (peer, webhooks, _):
        await webhooks.fetch("CA1", f"{peer.url}/voice?a=1", PAIRS)
        await webhooks.fetch("CA1", f"{peer.url}/voice?a=1", PAIRS, "GET")
    assert all(hook.signed for hook in peer.hooks)
    assert with_query("http://x/?a=1", (("b", "2"),)) == "http://x/?a=1&b=2"


@pytest.mark.asyncio
async def test_retries_follow_the_overrides_with_one_token() -> None:
    """`rc=2&rp=5xx` means three attempts of the same request; the fragment is neither sent nor
    signed."""
    async with sending() as (peer, webhooks, _):
        peer.answers["/voice"] = Response(status_code=503)
        with pytest.raises(TwilioFault) as failed:
            await webhooks.fetch("CA1", f"{peer.url}/voice#rc=2&rp=5xx", PAIRS)
    assert failed.value.code == 11200
    assert len(peer.hooks) == 3
    assert len({hook.headers["i-twilio-idempotency-token"] for hook in peer.hooks}) == 1
    assert all(hook.signed for hook in peer.hooks)
    assert [record.status for record in webhooks.records] == [503] * 3


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [302, 403, 404, 500])
async def test_an_error_answer_is_11200_and_not_tried_again(status: int) -> None:
    """By default only connections are tried again; redirects are not followed."""
    async with sending() as (peer, webhooks, _):
        peer.answers["/voice"] = Response(status_code=status, headers={"location": "/other"})
        with pytest.raises(TwilioFault) as failed:
            await webhooks.fetch("CA1", f"{peer.url}/voice", PAIRS)
    assert failed.value.code == 11200
    assert peer.paths() == ["/voice"]


@pytest.mark.asyncio
async def test_no_connection_is_11205_after_a_second_attempt() -> None:
    """One retry is the default."""
    port = free_port()
    webhooks = Webhooks(TOKEN, Debugger())
    with pytest.raises(TwilioFault) as failed:
        await webhooks.fetch("CA1", f"http://127.0.0.1:{port}/", PAIRS)
    assert failed.value.code == 11205
    assert [record.status for record in webhooks.records] == [None, None]
    await webhooks.close()


@pytest.mark.asyncio
async def test_no_answer_in_time_is_11200() -> None:
    """As is a connection that breaks."""
    never = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()
        writer.close()

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    for handler in (mute, rude):
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        webhooks = Webhooks(TOKEN, Debugger(), timeout_s=0.2)
        with pytest.raises(TwilioFault) as failed:
            await webhooks.fetch("CA1", url, PAIRS)
        assert failed.value.code == 11200
        await webhooks.close()
        never.set()
        server.close()


@pytest.mark.asyncio
async def test_a_url_nobody_can_ask_is_11200() -> None:
    """A relative URL, or one that is none."""
    webhooks = Webhooks(TOKEN, Debugger())
    for url in ("/voice", "http://[", "ftp://example.com/"):
        with pytest.raises(TwilioFault) as failed:
            await webhooks.fetch("CA1", url, PAIRS)
        assert failed.value.code == 11200
    await webhooks.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "logged"),
    [
        (Response(status_code=204), []),
        (twiml("<Response/>"), []),
        (Response("ok", media_type="text/plain"), [15003]),
        (Response(status_code=500), [15003]),
    ],
)
async def test_a_status_callback_wants_204_or_twiml(answer: Response, logged: list[int]) -> None:
    """Anything else is 15003 in the debugger, and no error."""
    async with sending() as (peer, webhooks, debugger):
        peer.answers["/status"] = answer
        await webhooks.notify("CA1", f"{peer.url}/status", PAIRS)
    assert [entry.code for entry in debugger.entries] == logged


def test_overrides_are_read_from_the_fragment() -> None:
    """Out of range is moved into it, nonsense is the default."""
    assert Overrides.of("http://x/#ct=50&rt=99999&rc=9&rp=4xx,rt") == Overrides(
        connect_ms=100, read_ms=15_000, retries=5, policy=frozenset({"4xx", "rt"})
    )
    assert Overrides.of("http://x/#rc=many") == Overrides()
    assert Overrides.of("http://x/#rp=all").again("5xx")
    assert not Overrides().again("5xx")
