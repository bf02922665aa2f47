"""`/api/calls`: what is asked, what is answered, and what is refused before anybody is asked."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
import pytest_asyncio

from gateway.call.approvals import Approvals
from gateway.call.reception import Reception
from gateway.call.registry import Registry
from gateway.core.callee import Refusal
from gateway.ops.apitokens import api_tokens
from gateway.ops.placing.placing import Placing
from gateway.ops.rest import CarrierUnknown
from gateway.settings import load_settings
from gateway.store.dials import KeyReused
from gateway.web.app import build_app
from gateway.web.parts import Parts
from tests.web.placings import HandPlacing, dial

pytestmark = pytest.mark.asyncio

TO = "+12025550123"
PATH = "/api/calls"
SETTINGS = {
    "public_url": "https://voice.example.com",
    "twilio_auth_token": "made-up",
    "twilio_phone_number": "+12025550100",
    "outbound_max_age_s": 90,
}


class Desk:
    """The application over a service by hand; asked with the token of the command line."""

    def __init__(self, placing: Placing | None) -> None:
        settings = load_settings(_env_file=None, **SETTINGS)
        reception = SimpleNamespace(
            approvals=Approvals(1), registry=Registry(1), rejected=lambda reason: None
        )
        app = build_app(Parts(settings, cast(Reception, reception), placing=placing))
        (token,) = api_tokens(settings)
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app),
            base_url="https://voice.example.com",
            headers={"Authorization": f"Bearer {token}"},
        )

    async def place(self, key: str | None = None, **body: Any) -> httpx2.Response:
        """Asks for a call."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.http.post(PATH, json=body, headers=headers)


@pytest.fixture
def hand() -> HandPlacing:
    """The service."""
    return HandPlacing()


@pytest_asyncio.fixture
async def desk(hand: HandPlacing) -> AsyncIterator[Desk]:
    """The application."""
    made = Desk(hand.placing)
    async with made.http:
        yield made


async def test_a_call_is_let_in(desk: Desk, hand: HandPlacing) -> None:
    """201; what was not said is as it is by default."""
    before = datetime.now(UTC)
    answer = await desk.place(to=TO)
    assert (answer.status_code, answer.json()) == (201, {"id": "D1", "state": "waiting"})
    (ask,) = hand.asked
    assert (ask.to, ask.from_, ask.agent, ask.campaign) == (TO, "+12025550100", None, None)
    assert (ask.data, ask.record, ask.amd, ask.max_minutes) == ({}, None, "off", None)
    assert (ask.ring_s, ask.by, ask.key, ask.not_before) == (60, "api", None, None)
    age = ask.expires_at - before
    assert timedelta(seconds=90) <= age < timedelta(seconds=100)


async def test_everything_that_can_be_said(desk: Desk, hand: HandPlacing) -> None:
    """By the names of the API; a call for later expires later."""
    later = datetime.now(UTC) + timedelta(hours=1)
    said: dict[str, Any] = {
        "to": TO,
        "from": "+12025550111",
        "agent": "survey",
        "campaign": "spring",
        "data": {"name": "Ada"},
        "record": False,
        "amd": "leave-message",
        "max_minutes": 2.5,
        "ring_s": 20,
        "not_before": later.isoformat(),
        "by": "cli",
    }
    assert (await desk.place("key-1", **said)).status_code == 201
    (ask,) = hand.asked
    assert (ask.from_, ask.agent, ask.campaign, ask.data) == (
        "+12025550111",
        "survey",
        "spring",
        {"name": "Ada"},
    )
    assert (ask.record, ask.amd, ask.max_minutes, ask.ring_s) == (False, "leave-message", 2.5, 20)
    assert (ask.by, ask.key, ask.not_before) == ("cli", "key-1", later)
    assert ask.expires_at == later + timedelta(seconds=90)


async def test_a_key_that_is_known(desk: Desk, hand: HandPlacing) -> None:
    """200 for the same question, 409 for another one."""
    hand.answer = dial(again=True)
    assert (await desk.place("k", to=TO)).status_code == 200
    hand.answer = KeyReused()
    clash = await desk.place("k", to=TO)
    assert (clash.status_code, "idempotency key" in clash.json()["error"]) == (409, True)


async def test_a_refusal(desk: Desk, hand: HandPlacing) -> None:
    """The rule and the setting; 429 for what passes by itself."""
    hand.answer = Refusal("country", "GATEWAY_OUTBOUND_COUNTRIES", "numbers of GB are not called")
    answer = await desk.place(to=TO)
    assert (answer.status_code, answer.json()) == (
        422,
        {
            "error": "numbers of GB are not called",
            "rule": "country",
            "setting": "GATEWAY_OUTBOUND_COUNTRIES",
        },
    )
    hand.answer = Refusal("at_once", "", "5 calls at a time are the most", passes=True)
    later = await desk.place(to=TO)
    assert (later.status_code, later.json()["setting"]) == (429, None)


