"""Webhooks of calls we placed: the address carries the dial, and the carrier waits for nobody."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.call.context import Errand
from tests.web.carrier import new_call_sid, verbs, voice_form
from tests.web.placings import HandPlacing
from tests.web.running import Gateway, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS = {"Direction": "outbound-api", "From": "+12025550100", "To": "+12025550123"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Gateway, HandPlacing]]:
    """A gateway and the service that places its calls."""
    hand = HandPlacing()
    hand.written.set()
    folder = tmp_path_factory.mktemp("gateway")
    async with running(folder, placing=hand.placing, max_calls=1000) as gateway:
        yield gateway, hand


async def test_a_call_of_ours_is_answered_with_its_errand(
    both: tuple[Gateway, HandPlacing],
) -> None:
    """The call knows what it is for, and its campaign chooses the route."""
    gateway, hand = both
    call_sid = new_call_sid()
    hand.errands["D1"] = Errand("D1", campaign="spring", data={"name": "Ada"})
    answer = await gateway.post("/twilio/voice?dial=D1", voice_form(call_sid, **OURS))
    assert verbs(answer.text) == ["Connect", "Redirect"]
    offer = gateway.live(call_sid).offer
    assert (offer.errand, offer.campaign) == (hand.errands["D1"], "spring")
    gateway.live(call_sid).end("test_over")


@pytest.mark.parametrize("reason", ["dial_unknown", "dial_other_call", "dial_over"])
async def test_a_call_nobody_wants_is_hung_up(
    both: tuple[Gateway, HandPlacing], reason: str
) -> None:
    """A counted refusal; nothing is dialled for it."""
    gateway, hand = both
    hand.refusal = reason
    async with gateway.turns_away(**{reason: 1}):
        form = voice_form(new_call_sid(), **OURS)
        answer = await gateway.post("/twilio/voice?dial=nothing", form)
    assert (answer.status_code, verbs(answer.text)) == (200, ["Hangup"])


async def test_a_dial_that_is_not_signed_is_none(both: tuple[Gateway, HandPlacing]) -> None:
    """The signature covers the address: nobody puts another dial into it."""
    gateway, hand = both
    form = voice_form(new_call_sid(), **OURS)
    signature = gateway.sign(f"{gateway.public_url}/twilio/status?dial=D1", form)
    told = len(hand.told)
    answer = await gateway.post("/twilio/status?dial=D2", form, X_Twilio_Signature=signature)
    assert (answer.status_code, len(hand.told)) == (403, told)


async def test_progress_is_told(both: tuple[Gateway, HandPlacing]) -> None:
    """Of the dial in the address; a number's own callback has none."""
    gateway, hand = both
    call_sid = new_call_sid()
    hand.told.clear()
    form = voice_form(call_sid, CallStatus="ringing", SequenceNumber="1", **OURS)
    assert (await gateway.post("/twilio/status?dial=D1", form)).status_code == 204
    assert (await gateway.post("/twilio/status", form)).status_code == 204
    ((dial, news),) = hand.told
    assert (dial, news.status, news.sequence, news.call_sid) == ("D1", "ringing", 1, call_sid)


async def test_who_answered_is_told(both: tuple[Gateway, HandPlacing]) -> None:
    """The dial, and the call if it is here."""
    gateway, hand = both
    call_sid = new_call_sid()
    hand.answered.clear()
    hand.errands["D3"] = Errand("D3", amd="hangup")
    await gateway.post("/twilio/voice?dial=D3", voice_form(call_sid, **OURS))
    form = {
        "AccountSid": voice_form("")["AccountSid"],
        "CallSid": call_sid,
        "AnsweredBy": "machine_start",
        "MachineDetectionDuration": "4000",
    }
    assert (await gateway.post("/twilio/amd?dial=D3", form)).status_code == 204
    assert await gateway.ended(call_sid) == "machine"
    other = {**form, "CallSid": new_call_sid()}
    assert (await gateway.post("/twilio/amd?dial=D3", other)).status_code == 204
    for path, sent in (("/twilio/amd", form), ("/twilio/amd?dial=D3", {**form, "AnsweredBy": ""})):
        assert (await gateway.post(path, sent)).status_code == 204
    assert [(dial, news.answered_by, here) for dial, news, here in hand.answered] == [
        ("D3", "machine_start", True),
        ("D3", "machine_start", False),
    ]


async def test_the_carrier_waits_for_no_database(
    both: tuple[Gateway, HandPlacing], monkeypatch: pytest.MonkeyPatch
) -> None:
    """204 although nothing is written: that goes on behind it."""
    gateway, hand = both
    monkeypatch.setattr(hand, "written", asyncio.Event())
    monkeypatch.setattr("gateway.web.twilio._DURABLE_S", 0.01)
    form = voice_form(new_call_sid(), CallStatus="completed", **OURS)
    for path in ("status", "amd"):
        answer = await gateway.post(f"/twilio/{path}?dial=D1", {**form, "AnsweredBy": "human"})
        assert answer.status_code == 204
    hand.written.set()


async def test_a_gateway_that_places_nothing_knows_no_dial(tmp_path: Path) -> None:
    """Whoever's callbacks they are."""
    async with running(tmp_path) as gateway:
        form = voice_form(new_call_sid(), **OURS)
        with gateway.refuses(dial_unknown=1):
            answer = await gateway.post("/twilio/voice?dial=D1", form)
        assert verbs(answer.text) == ["Hangup"]
        for path in ("status", "amd"):
            sent = {**form, "AnsweredBy": "human"}
            assert (await gateway.post(f"/twilio/{path}?dial=D1", sent)).status_code == 204
