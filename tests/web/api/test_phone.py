"""Talking to an agent without a phone: who gets a call, what its socket takes, what comes after."""

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from websockets.exceptions import InvalidStatus

from gateway.call.call import Offer
from gateway.call.context import Destination, Route
from gateway.call.session import AgentPlan
from gateway.call.transfer import NOT_HERE
from gateway.core.events import CallAnswered, CallOffered, TransferFailed, TransferStarted
from gateway.core.refused import HEADER
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.store.audit import Actor, AuditLog
from gateway.web.api.endpoint import Who
from gateway.web.api.gate import SIGNED_OUT
from gateway.web.api.phone import PhoneHandlers
from gateway.web.onward import CONNECTION_LOST
from tests.web.carrier import ACCOUNT, Stream, new_call_sid, quiet_frame, start_message
from tests.web.running import Gateway, brief_agent, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

API_TOKEN = "a-made-up-api-token"
BEARER = {"Authorization": f"Bearer {API_TOKEN}"}
PHONE = "/api/phone"
SPEAKS = """
name = "speaks"
voice = "tones"
[otherwise]
say = "else"
"""
OFFICE = Destination("+442079460000", description="The office", timeout_s=20)


def transferring(settings: Settings) -> AgentPlan:
    """An agent whose callers can be sent to the office."""
    route = Route(directory={"office": OFFICE})
    return dataclasses.replace(brief_agent(settings), route=route)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """One gateway for the tests that do not need their own."""
    folder = tmp_path_factory.mktemp("gateway")
    async with running(folder, api_token=API_TOKEN, max_calls=100) as found:
        yield found


async def ask(gateway: Gateway, path: str, body: Any, **headers: str) -> httpx2.Response:
    """One request of an operator's."""
    return await gateway.http.post(path, json=body, headers={**BEARER, **headers})


async def placed(gateway: Gateway, **wanted: Any) -> dict[str, str]:
    """A call of a softphone, waiting for its stream."""
    answer = await ask(gateway, PHONE, wanted)
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found


async def opened(gateway: Gateway, token: str = API_TOKEN) -> Stream:
    """A softphone's socket; nothing was said yet."""
    sent = {"Authorization": f"Bearer {token}"}
    return await gateway.socket(path=PHONE, signature="", headers=sent)


async def begin(stream: Stream, call: dict[str, str]) -> None:
    """The first two messages of a softphone's stream."""
    ids = {"streamSid": call["stream_sid"], "accountSid": call["account_sid"]}
    start = start_message(call["call_sid"], call["ticket"], **ids)
    await stream.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
    await stream.send({**start, "streamSid": call["stream_sid"]})


async def next_of(gateway: Gateway, call_sid: str, **after: Any) -> dict[str, Any]:
    """What comes next in a call."""
    answer = await ask(gateway, f"{PHONE}/{call_sid}/next", after)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# The call


async def test_a_call_is_offered_and_its_model_dialled(gateway: Gateway) -> None:
    """Whoever asks is the caller; no carrier is in it, and it waits for its stream."""
    async with gateway.dials(1):
        call = await placed(gateway)
    assert call.keys() == {"call_sid", "stream_sid", "account_sid", "ticket"}
    assert (call["call_sid"][:2], call["stream_sid"][:2]) == ("CA", "MZ")
    assert call["account_sid"] == ACCOUNT
    (offered,) = gateway.of(CallOffered, call["call_sid"])
    assert (offered.caller, offered.called) == ("client:token", "client:gateway")
    assert offered.direction == "softphone"
    assert gateway.live(call["call_sid"]).state == "offered"


async def test_the_number_and_the_agent_are_the_offers(gateway: Gateway) -> None:
    """The number picks the route, the agent overrides it."""
    call = await placed(gateway, called="+15550001000", agent="booking")
    offer = gateway.live(call["call_sid"]).offer
    assert (offer.called, offer.agent) == ("+15550001000", "booking")


@pytest.mark.parametrize(
    "body", ["[]", "{", '{"called": "5550"}', '{"agent": ""}', '{"agnet": "x"}', '{"agent": 7}']
)
async def test_a_wrong_wish_is_refused(gateway: Gateway, body: str) -> None:
    """The answer names the key; nothing is dialled."""
    async with gateway.dials(0):
        answer = await gateway.http.post(PHONE, content=body, headers=BEARER)
    assert answer.status_code == 400
    assert "docs/softphone.md" in answer.json()["error"]


