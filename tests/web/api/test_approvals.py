"""The API: who may use it, and what it does for the tool calls that wait for a person."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.routing import Route

from gateway.call.approvals import Approvals, Verdict
from gateway.call.reception import Reception
from gateway.call.registry import Registry
from gateway.ops.apitokens import api_tokens
from gateway.settings import load_settings
from gateway.web.api import approvals
from gateway.web.api.answers import MAX_BODY_BYTES
from gateway.web.api.approvals import MAX_MESSAGE_CHARS
from gateway.web.app import build_app
from gateway.web.parts import Parts
from tests.web.carrier import LIMIT_S
from tests.web.running import running

pytestmark = pytest.mark.asyncio

TOKEN = "a-made-up-api-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LONG_S = 3600.0
PENDING = "/api/approvals"


class Desk:
    """The gateway's application, and the calls whose tools wait in it."""

    def __init__(self, token: str | None = TOKEN, **more: Any) -> None:
        self.approvals = Approvals(LONG_S)
        self.rejections: Counter[str] = Counter()
        self.decided: list[tuple[str, Verdict, str | None]] = []
        reception = SimpleNamespace(
            approvals=self.approvals, registry=Registry(1), rejected=self._rejected
        )
        settings = load_settings(
            _env_file=None, public_url="https://voice.example.com", api_token=token, **more
        )
        self.app = build_app(Parts(settings, cast(Reception, reception)))
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app), base_url="https://voice.example.com"
        )

    def ask(self, tool_call_id: str, arguments: str = "{}", call_sid: str = "CA1") -> None:
        """A call asks for one tool."""
        self.approvals.ask(
            call_sid,
            "booking",
            "refund",
            tool_call_id,
            arguments,
            lambda verdict, message: self.decided.append((tool_call_id, verdict, message)),
        )

    async def decide(self, tool_call_id: str, body: Any) -> httpx2.Response:
        """Decides as a bearer of the token; the body is JSON unless it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(f"{PENDING}/{tool_call_id}", content=content, headers=BEARER)

    def waiting(self) -> list[str]:
        """The IDs that wait."""
        return [each.tool_call_id for each in self.approvals.pending()]

    def _rejected(self, reason: str) -> None:
        self.rejections[reason] += 1


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    """An application with a token."""
    found = Desk()
    async with found.http:
        yield found


def routes(desk: Desk) -> Iterator[tuple[str, str]]:
    """Method and path of every address under `/api/`, today's and tomorrow's."""
    for route in desk.app.routes:
        if isinstance(route, Route) and route.path.startswith("/api/"):
            path = route.path.replace("{tool_call_id}", "call_1")
            yield from ((method, path) for method in route.methods or ())


def error_of(answer: httpx2.Response) -> str:
    """The one line of a refusal."""
    (line,) = answer.json().values()
    assert isinstance(line, str)
    assert "\n" not in line
    return line


# Who may use it


WRONG = [
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": TOKEN},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": f"Bearer {TOKEN[:-1]}"},
    {"Authorization": f"Bearer {TOKEN.upper()}"},
    {"Authorization": f"Bearer {TOKEN} {TOKEN}"},
    {"Authorization": "Bearer é"},
]
NONE: list[dict[str, str]] = [{}, {"X-Token": TOKEN}, {"Cookie": f"gateway={TOKEN}"}]


@pytest.mark.parametrize("headers", WRONG, ids=str)
async def test_nothing_is_open_without_the_token(desk: Desk, headers: dict[str, str]) -> None:
    """Every address answers 401, says what it needs, tells nothing and counts the refusal."""
    desk.ask("call_1", "secret")
    found = list(routes(desk))
    assert {("GET", PENDING), ("POST", f"{PENDING}/call_1")} <= set(found)
    for method, path in found:
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = await desk.http.request(method, path, content=b"{", headers=sent)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.headers["cache-control"] == "no-store"
        assert "secret" not in answer.text
        assert TOKEN not in answer.text
    assert desk.rejections == {"api_token": len(found)}
    assert desk.waiting() == ["call_1"]


@pytest.mark.parametrize("token", [TOKEN, None])
@pytest.mark.parametrize("headers", NONE, ids=str)
async def test_a_stranger_finds_nothing(token: str | None, headers: dict[str, str]) -> None:
    """Where nobody can sign in, every address is one that is not there: 404, and counted."""
    desk = Desk(token)
    desk.ask("call_1", "secret")
    async with desk.http:
        found = list(routes(desk))
        for method, path in found:
            answer = await desk.http.request(method, path, content=b"{", headers=headers)
            assert (path, answer.status_code) == (path, 404)
            assert "x-gateway-refused" not in answer.headers
            assert "secret" not in answer.text
    assert desk.rejections == {"nobody": len(found)}
    assert desk.waiting() == ["call_1"]


@pytest.mark.parametrize("headers", [BEARER, {"Authorization": "Bearer "}], ids=str)
async def test_without_a_token_it_is_closed_to_everybody(headers: dict[str, str]) -> None:
    """403 on every address, whatever is presented: closed, never open."""
    desk = Desk(None)
    desk.ask("call_1")
    async with desk.http:
        found = list(routes(desk))
        for method, path in found:
            answer = await desk.http.request(method, path, content=b"{}", headers=headers)
            assert answer.status_code == 403
            assert answer.headers["cache-control"] == "no-store"
            if method != "HEAD":
                assert "GATEWAY_API_TOKEN" in error_of(answer)
    assert desk.rejections == {"api_token": len(found)}
    assert desk.waiting() == ["call_1"]


@pytest.mark.parametrize("token", [TOKEN, None])
async def test_the_command_line_needs_no_token_of_its_own(token: str | None) -> None:
    """What is made of an auth token opens it, whether or not there is a token of the API's."""
    desk = Desk(token, twilio_auth_token="one,two")
    made = api_tokens(load_settings(_env_file=None, twilio_auth_token="two,three"))
    async with desk.http:
        answers = [
            await desk.http.get(PENDING, headers={"Authorization": f"Bearer {each}"})
            for each in [*made, "two"]
        ]
    refused = 403 if token is None else 401
    assert [each.status_code for each in answers] == [200, refused, refused]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_token_opens_it(desk: Desk, scheme: str) -> None:
    """The name of the scheme is written as one likes (RFC 9110)."""
    answer = await desk.http.get(PENDING, headers={"Authorization": f"{scheme} {TOKEN}"})
    assert (answer.status_code, answer.json()) == (200, [])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert desk.rejections == {}


