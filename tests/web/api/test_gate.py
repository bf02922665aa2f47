"""The gate: who gets through to an endpoint or a socket, as whom, and what the others are told."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketState

from gateway.call.reception import Reception
from gateway.ops.userfile import User
from gateway.ops.users import Users
from gateway.settings import load_settings
from gateway.web.api import gate as gate_module
from gateway.web.api.endpoint import Access, Endpoint, Socket, Who, who_asks
from gateway.web.api.gate import Gate
from gateway.web.sockets import ABORT

TOKEN = "a-made-up-api-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HERE = "http://127.0.0.1:8000"
PUBLIC = "https://voice.example.com"
PASSWORD = "a made-up password"


async def told(request: Request) -> dict[str, str]:
    """Says who asks."""
    who = who_asks(request)
    return {"name": who.name, "role": who.role}


async def plain(_request: Request) -> Response:
    """Answers by itself."""
    return PlainTextResponse("as it is")


async def refusing(_request: Request) -> Any:
    """Refuses by itself."""
    raise HTTPException(409, "not now")


async def talking(websocket: WebSocket, who: Who) -> None:
    """Accepts, says who is there and leaves."""
    await websocket.accept()
    await websocket.send_text(who.name)
    await websocket.close()


ROLES: tuple[Access, ...] = ("anyone", "viewer", "operator", "admin")
ENDPOINTS: list[Endpoint | Socket] = [
    Endpoint("GET", "/api/who", "admin", told, ""),
    Endpoint("POST", "/api/who", "admin", told, ""),
    Endpoint("GET", "/api/plain", "viewer", plain, ""),
    Endpoint("GET", "/api/refusing", "viewer", refusing, ""),
    Socket("/api/talking", "operator", talking, ""),
    *(Endpoint("GET", f"/api/for/{role}", role, told, "") for role in ROLES),
]


class Door:
    """The gate of a gateway with these settings, and who was refused there."""

    def __init__(self, **settings: Any) -> None:
        self.rejections: Counter[str] = Counter()
        found = load_settings(_env_file=None, **settings)
        self.users = Users(found)
        reception = cast(Reception, SimpleNamespace(rejected=self._rejected))
        self.gate = Gate(found, reception, self.users)
        self.routes = [self.gate.route(each) for each in ENDPOINTS]
        self.routes += [
            Route("/metrics", self.gate.before("viewer", plain)),
            Route("/", self.gate.shell(plain)),
        ]

    def from_(self, peer: str, base: str = HERE) -> TestClient:
        """Somebody whose connection comes from that address."""
        return TestClient(Starlette(routes=self.routes), base, client=(peer, 50000))

    def _rejected(self, reason: str) -> None:
        self.rejections[reason] += 1


def test_a_bearer_of_the_token_is_let_through() -> None:
    """As an admin, from anywhere; what the endpoint answers is the answer."""
    http = Door(api_token=TOKEN, public_url=PUBLIC).from_("203.0.113.5", PUBLIC)
    assert http.get("/api/who", headers=BEARER).json() == {"name": "token", "role": "admin"}
    assert http.post("/api/who", headers=BEARER).json() == {"name": "token", "role": "admin"}
    assert http.get("/api/plain", headers=BEARER).text == "as it is"
    assert http.get("/metrics", headers=BEARER).text == "as it is"
    refusal = http.get("/api/refusing", headers=BEARER)
    assert (refusal.status_code, refusal.json()) == (409, {"error": "not now"})


@pytest.mark.parametrize("header", ["Bearer wrong", f"Basic {TOKEN}", "Bearer", "", "Bearer é"])
@pytest.mark.parametrize("more", [{}, {"admin_password": PASSWORD}], ids=["open", "password"])
def test_a_wrong_token_is_nobodys(header: str, more: dict[str, Any]) -> None:
    """Even on the gateway's own machine; they are told what is needed, and counted."""
    door = Door(api_token=TOKEN, **more)
    sent = {"Authorization": header.encode("latin-1")}
    answer = door.from_("127.0.0.1").get("/api/who", headers=cast(Any, sent))
    assert (answer.status_code, door.rejections) == (401, Counter(api_token=1))
    assert "GATEWAY_API_TOKEN" in answer.json()["error"]
    assert answer.headers["x-gateway-refused"] == "api_token"


def test_without_a_token_of_its_own_no_token_opens_it() -> None:
    """There is nothing that would."""
    answer = Door().from_("127.0.0.1").get("/api/who", headers=BEARER)
    assert (answer.status_code, answer.json()["error"][:6]) == (403, "closed")


def test_the_command_line_has_its_own_name() -> None:
    """So that the audit trail tells it from a program with the token."""
    from gateway.ops.apitokens import api_tokens

    settings = {"api_token": TOKEN, "twilio_auth_token": "one,two"}
    made = api_tokens(load_settings(_env_file=None, **cast(Any, settings)))
    http = Door(**settings).from_("203.0.113.5")
    names = [
        http.get("/api/who", headers={"Authorization": f"Bearer {each}"}).json()["name"]
        for each in made
    ]
    assert names == ["token", "cli", "cli"]


