"""The webhooks of warm transfers: who is asked, who is joined, and whom nobody needs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree import ElementTree

import pytest
from starlette.datastructures import FormData

from gateway.call.colleagues import Request
from gateway.call.context import Destination
from gateway.ops.consulting.consult import Consult
from gateway.ops.consulting.consults import Consults, open_consults
from gateway.settings import Settings, load_settings
from gateway.sim.twilio.signing import signature
from gateway.web.consult import ConsultWebhooks
from tests.ops.consulting.test_consult import HandAsker
from tests.web.carrier import ACCOUNT, TOKEN, new_call_sid, verbs, voice_form
from tests.web.running import Gateway, running

PUBLIC = "https://voice.example.com"
OFFICE = Destination("+15550002000", accept_timeout_s=9, caller_id="+15550001000", goodbye="Bye.")
NOBODY = "The caller is no longer waiting for you. Goodbye."


def settings() -> Settings:
    """A gateway whose carrier is not there."""
    return load_settings(
        public_url=PUBLIC,
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        twilio_api_url="http://127.0.0.1:9",
    )


@asynccontextmanager
async def asked() -> AsyncIterator[tuple[ConsultWebhooks, Consults, Consult, HandAsker]]:
    """The webhooks, and somebody who is rung."""
    consults = open_consults(settings())
    assert consults is not None
    asker = HandAsker()
    consult = consults.ring(Request("CA1", OFFICE, "", "Anna calls."), asker)
    yield ConsultWebhooks(settings(), consults), consults, consult, asker
    consult.leg.sid = ""  # there is no carrier to end it
    await consults.close()


def form(consult: str, call_sid: str, **fields: str) -> FormData:
    """A signed form, with what its address carried."""
    return FormData({**voice_form(call_sid), "query.consult": consult, **fields})


def document(response: Any) -> ElementTree.Element:
    """The TwiML of an answer."""
    assert response.headers["content-type"].startswith("text/xml")
    return ElementTree.fromstring(response.body)


@pytest.mark.asyncio
async def test_who_answers_hears_the_summary_and_is_asked_for_a_key() -> None:
    """In the words of the destination; the key goes to the consult."""
    async with asked() as (webhooks, _, consult, asker):
        answer = document(await webhooks.picked_up(form(consult.id, "CA2")))
        gather, goodbye, end = answer
        assert [(each.tag, each.text) for each in gather][1:] == [
            ("Say", "Anna calls."),
            ("Say", OFFICE.prompt),
        ]
        assert gather.get("timeout") == "9"
        assert gather.get("action") == f"{PUBLIC}/twilio/consult-answer?consult={consult.id}"
        assert (goodbye.text, end.tag) == ("Bye.", "Hangup")
        assert asker.told == ["answered"]


@pytest.mark.asyncio
async def test_who_accepts_goes_to_the_room_and_nobody_else_does() -> None:
    """One presses the key; a call that is not theirs hears a goodbye."""
    async with asked() as (webhooks, _, consult, asker):
        await webhooks.picked_up(form(consult.id, "CA2"))
        stranger = document(await webhooks.decided(form(consult.id, "CA3", Digits="1")))
        assert [(each.tag, each.text) for each in stranger] == [("Say", "Bye."), ("Hangup", None)]
        (dial, _) = document(await webhooks.decided(form(consult.id, "CA2", Digits="1")))
        assert [(each.tag, each.text) for each in dial] == [("Conference", consult.room)]
        assert asker.told == ["answered", "accepted"]


@pytest.mark.asyncio
async def test_who_declines_hears_a_goodbye() -> None:
    """And so does who answers late."""
    async with asked() as (webhooks, _, consult, asker):
        await webhooks.picked_up(form(consult.id, "CA2"))
        answer = document(await webhooks.decided(form(consult.id, "CA2", Digits="5")))
        assert (answer[0].text, asker.told[-1]) == ("Bye.", "declined")
        late = document(await webhooks.picked_up(form(consult.id, "CA2")))
        assert late[0].text == "Bye."


@pytest.mark.asyncio
async def test_the_end_of_their_call_is_told() -> None:
    """With 204, as the carrier wants it."""
    async with asked() as (webhooks, _, consult, _asker):
        told = await webhooks.told(form(consult.id, "CA2", CallStatus="busy"))
        assert (told.status_code, consult.leg.status) == (204, "busy")


@pytest.mark.asyncio
@pytest.mark.parametrize("consults", [True, False])
async def test_a_consult_nobody_knows_is_for_somebody_nobody_needs(consults: bool) -> None:
    """From before a restart, or made up; without a carrier there is none at all."""
    async with asked() as (webhooks, _, _, asker):
        found = webhooks if consults else ConsultWebhooks(settings(), None)
        for handler in (found.picked_up, found.decided):
            assert document(await handler(form("unknown", "CA2", Digits="1")))[0].text == NOBODY
        assert (await found.told(form("unknown", "CA2"))).status_code == 204
        assert asker.told == []


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["consult", "consult-answer", "consult-status"])
async def test_nobody_gets_in_without_the_carriers_signature(tmp_path: Any, path: str) -> None:
    """Over the address with the consult in it."""
    async with running(tmp_path) as gateway:
        address, sent = f"/twilio/{path}?consult=1", voice_form(new_call_sid(), Digits="1")
        answer = await gateway.post(address, sent)
        assert answer.status_code == (204 if path == "consult-status" else 200)
        if path != "consult-status":
            assert verbs(answer.text) == ["Say", "Hangup"]
        assert await forged(gateway, address, sent) == 403


async def forged(gateway: Gateway, address: str, sent: dict[str, str]) -> int:
    """What a request is answered whose signature is another consult's."""
    other = signature(TOKEN, f"{gateway.public_url}/twilio/consult?consult=2", tuple(sent.items()))
    with gateway.refuses(signature_wrong=1):
        return (await gateway.post(address, sent, X_Twilio_Signature=other)).status_code
