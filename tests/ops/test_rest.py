"""The carrier's REST interface, against the twin as a separate process over loopback."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.ops import rest as rest_module
from gateway.ops.rest import (
    CarrierAway,
    CarrierBusy,
    CarrierRefused,
    CarrierUnknown,
    Order,
    TwilioRest,
    has_carrier,
)
from gateway.settings import load_settings
from tests.ops.twin import ACCOUNT, MAIN, OTHER, THIRD, TOKEN, TwinServer, twin_server

CALLEE = "+15550002000"
PATH = f"/2010-04-01/Accounts/{ACCOUNT}"
ORDER = Order(
    CALLEE, MAIN, "https://voice.example.com/out?id=1", "https://voice.example.com/status"
)


@asynccontextmanager
async def asking(
    twin: TwinServer, limit_s: float = 5.0, **settings: Any
) -> AsyncIterator[TwilioRest]:
    """The interface, closed afterwards."""
    rest = TwilioRest(twin.settings(**settings), limit_s=limit_s)
    try:
        yield rest
    finally:
        await rest.close()


def soon() -> datetime:
    """A moment before anything a test does."""
    return datetime.now(UTC) - timedelta(seconds=2)


@asynccontextmanager
async def waiting_line() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """TwiML that keeps a call on the line, and the moment it is fetched, which is when somebody
    answered.
    """
    answered = asyncio.Event()
    twiml = b'<Response><Pause length="60"/></Response>'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {len(twiml)}\r\n"
        writer.write(head.encode() + b"connection: close\r\n\r\n" + twiml)
        writer.close()
        answered.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", answered
    finally:
        server.close()
        await server.wait_closed()


# What goes over the wire


@pytest.mark.asyncio
async def test_a_call_is_ordered_as_the_carrier_wants_it(twin: TwinServer) -> None:
    """Path, basic auth and form to the letter: one field per event, texts for what is true."""
    order = Order(
        CALLEE,
        MAIN,
        "https://voice.example.com/out?id=1",
        "https://voice.example.com/status",
        amd_url="https://voice.example.com/amd",
        machine_detection="DetectMessageEnd",
        ring_s=25,
        time_limit_s=600,
    )
    async with asking(twin) as rest:
        call = await rest.create(order)
    (request,) = twin.requests()
    assert (request["method"], request["path"]) == ("POST", f"{PATH}/Calls.json")
    assert (request["user"], request["query"]) == (ACCOUNT, [])
    assert request["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert sorted(map(tuple, request["form"])) == [
        ("AsyncAmd", "true"),
        ("AsyncAmdStatusCallback", "https://voice.example.com/amd"),
        ("AsyncAmdStatusCallbackMethod", "POST"),
        ("From", MAIN),
        ("MachineDetection", "DetectMessageEnd"),
        ("Method", "POST"),
        ("StatusCallback", "https://voice.example.com/status"),
        ("StatusCallbackEvent", "answered"),
        ("StatusCallbackEvent", "completed"),
        ("StatusCallbackEvent", "initiated"),
        ("StatusCallbackEvent", "ringing"),
        ("StatusCallbackMethod", "POST"),
        ("TimeLimit", "600"),
        ("Timeout", "25"),
        ("To", CALLEE),
        ("Url", "https://voice.example.com/out?id=1"),
    ]
    assert (call.to, call.from_, call.status, call.direction) == (
        *(CALLEE, MAIN),
        *("queued", "outbound-api"),
    )
    assert call.sid.startswith("CA")
    assert call.created_at is not None
    assert (call.started_at, call.ended_at, call.duration_s, call.answered_by) == (*[None] * 3, "")


@pytest.mark.asyncio
async def test_what_is_not_wanted_is_not_sent(twin: TwinServer) -> None:
    """No detection, no time limit: no fields."""
    async with asking(twin) as rest:
        await rest.create(ORDER)
    sent = {name for name, _ in twin.requests()[0]["form"]}
    assert not {"AsyncAmd", "MachineDetection", "TimeLimit", "Record", "Twiml"} & sent


@pytest.mark.asyncio
async def test_settings_of_a_number_are_sent_by_the_carriers_names(twin: TwinServer) -> None:
    """An empty one is sent, since that clears it; the rest is not."""
    async with asking(twin) as rest:
        (number,) = await rest.numbers(OTHER)
        changed = await rest.point(
            number.sid, {"voice_url": "https://a.example/?b=ü", "trunk_sid": ""}
        )
    listed, sent = twin.requests()
    assert listed["query"][0] == ["PhoneNumber", OTHER]
    assert (sent["method"], sent["path"]) == (
        "POST",
        f"{PATH}/IncomingPhoneNumbers/{number.sid}.json",
    )
    assert sent["form"] == [["VoiceUrl", "https://a.example/?b=ü"], ["TrunkSid", ""]]
    assert changed.settings["voice_url"] == "https://a.example/?b=ü"
    assert (changed.e164, changed.settings["trunk_sid"]) == (OTHER, "")


@pytest.mark.asyncio
async def test_what_is_no_setting_of_a_number_is_not_sent(twin: TwinServer) -> None:
    """A name that the carrier would ignore silently."""
    async with asking(twin) as rest:
        with pytest.raises(ValueError, match="friendly"):
            await rest.point("PN1", {"friendly": "x"})
    assert twin.requests() == []


@pytest.mark.asyncio
async def test_of_several_tokens_the_first_is_used(twin: TwinServer) -> None:
    """While tokens rotate, the others only check signatures."""
    async with asking(twin, twilio_auth_token=f"{TOKEN}, the old one") as rest:
        assert (await rest.account()).sid == ACCOUNT
    async with asking(twin, twilio_auth_token=f"another, {TOKEN}") as rest:
        with pytest.raises(CarrierRefused, match="TWILIO_AUTH_TOKEN"):
            await rest.account()


@pytest.mark.asyncio
async def test_the_environment_moves_nothing(
    twin: TwinServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables the SDK looks at by itself, and proxies on the way to this machine."""
    for name, value in {
        "TWILIO_REGION": "ie1",
        "TWILIO_EDGE": "dublin",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    async with asking(twin) as rest:
        assert (await rest.account()).status == "active"


# What comes back


@pytest.mark.asyncio
async def test_calls_are_found_again(twin: TwinServer) -> None:
    """By their ID, by who was rung since when, and among those on the line."""
    async with asking(twin) as rest:
        made = [await rest.create(ORDER), await rest.create(ORDER)]
        sids = {call.sid for call in made}
        found = await rest.call(made[0].sid)
        assert found is not None
        assert (found.sid, found.to) == (made[0].sid, CALLEE)
        assert await rest.call("CA" + "9" * 32) is None
        assert {call.sid for call in await rest.calls_to(CALLEE, soon())} == sids
        assert await rest.calls_to(CALLEE, datetime.now(UTC) + timedelta(seconds=5)) == []
        assert await rest.calls_to("+15550009999", soon()) == []
        assert {call.sid for call in await rest.live_calls(soon())} == sids
        assert await rest.end(made[0].sid, answered=False)
        assert {call.sid for call in await rest.live_calls(soon())} == {made[1].sid}


@pytest.mark.asyncio
async def test_every_page_is_read(twin: TwinServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few the carrier gives at a time; a look for calls ends where they are too old."""
    monkeypatch.setattr(rest_module, "_PAGE", 1)
    async with asking(twin) as rest:
        assert [n.e164 for n in await rest.numbers()] == [MAIN, OTHER, THIRD]
        assert len(twin.requests()) == 3
        for _ in range(3):
            await rest.create(ORDER)
        assert len(await rest.calls_to(CALLEE, soon())) == 3
        before = len(twin.requests())
        assert await rest.calls_to(CALLEE, datetime.now(UTC) + timedelta(seconds=5)) == []
        assert len(twin.requests()) == before + 1


@pytest.mark.asyncio
async def test_the_account_is_told() -> None:
    """What the doctor wants to know of it."""
    with twin_server(account_status="suspended", account_type="Trial") as twin:
        async with asking(twin) as rest:
            account = await rest.account()
    assert (account.sid, account.status, account.type) == (ACCOUNT, "suspended", "Trial")


# A call that is on


@pytest.mark.asyncio
async def test_hanging_up_what_is_over_is_no_error(twin: TwinServer) -> None:
    """Ended already (21220) or unknown (404): both are what was wanted."""
    async with asking(twin) as rest:
        sid = (await rest.create(ORDER)).sid
        assert await rest.end(sid, answered=False)
        assert [r["form"] for r in twin.requests()[1:]] == [[["Status", "canceled"]]]
        assert not await rest.end(sid)
        assert not await rest.end("CA" + "9" * 32)


@pytest.mark.asyncio
async def test_a_call_answered_meanwhile_is_ended_all_the_same() -> None:
    """Cancelling does nothing to it: then it is completed."""
    with twin_server(callee={"outcome": "answer", "ring_ms": 1}) as twin:
        async with asking(twin) as rest, waiting_line() as (url, answered):
            sid = (await rest.create(Order(CALLEE, MAIN, url, ORDER.status_url))).sid
            async with asyncio.timeout(10):
                await answered.wait()
            assert await rest.end(sid, answered=False)
            forms = [r["form"] for r in twin.requests() if r["path"].endswith(f"{sid}.json")]
            assert [form for form in forms if form] == [
                [["Status", "canceled"]],
                [["Status", "completed"]],
            ]


@pytest.mark.asyncio
async def test_a_call_is_given_other_words(twin: TwinServer) -> None:
    """The TwiML as it is; False when the call is not in progress or not there."""
    twiml = '<Response><Say>Grüße & "more"</Say></Response>'
    async with asking(twin) as rest:
        sid = (await rest.create(ORDER)).sid
        assert not await rest.redirect(sid, twiml)  # it still rings
        assert twin.requests()[-1]["form"] == [["Twiml", twiml]]
        assert not await rest.redirect("CA" + "9" * 32, twiml)


# What goes wrong


def test_without_credentials_there_is_nothing_to_ask_with() -> None:
    """Named by their variables."""
    with pytest.raises(ConfigError, match="TWILIO_ACCOUNT_SID"):
        TwilioRest(load_settings(_env_file=None, twilio_auth_token="x", twilio_account_sid=""))
    with pytest.raises(ConfigError, match="TWILIO_AUTH_TOKEN"):
        TwilioRest(load_settings(_env_file=None, twilio_account_sid="AC1", twilio_auth_token=""))


@pytest.mark.asyncio
async def test_a_wrong_token_is_told_by_its_name(twin: TwinServer) -> None:
    """And not by its value."""
    async with asking(twin, twilio_auth_token="made-up-canary") as rest:
        with pytest.raises(CarrierRefused, match=r"^TWILIO_AUTH_TOKEN: ") as refused:
            await rest.numbers()
        assert (refused.value.status, refused.value.code) == (401, 20003)
        assert "canary" not in str(refused.value)
        with pytest.raises(CarrierRefused, match="TWILIO_AUTH_TOKEN"):
            await rest.create(ORDER)


@pytest.mark.asyncio
async def test_a_refusal_says_what_the_carrier_said(twin: TwinServer) -> None:
    """A number that is no number (21211); a number that is not there (404)."""
    async with asking(twin) as rest:
        with pytest.raises(CarrierRefused, match="not valid") as refused:
            await rest.create(Order("+1", MAIN, ORDER.url, ORDER.status_url))
        assert (refused.value.status, refused.value.code) == (400, 21211)
        with pytest.raises(CarrierRefused, match="not found") as missing:
            await rest.point("PN" + "9" * 32, {"voice_url": ""})
        assert missing.value.status == 404
    assert len(twin.requests()) == 2


@pytest.mark.asyncio
async def test_busy_is_asked_again_but_never_for_a_call(twin: TwinServer) -> None:
    """429 is never processed: reading and changing go on; who rings decides for himself."""
    busy = {"status": 429, "code": 20429, "message": "Too Many Requests"}
    async with asking(twin) as rest:
        twin.fault(**busy)
        (number, *_) = await rest.numbers()
        twin.fault(**busy)
        await rest.point(number.sid, {"voice_method": "POST"})
        assert [r["method"] for r in twin.requests()] == ["GET", "GET", "POST", "POST"]
        twin.fault(**busy)
        with pytest.raises(CarrierBusy) as refused:
            await rest.create(ORDER)
        assert (refused.value.status, refused.value.code) == (429, 20429)
        assert len(twin.requests()) == 5
        assert await rest.calls_to(CALLEE, soon()) == []


@pytest.mark.asyncio
async def test_busy_for_ever_is_an_error_in_time(twin: TwinServer) -> None:
    """Within the limit, and as what it was."""
    for _ in range(9):
        twin.fault(status=429, code=20429)
    async with asking(twin, limit_s=2.0) as rest:
        with pytest.raises(CarrierBusy):
            await rest.numbers()


@pytest.mark.asyncio
async def test_a_failure_is_survived_by_reading_only(twin: TwinServer) -> None:
    """500 and a cut connection: what changes something is not sent twice."""
    async with asking(twin) as rest:
        for fault in ({"status": 500}, {"status": 503}, {"cut": True}):
            twin.fault(**fault)
            assert len(await rest.numbers()) == 3
            before = len(twin.requests())
            for after in (False, True):
                twin.fault(**fault, after=after)
                with pytest.raises(CarrierUnknown, match="may have been done or not"):
                    await rest.create(ORDER)
                twin.fault(**fault, after=after)
                with pytest.raises(CarrierUnknown):
                    await rest.point("PN" + "9" * 32, {"voice_url": ""})
            assert len(twin.requests()) == before + 4
        # Those whose answer alone was lost are there, to be looked up.
        assert len(await rest.calls_to(CALLEE, soon())) == 3


@pytest.mark.asyncio
async def test_an_answer_without_sense_is_none(twin: TwinServer) -> None:
    """JSON of something else is no call, no number and no account."""
    async with asking(twin) as rest:
        for ask in (
            lambda: rest.create(ORDER),
            lambda: rest.end("CA1"),
            lambda: rest.point("PN1", {"voice_url": ""}),
        ):
            twin.fault(status=200)
            with pytest.raises(CarrierUnknown, match="makes no sense"):
                await ask()
        for _ in range(9):
            twin.fault(status=200)
        for read in (rest.account, rest.numbers, lambda: rest.calls_to(CALLEE, soon())):
            with pytest.raises(CarrierUnknown, match="makes no sense"):
                await read()


@pytest.mark.asyncio
@pytest.mark.parametrize("after", [False, True])
async def test_silence_ends_at_the_limit(twin: TwinServer, after: bool) -> None:
    """15 s without an answer, whatever is asked, and whether it was done or not."""
    async with asking(twin, limit_s=0.3) as rest:
        begun = time.monotonic()
        for ask in (
            lambda: rest.create(ORDER),
            rest.numbers,
            rest.account,
            lambda: rest.end("CA1"),
            lambda: rest.redirect("CA1", "<Response/>"),
            lambda: rest.call("CA1"),
            lambda: rest.live_calls(soon()),
            lambda: rest.point("PN1", {"voice_url": ""}),
        ):
            twin.fault(delay_s=15, after=after)
            with pytest.raises(CarrierUnknown, match=r"no answer within 0\.3 s"):
                await ask()
        assert time.monotonic() - begun < 15


@pytest.mark.asyncio
async def test_nobody_there_means_nothing_was_sent(twin: TwinServer) -> None:
    """Named by the setting that leads there."""
    settings = twin.settings(twilio_api_url="http://127.0.0.1:9")
    rest = TwilioRest(settings, limit_s=0.5)
    for ask in (lambda: rest.create(ORDER), rest.numbers, lambda: rest.end("CA1")):
        with pytest.raises(CarrierAway, match=r"GATEWAY_TWILIO_API_URL .*nothing was sent"):
            await ask()
    await rest.close()


@pytest.mark.parametrize(
    ("public", "api", "there"),
    [
        ("https://voice.example.com", "", True),
        ("http://127.0.0.1:8000", "", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8091", True),
    ],
)
def test_who_cannot_be_reached_has_no_carrier(public: str, api: str, there: bool) -> None:
    """Offline nobody's phone rings, unless a twin is named."""
    settings = load_settings(_env_file=None, public_url=public, twilio_api_url=api)
    assert has_carrier(settings) is there
