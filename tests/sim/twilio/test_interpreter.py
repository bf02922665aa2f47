"""Following TwiML: fetching, falling back, verbs in their order."""

import asyncio

import pytest
from starlette.responses import Response

from tests.sim.twilio.peer import CALLER, NUMBER, codes, kinds, peer_and_twin, twiml


@pytest.mark.asyncio
async def test_the_webhook_has_everything_twilio_sends() -> None:
    """The standard parameters, duplicates and blanks included, while it still rings."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = "<Response/>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    form = (await peer.hook("/voice")).form
    assert form["CallStatus"] == "ringing"
    assert form["Direction"] == "inbound"
    assert (form["From"], form["Caller"]) == (CALLER, CALLER)
    assert (form["To"], form["Called"]) == (NUMBER, NUMBER)
    assert form["ApiVersion"] == "2010-04-01"
    assert form["CallerCity"] == ""
    assert {"FromCountry", "ToZip", "CalledState", "StirVerstat", "CallToken"} <= form.keys()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Response(status_code=500), 11200),
        (Response("hello", media_type="text/plain"), 12300),
        (twiml("<Response><Say>a & b</Say></Response>"), 12100),
        (twiml("<Response>" + " " * 70_000 + "</Response>"), 11750),
    ],
)
async def test_a_bad_answer_ends_the_call(answer: Response, code: int) -> None:
    """With its code in the debugger."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = answer
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert codes(twin) == [code]
    assert call.end_reason == "application-error"


@pytest.mark.asyncio
async def test_the_fallback_url_is_asked_with_the_error() -> None:
    """It gets the code and the URL that failed, and its TwiML runs."""
    async with peer_and_twin(fallback=True) as (peer, twin):
        peer.answers["/voice"] = Response(status_code=500)
        peer.answers["/fallback"] = "<Response><Say>fallback</Say></Response>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    form = (await peer.hook("/fallback")).form
    assert form["ErrorCode"] == "11200"
    assert form["ErrorUrl"] == f"{peer.url}/voice"
    assert "say" in kinds(call.timeline)


@pytest.mark.asyncio
async def test_a_fallback_that_fails_too_ends_the_call() -> None:
    """Both errors are in the debugger, each once."""
    async with peer_and_twin(fallback=True) as (peer, twin):
        peer.answers["/voice"] = twiml("<Response>")
        peer.answers["/fallback"] = Response(status_code=404)
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert codes(twin) == [12100, 11200]
    assert call.end_reason == "application-error"


@pytest.mark.asyncio
async def test_verbs_run_in_order_and_redirects_are_followed() -> None:
    """Relative URLs are relative to the document; what stands behind a redirect is never
    reached."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = (
            "<Response><Say>one</Say><Pause length='0'/><Redirect method='GET'>two?x=1</Redirect>"
            "<Say>never</Say></Response>"
        )
        peer.answers["/two"] = "<Response><Say>two</Say><Hangup/><Say>never</Say></Response>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert [e.detail for e in call.timeline if e.kind == "say"] == ["one", "two"]
    hook = await peer.hook("/two")
    assert (hook.method, hook.signed) == ("GET", True)
    assert hook.form["x"] == "1"
    assert call.end_reason == "hangup"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("reject", "status"),
    [("<Reject reason='busy'/>", "busy"), ("<Reject/>", "no-answer")],
)
async def test_reject_as_first_verb_does_not_answer(reject: str, status: str) -> None:
    """The only way to keep a call unanswered."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = f"<Response>{reject}<Say>never</Say></Response>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert (call.status, call.end_reason, call.answered_s) == (status, "rejected", None)
    form = (await peer.hook("/status", CallStatus=status)).form
    assert form["CallDuration"] == "0"


@pytest.mark.asyncio
async def test_a_later_reject_only_hangs_up() -> None:
    """The call was answered and is completed."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = "<Response><Say>x</Say><Reject reason='busy'/></Response>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert call.status == "completed"
    assert call.answered_s is not None


@pytest.mark.asyncio
async def test_an_empty_document_answers_and_ends() -> None:
    """Nothing to do is no error."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = "<Response/>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert codes(twin) == []
    assert call.status == "completed"


@pytest.mark.asyncio
async def test_an_unknown_verb_is_warned_of_and_passed_over() -> None:
    """12200, and the next verb runs."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = "<Response><Sing/><Say>x</Say></Response>"
        call = twin.place_call(NUMBER, CALLER)
        await call.wait(10)
    assert codes(twin) == [12200]
    assert "say" in kinds(call.timeline)


@pytest.mark.asyncio
async def test_hanging_up_while_the_webhook_hangs_ends_the_call() -> None:
    """A caller who loses patience was never answered."""
    async with peer_and_twin() as (peer, twin):
        patience = asyncio.Event()

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await patience.wait()
            writer.close()

        server = await asyncio.start_server(slow, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        call = twin.place_call(NUMBER, CALLER, voice_url=url)
        await asyncio.sleep(0)
        call.hang_up()
        await call.wait(10)
        patience.set()
        server.close()
        await peer.hook("/status", CallStatus="no-answer")
    assert call.end_reason == "caller-hangup"