async def test_an_empty_body_is_the_default_route(gateway: Gateway) -> None:
    """Nothing has to be said."""
    assert (await gateway.http.post(PHONE, headers=BEARER)).status_code == 201


async def test_strangers_get_neither_a_call_nor_a_socket(gateway: Gateway) -> None:
    """With another token nothing is dialled, and the upgrade is refused."""
    wrong = {"Authorization": "Bearer another"}
    async with gateway.dials(0):
        for path in (PHONE, f"{PHONE}/{new_call_sid()}/next"):
            assert (await gateway.http.post(path, json={}, headers=wrong)).status_code == 401
        with pytest.raises(InvalidStatus) as refused:
            await opened(gateway, token="another")
        assert refused.value.response.status_code == 401
        assert refused.value.response.headers[HEADER] == "api_token"


async def test_softphones_count_among_the_calls(tmp_path: Path) -> None:
    """A gateway that is full has no room for them either, and one that is ending takes none."""
    async with running(tmp_path, api_token=API_TOKEN, max_calls=1) as gateway:
        await placed(gateway)
        with gateway.refuses(capacity=1):
            answer = await ask(gateway, PHONE, {})
        assert (answer.status_code, "GATEWAY_MAX_CALLS" in answer.json()["error"]) == (503, True)
        gateway.reception.drain()
        answer = await ask(gateway, PHONE, {})
        assert (answer.status_code, "end" in answer.json()["error"]) == (503, True)