# What waits


async def test_what_waits_is_listed(desk: Desk) -> None:
    """Oldest first, with all that a person needs, times in UTC and durations in whole ms."""
    desk.ask("call_1", '{"order": 7}')
    desk.ask("call_2", call_sid="CA2")
    first, second = (await desk.http.get(PENDING, headers=BEARER)).json()
    (request, _) = desk.approvals.pending()
    assert first.pop("waits_ms") >= 0
    assert 0 < first.pop("left_ms") <= LONG_S * 1000
    assert datetime.fromisoformat(first.pop("asked_at")) == request.asked_at
    deadline = datetime.fromisoformat(first.pop("deadline"))
    assert (deadline, deadline.tzinfo) == (request.deadline, UTC)
    assert first == {
        "tool_call_id": "call_1",
        "call_sid": "CA1",
        "agent": "booking",
        "tool": "refund",
        "arguments": '{"order": 7}',
    }
    assert (second["tool_call_id"], second["call_sid"]) == ("call_2", "CA2")
    assert (type(second["waits_ms"]), type(second["left_ms"])) == (int, int)


async def test_no_duration_is_negative(desk: Desk) -> None:
    """Whatever happens to the machine's clock meanwhile."""
    desk.ask("call_1")
    (request,) = desk.approvals.pending()
    early = datetime(2000, 1, 1, tzinfo=UTC)
    late = datetime(2100, 1, 1, tzinfo=UTC)
    assert approvals._shown(request, early)["waits_ms"] == 0
    assert approvals._shown(request, late)["left_ms"] == 0