WRONG: list[Any] = [
    b"",
    b"no json",
    b"[]",
    {},
    {"to": 5},
    {"to": "1" * 65},
    {"to": TO, "agent": ""},
    {"to": TO, "amd": "maybe"},
    {"to": TO, "record": "yes"},
    {"to": TO, "ring_s": 4},
    {"to": TO, "ring_s": 601},
    {"to": TO, "max_minutes": 0},
    {"to": TO, "max_minutes": 1441},
    {"to": TO, "not_before": "2026-11-27T12:00:00"},
    {"to": TO, "not_before": "tomorrow"},
    {"to": TO, "not_before": "9999-12-31T23:59:59Z"},
    {"to": TO, "data": {"a b": "x"}},
    {"to": TO, "data": {"a": 5}},
    {"to": TO, "data": {"a": "x" * 1001}},
    {"to": TO, "data": {f"k{n}": "" for n in range(51)}},
    {"to": TO, "colour": "red"},
]


@pytest.mark.parametrize("body", WRONG)
async def test_what_nobody_can_mean_is_refused(desk: Desk, hand: HandPlacing, body: Any) -> None:
    """400, with what is wrong, and nobody is asked."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await desk.http.post(PATH, content=content)
    assert (answer.status_code, hand.asked) == (400, [])
    assert "docs/calling.md" in answer.json()["error"]


@pytest.mark.parametrize("key", ["", "x" * 129, "\t", "sch\u00f6n"])
async def test_a_key_is_short_and_plain(desk: Desk, hand: HandPlacing, key: str) -> None:
    """Or it could not be kept."""
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    answer = await desk.http.post(PATH, json={"to": TO}, headers=headers)
    assert (answer.status_code, hand.asked) == (400, [])


async def test_what_is_under_way(desk: Desk, hand: HandPlacing) -> None:
    """All of it, and one by its ID; 404 for none."""
    assert (await desk.http.get(PATH)).json() == [{"id": "D1", "state": "ringing"}]
    shown = await desk.http.get(f"{PATH}/D1")
    assert (shown.status_code, shown.json()["state"]) == (200, "ringing")
    hand.found = None
    assert (await desk.http.get(f"{PATH}/D1")).status_code == 404
    assert (await desk.http.delete(f"{PATH}/D1")).status_code == 404


async def test_hanging_up(desk: Desk, hand: HandPlacing) -> None:
    """200 and how far it is; 502 when the carrier could not be told."""
    assert (await desk.http.delete(f"{PATH}/D1")).status_code == 200
    assert hand.hung_up == ["D1"]
    hand.found = CarrierUnknown("Twilio: no answer within 15 s")
    failed = await desk.http.delete(f"{PATH}/D1")
    assert failed.status_code == 502
    assert failed.json()["error"].startswith("the call may go on: Twilio")


async def test_without_the_database(desk: Desk, hand: HandPlacing) -> None:
    """503 everywhere, and nobody was rung."""
    hand.answer = hand.found = OSError("no database")
    answers = [
        await desk.place(to=TO),
        await desk.http.get(f"{PATH}/D1"),
        await desk.http.delete(f"{PATH}/D1"),
    ]
    assert [each.status_code for each in answers] == [503] * 3
    assert "nobody was rung" in answers[0].json()["error"]


async def test_a_gateway_that_drains_places_nothing(desk: Desk, hand: HandPlacing) -> None:
    """What is under way can still be seen and ended."""
    hand.draining = True
    assert ((await desk.place(to=TO)).status_code, hand.asked) == (503, [])
    assert (await desk.http.delete(f"{PATH}/D1")).status_code == 200


async def test_without_a_carrier() -> None:
    """Offline nothing is placed, and it says why."""
    made = Desk(None)
    async with made.http:
        answers = [
            await made.place(to=TO),
            await made.http.get(PATH),
            await made.http.get(f"{PATH}/D1"),
            await made.http.delete(f"{PATH}/D1"),
        ]
        assert [each.status_code for each in answers] == [503] * 4
        assert "GATEWAY_TWILIO_API_URL" in answers[0].json()["error"]


async def test_only_who_waits_may_be_taken_back(desk: Desk, hand: HandPlacing) -> None:
    """Whoever may be ringing goes on; anything else than that is refused."""
    answers = [
        (await desk.http.delete(f"{PATH}/D1", params={"only": only})).status_code
        for only in ("waiting", "ringing", "")
    ]
    assert answers == [200, 400, 200]
    assert (hand.taken_back, hand.hung_up) == (["D1"], ["D1"])