# On the gateway's own machine


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("base", [HERE, "http://localhost:9000", "http://[::1]:8000"])
def test_who_is_on_the_machine_may_do_everything(peer: str, base: str) -> None:
    """As long as nobody can sign in and the gateway has no public address."""
    http = Door().from_(peer, base)
    assert http.get("/api/who").json() == {"name": "local", "role": "admin"}
    assert http.get("/").text == http.get("/metrics").text == "as it is"
    assert http.post("/api/who", headers={"Origin": base}).status_code == 200
    assert http.post("/api/who").status_code == 200


STRANGE: list[tuple[str, str, dict[str, str]]] = [
    ("203.0.113.5", HERE, {}),
    ("192.168.1.7", HERE, {}),
    ("testclient", HERE, {}),
    ("127.0.0.1", "http://evil.example", {}),
    ("127.0.0.1", "http://evil.example:8000", {}),
    ("127.0.0.1", "http://127.0.0.1.evil.example", {}),
    ("127.0.0.1", "http://localhost.evil.example", {}),
    ("127.0.0.1", "http://0.0.0.0:8000", {}),
    ("127.0.0.1", HERE, {"Host": ""}),
    ("127.0.0.1", HERE, {"Host": "127.0.0.1@evil.example"}),
    ("127.0.0.1", HERE, {"Host": "127.0.0.1:8000/evil"}),
    ("127.0.0.1", HERE, {"Host": "127.0.0.1:8000, evil.example"}),
    ("127.0.0.1", HERE, {"Host": "127.0.0.1:port"}),
    ("127.0.0.1", HERE, {"Host": "localhost."}),
    ("127.0.0.1", HERE, {"Host": "[::1"}),
    ("127.0.0.1", HERE, {"Forwarded": "for=127.0.0.1"}),
    ("127.0.0.1", HERE, {"X-Forwarded-For": "127.0.0.1"}),
    ("127.0.0.1", HERE, {"X-Forwarded-Host": "127.0.0.1"}),
    ("127.0.0.1", HERE, {"X-Forwarded-Proto": "http"}),
    ("127.0.0.1", HERE, {"X-Forwarded-Anything": "x"}),
    ("127.0.0.1", HERE, {"X-Real-IP": "127.0.0.1"}),
    ("127.0.0.1", HERE, {"Via": "1.1 proxy"}),
    ("127.0.0.1", HERE, {"CF-Connecting-IP": "127.0.0.1"}),
]


@pytest.mark.parametrize(("peer", "base", "headers"), STRANGE, ids=str)
def test_all_others_find_nothing(peer: str, base: str, headers: dict[str, str]) -> None:
    """Who is elsewhere, came through something, or asked for another name (DNS rebinding)."""
    door = Door()
    http = door.from_(peer, base)
    for path in ("/api/who", "/metrics", "/", "/api/for/anyone"):
        answer = http.get(path, headers=headers)
        assert (path, answer.status_code) == (path, 404)
    assert door.rejections == Counter(nobody=4)


def test_two_hosts_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that names this machine and another is nobody's."""
    http = Door().from_("127.0.0.1")
    sent = [("Host", "127.0.0.1:8000"), ("Host", "evil.example")]
    assert http.get("/api/who", headers=cast(Any, sent)).status_code == 404


def test_a_public_address_ends_it() -> None:
    """What comes through a proxy that says nothing of itself looks like this machine."""
    http = Door(public_url=PUBLIC, api_token=TOKEN).from_("127.0.0.1")
    assert http.get("/api/who").status_code == http.get("/").status_code == 404
    assert http.get("/api/who", headers=BEARER).status_code == 200
    assert http.get("/api/who", headers={"Authorization": "Bearer x"}).status_code == 401


def test_a_public_address_of_this_machine_does_not() -> None:
    """That is what `--offline` has."""
    assert Door(public_url=HERE).from_("127.0.0.1").get("/api/who").status_code == 200