@pytest.mark.parametrize("arguments", ["é \u2028 \x00", "half a pair: \ud800", '"quoted"'])
async def test_any_arguments_can_be_shown(desk: Desk, arguments: str) -> None:
    """A model may write anything; what others asked for is listed all the same."""
    desk.ask("call_1", arguments)
    desk.ask("call_2")
    answer = await desk.http.get(PENDING, headers=BEARER)
    assert [each["arguments"] for each in json.loads(answer.content)] == [arguments, "{}"]


# Deciding


async def test_a_tool_call_is_approved(desk: Desk) -> None:
    """Its call hears it; it waits no longer."""
    desk.ask("call_1")
    desk.ask("call_2")
    answer = await desk.decide("call_1", {"decision": "approve"})
    assert answer.status_code == 200
    assert answer.json() == {"tool_call_id": "call_1", "decision": "approve"}
    assert answer.headers["cache-control"] == "no-store"
    assert desk.decided == [("call_1", "approved", None)]
    assert desk.waiting() == ["call_2"]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (None, None),
        ("", None),
        (" \n ", None),
        ("  Ask first. ", "Ask first."),
        ("é" * MAX_MESSAGE_CHARS, "é" * MAX_MESSAGE_CHARS),
    ],
)
async def test_a_tool_call_is_rejected(desk: Desk, message: str | None, told: str | None) -> None:
    """With words for the agent, or without."""
    desk.ask("call_1")
    answer = await desk.decide("call_1", {"decision": "reject", "message": message})
    assert answer.json() == {"tool_call_id": "call_1", "decision": "reject"}
    assert desk.decided == [("call_1", "rejected", told)]


async def test_a_decision_without_words_needs_no_message(desk: Desk) -> None:
    """The field may be left out."""
    desk.ask("call_1")
    assert (await desk.decide("call_1", {"decision": "reject"})).status_code == 200
    assert desk.decided == [("call_1", "rejected", None)]


async def test_a_decision_comes_once(desk: Desk) -> None:
    """The second finds nothing, as does one for what never waited or whose call is over."""
    desk.ask("call_1")
    desk.ask("call_2", call_sid="CA2")
    await desk.decide("call_1", {"decision": "reject"})
    desk.approvals.withdraw("CA2")
    for tool_call_id in ("call_1", "call_2", "call_3", "%00", "%F0%9F%93%9E"):
        answer = await desk.decide(tool_call_id, {"decision": "approve"})
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")
        assert "tool_call_id" in error_of(answer)
    assert desk.decided == [("call_1", "rejected", None)]


BAD: list[tuple[Any, str]] = [
    (b"", "truncated"),
    (b"{", "truncated"),
    (b"decision=approve", "malformed"),
    (b"\xff", "malformed"),
    (b'{"decision": "approve"} x', "malformed"),
    ([], "object"),
    (None, "object"),
    ({}, "`decision`"),
    ({"decision": None}, "$.decision"),
    ({"decision": "Approve"}, "$.decision"),
    ({"decision": True}, "$.decision"),
    ({"decision": ["approve"]}, "$.decision"),
    ({"decision": "reject", "message": 5}, "$.message"),
    ({"decision": "reject", "message": "x" * (MAX_MESSAGE_CHARS + 1)}, "$.message"),
    ({"decision": "approve", "message": "well done"}, "`message`"),
    ({"decision": "approve", "always": True}, "`always`"),
    (b'{"decision": "reject", "message": "\xff"}', "utf-8"),
    (b'{"decision": "reject", "message": "\\ud800"}', "expected"),
    (b'{"decision": "reject", "message": ' + b"[" * 9000, "$.message"),
]