async def test_an_agent_that_cannot_answer_is_told(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator reads what is wrong with it."""

    def broken(_offer: Offer) -> AgentPlan:
        raise ConfigError("no agent 'x' in agents_config")

    monkeypatch.setattr(gateway.reception, "_plan_for", broken)
    answer = await ask(gateway, PHONE, {"agent": "x"})
    assert (answer.status_code, answer.json()["error"]) == (422, "no agent 'x' in agents_config")


async def test_who_called_is_kept(gateway: Gateway) -> None:
    """The audit trail has the person, the call and the agent; a name is made an address."""
    kept: list[tuple[str, str, str, str]] = []

    class Trail(AuditLog):
        def note(self, who: Actor, action: str, *, call_sid: str = "", detail: str = "") -> None:
            kept.append((who.name, action, call_sid, detail))

    handlers = PhoneHandlers(gateway.settings, gateway.reception, Trail(lambda _: None))

    class Asking:
        class state:
            who = Who("Ann Ω\n<b>", "operator")

        async def stream(self) -> AsyncIterator[bytes]:
            yield b""

    answer = await handlers.call(Asking())  # type: ignore[arg-type]
    call_sid = json.loads(bytes(answer.body))["call_sid"]
    assert kept == [("Ann Ω\n<b>", "phone.call", call_sid, "assistant")]
    assert gateway.live(call_sid).offer.caller == "client:Ann____b_"


# The socket


async def test_a_stream_is_a_call_like_any_other(gateway: Gateway) -> None:
    """What is said reaches the model byte for byte, marks and `stop` mean what they always do."""
    async with gateway.dials(1):
        sessions = len(gateway.model.sessions)
        call = await placed(gateway)
    async with await opened(gateway) as stream:
        await begin(stream, call)
        await gateway.admitted(call["call_sid"])
        session = await gateway.model.wait_session(sessions + 1)
        for number in range(3):
            await stream.media(quiet_frame(number))
        await session.seen("input_audio_buffer.append", 3)
        assert session.input_audio[:480] == b"".join(map(quiet_frame, range(3)))
        await stream.stop(call["call_sid"])
        assert await gateway.ended(call["call_sid"]) == "caller_hung_up"
    assert await next_of(gateway, call["call_sid"], after="stream") == {"do": "hangup"}


async def test_a_carriers_ticket_does_not_open_the_softphones_socket(gateway: Gateway) -> None:
    """Nor is it used up by the attempt."""
    call_sid = new_call_sid()
    ticket = await gateway.ticket(call_sid)
    with gateway.refuses(ticket_other_socket=1):
        async with await opened(gateway) as stream:
            await stream.start(call_sid, ticket)
            assert await stream.close_code() == 1008
    async with await gateway.socket() as stream:
        await stream.start(call_sid, ticket)
        await gateway.admitted(call_sid)


async def test_a_softphones_ticket_does_not_open_the_carriers_socket(gateway: Gateway) -> None:
    """However well the upgrade is signed."""
    call = await placed(gateway)
    with gateway.refuses(ticket_other_socket=1):
        async with await gateway.socket() as stream:
            await begin(stream, call)
            assert await stream.close_code() == 1008
    async with await opened(gateway) as stream:
        await begin(stream, call)
        await gateway.admitted(call["call_sid"])


@pytest.mark.parametrize("ticket", ["", "x.y"])
async def test_a_stream_without_a_ticket_is_refused(gateway: Gateway, ticket: str) -> None:
    """Being let through the gate is not enough."""
    call = await placed(gateway)
    reason = "ticket_malformed" if ticket else "ticket_missing"
    with gateway.refuses(**{reason: 1}):
        async with await opened(gateway) as stream:
            await begin(stream, {**call, "ticket": ticket})
            assert await stream.close_code() == 1008


async def test_there_is_no_stream_twice(gateway: Gateway) -> None:
    """A ticket is for one use."""
    call = await placed(gateway)
    async with await opened(gateway) as first, await opened(gateway) as second:
        await begin(first, call)
        await gateway.admitted(call["call_sid"])
        with gateway.refuses(ticket_reused=1):
            await begin(second, call)
            assert await second.close_code() == 1008


async def test_another_sites_page_opens_no_socket(tmp_path: Path) -> None:
    """Browsers say whose page asks."""
    async with running(tmp_path) as gateway:
        own = {"Origin": gateway.public_url}
        async with await gateway.socket(path=PHONE, signature="", headers=own):
            pass
        with pytest.raises(InvalidStatus) as refused:
            await gateway.socket(
                path=PHONE, signature="", headers={"Origin": "https://evil.example"}
            )
        assert refused.value.response.status_code in (403, 404)


async def test_whoever_signs_out_has_hung_up(tmp_path: Path) -> None:
    """The call ends with the session it was made in."""
    async with running(tmp_path, admin_password="a made-up password") as gateway:
        own = {"Origin": gateway.public_url}
        entry = {"name": "admin", "password": "a made-up password"}
        signed = await gateway.http.post("/api/session", json=entry, headers=own)
        assert signed.status_code == 200, signed.text
        cookie = signed.headers["set-cookie"].split(";")[0]
        mine = {**own, "Cookie": cookie}
        gateway.http.cookies.clear()
        call = (await gateway.http.post(PHONE, json={}, headers=mine)).json()
        async with await gateway.socket(path=PHONE, signature="", headers=mine) as stream:
            await begin(stream, call)
            await gateway.admitted(call["call_sid"])
            assert gateway.live(call["call_sid"]).offer.caller == "client:admin"
            await gateway.http.delete("/api/session", headers=mine)
            assert await stream.close_code() == SIGNED_OUT
            assert await gateway.ended(call["call_sid"]) == "caller_hung_up"


async def test_a_stock_socket_is_refused(gateway: Gateway) -> None:
    """Only a server that can hand sockets over serves calls; strangers there are counted."""
    assert (await gateway.http.get(PHONE, headers=BEARER)).status_code == 405


# What comes after


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """These callers return no marks, and are not waited for."""
    monkeypatch.setattr("gateway.call.departure.GRACE_S", 0)


@asynccontextmanager
async def on_the_way(folder: Path) -> AsyncIterator[tuple[Gateway, dict[str, str]]]:
    """A gateway and a softphone that would be connected with the office."""
    async with running(folder, script=SPEAKS, agent=transferring, api_token=API_TOKEN) as gateway:
        call = await placed(gateway)
        async with await opened(gateway) as stream:
            await begin(stream, call)
            await gateway.admitted(call["call_sid"])
            session = await gateway.model.wait_session(1)
            await session.seen("session.updated")
            session.respond({})  # nobody has said anything yet, so the agent says something first
            await session.seen("response.done")
            gateway.live(call["call_sid"]).transfer.begin("office", None)
            await gateway.until(lambda: bool(gateway.of(TransferStarted, call["call_sid"])))
            assert await stream.close_code() == 1000
        yield gateway, call


@pytest.mark.usefixtures("no_grace")
async def test_a_transfer_is_told_by_its_key(tmp_path: Path) -> None:
    """Never the number; how long it would ring is the destination's own limit."""
    async with on_the_way(tmp_path) as (gateway, call):
        found = await next_of(gateway, call["call_sid"], after="stream")
        assert found == {
            "do": "dial",
            "destination": "office",
            "description": "The office",
            "timeout_s": 20,
        }


@pytest.mark.usefixtures("no_grace")
async def test_whoever_is_not_taken_comes_back_on_another_stream(tmp_path: Path) -> None:
    """To the same call and the same model, with another ticket."""
    async with on_the_way(tmp_path) as (gateway, call):
        call_sid = call["call_sid"]
        await next_of(gateway, call_sid, after="stream")
        back = await next_of(gateway, call_sid, after="dial", status="no-answer")
        assert back.pop("do") == "connect"
        assert back["ticket"] != call["ticket"]
        assert back["stream_sid"] != call["stream_sid"]
        assert gateway.of(TransferFailed, call_sid)[0].status == "no-answer"
        async with await opened(gateway) as stream:
            await begin(stream, {**call, **back})
            await gateway.until(lambda: len(gateway.of(CallAnswered, call_sid)) == 2)
            await stream.stop(call_sid)
            assert await gateway.ended(call_sid) == "caller_hung_up"
        assert len(gateway.model.sessions) == 1


@pytest.mark.usefixtures("no_grace")
@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ({"after": "dial", "status": "completed"}, "transferred"),
        ({"after": "dial", "status": "busy", "there": False}, "caller_hung_up"),
        ({"after": "stream", "there": False}, "caller_hung_up"),
    ],
)
async def test_a_transfer_may_be_the_end(
    tmp_path: Path, after: dict[str, Any], reason: str
) -> None:
    """They talked, or the person has hung up meanwhile."""
    async with on_the_way(tmp_path) as (gateway, call):
        assert await next_of(gateway, call["call_sid"], **after) == {"do": "hangup"}
        assert await gateway.ended(call["call_sid"]) == reason