def test_a_password_ends_it() -> None:
    """Then everything but the shell asks who is there."""
    door = Door(admin_password=PASSWORD)
    http = door.from_("127.0.0.1")
    assert http.get("/").status_code == 200
    for path in ("/api/who", "/metrics"):
        answer = http.get(path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert door.rejections == Counter(not_signed_in=2)
    assert http.get("/api/for/anyone").status_code == 200


# Pages of others

FOREIGN: list[Mapping[str, str]] = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:8001"},
    {"Origin": "http://localhost:8000"},
    {"Origin": "https://127.0.0.1:8000"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("token", [{}, BEARER], ids=["local", "token"])
def test_no_other_page_changes_anything(headers: dict[str, str], token: dict[str, str]) -> None:
    """Whatever browser sends it, and whatever it sends along."""
    door = Door(api_token=TOKEN)
    answer = door.from_("127.0.0.1").post("/api/who", headers={**headers, **token})
    assert (answer.status_code, answer.headers["x-gateway-refused"]) == (403, "foreign_origin")
    assert door.rejections == Counter(foreign_origin=1)


@pytest.mark.parametrize("headers", FOREIGN[:-1], ids=str)
def test_no_other_page_reads_anything(headers: dict[str, str]) -> None:
    """Reading is refused as well; what a person typed is not another page's."""
    http = Door().from_("127.0.0.1")
    assert http.get("/api/who", headers=headers).status_code == 403
    assert http.get("/api/who", headers={"Sec-Fetch-Site": "none"}).status_code == 200


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_no_other_page_opens_a_socket(headers: dict[str, str]) -> None:
    """It is refused before it is accepted."""
    door = Door()
    http = door.from_("127.0.0.1")
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        http.websocket_connect("ws://127.0.0.1:8000/api/talking", headers=headers),
    ):
        pytest.fail("was accepted")
    assert denied.value.status_code == 403
    assert door.rejections == Counter(foreign_origin=1)


def test_a_socket_has_the_same_gate() -> None:
    """Who may is let through, the others are told so before the upgrade."""
    door = Door(api_token=TOKEN, public_url=PUBLIC)
    http = door.from_("203.0.113.5")
    with http.websocket_connect("/api/talking", headers=BEARER) as socket:
        assert socket.receive_text() == "token"
    ours = {**BEARER, "Origin": PUBLIC}
    with http.websocket_connect("/api/talking", headers=ours) as socket:
        assert socket.receive_text() == "token"
    for headers, status in (({}, 404), ({"Authorization": "Bearer x"}, 401)):
        with (
            pytest.raises(WebSocketDenialResponse) as denied,
            http.websocket_connect("/api/talking", headers=headers),
        ):
            pytest.fail("was accepted")
        assert denied.value.status_code == status
    assert door.rejections == Counter(nobody=1, api_token=1)


# Roles


@pytest.mark.asyncio
@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
async def test_a_role_opens_what_it_may(role: Any) -> None:
    """And what those below it may; the others are told which is needed."""
    door = Door(admin_password=PASSWORD)
    door.users._of_file["anna"] = User("anna", role, "hashed")
    secret = door.gate.sessions.begin(door.users._of_file["anna"])
    http = door.from_("127.0.0.1")
    answers = [http.get(f"/api/for/{each}", headers=cookie(secret)) for each in ROLES]
    may = ROLES.index(role) + 1
    assert [each.status_code for each in answers] == [200] * may + [403] * (len(ROLES) - may)
    assert all(each.json()["name"] == "anna" for each in answers[:may])
    for each in answers[may:]:
        assert f"anna is {role}" in each.json()["error"]
    assert door.rejections == Counter({"role": len(ROLES) - may} if may < len(ROLES) else {})


@pytest.mark.asyncio
async def test_a_session_changes_things_from_our_own_pages_only() -> None:
    """A browser sends the cookie with whatever any page asks: who does not say which, may not."""
    door = Door(admin_password=PASSWORD, public_url=PUBLIC)
    door.users._of_file["anna"] = User("anna", "admin", "hashed")
    secret = door.gate.sessions.begin(door.users._of_file["anna"])
    http = door.from_("10.0.0.1", PUBLIC)
    ours = {"Cookie": f"__Host-gateway={secret}"}
    assert http.get("/api/who", headers=ours).status_code == 200
    assert http.post("/api/who", headers={**ours, "Origin": PUBLIC}).status_code == 200
    for wrong in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-origin"}):
        assert http.post("/api/who", headers={**ours, **wrong}).status_code == 403
        with (
            pytest.raises(WebSocketDenialResponse),
            http.websocket_connect("/api/talking", headers={**ours, **wrong}),
        ):
            pytest.fail("was accepted")
    with http.websocket_connect("/api/talking", headers={**ours, "Origin": PUBLIC}) as socket:
        assert socket.receive_text() == "anna"


@pytest.mark.asyncio
async def test_a_plain_cookie_is_none_under_a_public_name() -> None:
    """Another host of the domain could have set it."""
    door = Door(admin_password=PASSWORD, public_url=PUBLIC)
    door.users._of_file["anna"] = User("anna", "admin", "hashed")
    secret = door.gate.sessions.begin(door.users._of_file["anna"])
    http = door.from_("10.0.0.1", PUBLIC)
    assert http.get("/api/who", headers=cookie(secret)).status_code == 401


def cookie(secret: str) -> dict[str, str]:
    """What a browser on this machine sends."""
    return {"Cookie": f"gateway={secret}"}


@pytest.mark.asyncio
async def test_a_socket_that_takes_no_close_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A close waits behind what its other end does not read, for ever; the connection goes."""
    monkeypatch.setattr(gate_module, "TIDY_S", 0.01)
    dropped: list[str] = []
    frozen = asyncio.Event()

    async def send(_message: Any) -> None:
        await frozen.wait()

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    extensions = {ABORT: {"abort": lambda: dropped.append("dropped")}}
    scope = {"type": "websocket", "extensions": extensions, "headers": [], "path": "/"}
    websocket = WebSocket(scope, receive, send)
    websocket.application_state = WebSocketState.CONNECTED
    await gate_module._close(websocket)
    assert dropped == ["dropped"]
    frozen.set()
    awake = WebSocket(scope, receive, send)
    awake.application_state = WebSocketState.CONNECTED
    await gate_module._close(awake)
    assert dropped == ["dropped"]