@pytest.mark.parametrize(("body", "named"), BAD, ids=[str(each)[:40] for each, _ in BAD])
async def test_a_wrong_body_decides_nothing(desk: Desk, body: Any, named: str) -> None:
    """400 and one line that names what is wrong and what is expected."""
    desk.ask("call_1")
    answer = await desk.decide("call_1", body)
    assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store")
    assert named in error_of(answer)
    assert "decision" in error_of(answer)
    assert desk.waiting() == ["call_1"]
    assert desk.decided == []


async def test_a_body_has_its_limit(desk: Desk) -> None:
    """Up to it a body is read; beyond it nothing is decided, said beforehand or not."""
    desk.ask("call_1")
    full = b'{"decision": "reject"}'.ljust(MAX_BODY_BYTES)

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield full[:4096]

    for body in (full + b" ", in_pieces()):
        answer = await desk.http.post(f"{PENDING}/call_1", content=body, headers=BEARER)
        assert (answer.status_code, answer.headers["cache-control"]) == (413, "no-store")
        assert str(MAX_BODY_BYTES) in error_of(answer)
    assert desk.waiting() == ["call_1"]
    assert (await desk.decide("call_1", full)).status_code == 200


async def test_a_body_that_breaks_off_decides_nothing(desk: Desk) -> None:
    """Even if what has come of it is a decision."""
    desk.ask("call_1")
    messages = iter(
        [
            {"type": "http.request", "body": b'{"decision": "approve"}', "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"{PENDING}/call_1",
        "query_string": b"",
        "headers": [(b"authorization", BEARER["Authorization"].encode())],
    }
    await desk.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert desk.waiting() == ["call_1"]


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
async def test_no_body_breaks_it(body: bytes) -> None:
    """Whatever is sent, it is a decision or one line about what is wrong with it."""
    statuses: list[str] = []
    try:
        statuses.append(approvals._decision(body).decision)
    except HTTPException as refusal:
        statuses.append(str(refusal.status_code))
    assert statuses[0] in ("approve", "reject", "400")


async def test_waiting_goes_on_while_others_look(desk: Desk) -> None:
    """Looking and deciding at the same time: each request is decided once."""
    for number in range(20):
        desk.ask(f"call_{number}")
    decisions = [
        desk.decide(f"call_{number}", {"decision": decision})
        for number in range(20)
        for decision in ("approve", "reject")
    ]
    looks = [desk.http.get(PENDING, headers=BEARER) for _ in range(20)]
    answers = await asyncio.gather(*decisions, *looks)
    assert Counter(each.status_code for each in answers) == {200: 40, 404: 20}
    assert sorted(each for each, _, _ in desk.decided) == sorted(f"call_{n}" for n in range(20))


async def test_it_works_over_a_real_socket(tmp_path: Path) -> None:
    """Behind the server the gateway runs on: refusals are counted, what waits is decided."""
    async with running(tmp_path, api_token=TOKEN) as gateway:
        decided: list[Verdict] = []
        gateway.reception.approvals.ask(
            "CA1", "booking", "refund", "call_1", "{}", lambda verdict, _: decided.append(verdict)
        )
        wrong = {"Authorization": "Bearer wrong"}
        with gateway.refuses(api_token=2):
            assert (await gateway.http.get(PENDING, headers=wrong)).status_code == 401
            refused = await gateway.http.post(f"{PENDING}/call_1", headers=wrong)
            assert refused.status_code == 401
        (row,) = (await gateway.http.get(PENDING, headers=BEARER)).json()
        address, body = f"{PENDING}/{row['tool_call_id']}", json.dumps({"decision": "approve"})
        assert (await gateway.http.post(address, content=body, headers=BEARER)).status_code == 200
        assert decided == ["approved"]


@pytest.mark.parametrize(("token", "status"), [(TOKEN, b"413"), ("wrong", b"401")])
async def test_who_is_refused_cannot_go_on_sending(
    tmp_path: Path, token: str, status: bytes
) -> None:
    """The answer comes while the body is still being sent, and the connection is closed."""
    head = f"POST {PENDING}/call_1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    async with running(tmp_path, api_token=TOKEN) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
        async with asyncio.timeout(LIMIT_S):
            assert status in await reader.read()
        writer.close()