async def test_nobody_can_be_asked_first(tmp_path: Path) -> None:
    """A warm transfer meets in a room of the carrier's, which a softphone cannot enter."""
    async with running(tmp_path, agent=transferring, api_token=API_TOKEN) as gateway:
        call = await placed(gateway)
        assert gateway.live(call["call_sid"]).transfer.why_not("office") == NOT_HERE


async def test_whose_stream_broke_is_told_so(gateway: Gateway) -> None:
    """Unless the person has gone with it."""
    call = await placed(gateway)
    stream = await opened(gateway)
    await begin(stream, call)
    await gateway.admitted(call["call_sid"])
    stream.ws.transport.abort()
    assert await gateway.ended(call["call_sid"]) == "socket_lost"
    lost = {"do": "hangup", "say": CONNECTION_LOST}
    assert await next_of(gateway, call["call_sid"], after="stream") == lost
    gone = await next_of(gateway, call["call_sid"], after="stream", there=False)
    assert gone == {"do": "hangup"}


async def test_a_carriers_call_is_not_led_from_here(gateway: Gateway) -> None:
    """What comes next in it is asked by the carrier alone; unknown calls have no next."""
    call_sid = new_call_sid()
    async with await gateway.call(call_sid):
        for each in (call_sid, new_call_sid(), "x"):
            after = {"after": "stream", "there": False}
            answer = await ask(gateway, f"{PHONE}/{each}/next", after)
            assert answer.status_code == 404
        assert gateway.reception.outcome(call_sid) is None


@pytest.mark.parametrize(
    "body", [{}, {"after": "dial"}, {"after": "stream", "status": "busy"}, {"after": "lunch"}]
)
async def test_a_wrong_question_is_refused(gateway: Gateway, body: dict[str, Any]) -> None:
    """Nothing happens to the call."""
    call = await placed(gateway)
    answer = await ask(gateway, f"{PHONE}/{call['call_sid']}/next", body)
    assert answer.status_code == 400
