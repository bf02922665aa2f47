"""The gate: who gets through to an endpoint or a socket, as whom, and what the others are told."""

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.call.reception import Reception
from gateway.settings import load_settings
from gateway.web.api.endpoint import Endpoint, Socket, Who, who_asks
from gateway.web.api.gate import Gate

TOKEN = "a-made-up-api-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


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


ENDPOINTS: list[Endpoint | Socket] = [
    Endpoint("GET", "/api/who", "admin", told, ""),
    Endpoint("GET", "/api/plain", "viewer", plain, ""),
    Endpoint("GET", "/api/refusing", "viewer", refusing, ""),
    Socket("/api/talking", "operator", talking, ""),
]


def client(rejections: Counter[str], **settings: Any) -> TestClient:
    """Somebody at the gate of a gateway with these settings."""

    def rejected(reason: str) -> None:
        rejections[reason] += 1

    reception = cast(Reception, SimpleNamespace(rejected=rejected))
    gate = Gate(load_settings(_env_file=None, **settings), reception)
    return TestClient(Starlette(routes=[gate.route(each) for each in ENDPOINTS]))


def test_a_bearer_of_the_token_is_let_through() -> None:
    """As an admin; what the endpoint answers is the answer."""
    http = client(Counter(), api_token=TOKEN)
    assert http.get("/api/who", headers=BEARER).json() == {"name": "token", "role": "admin"}
    assert http.get("/api/plain", headers=BEARER).text == "as it is"
    refusal = http.get("/api/refusing", headers=BEARER)
    assert (refusal.status_code, refusal.json()) == (409, {"error": "not now"})


@pytest.mark.parametrize("header", ["", "Bearer wrong", f"Basic {TOKEN}", "Bearer"])
def test_everybody_else_is_not(header: str) -> None:
    """They are told what is needed, and counted."""
    rejections: Counter[str] = Counter()
    answer = client(rejections, api_token=TOKEN).get(
        "/api/who", headers={"Authorization": header} if header else {}
    )
    assert (answer.status_code, rejections) == (401, Counter(api_token=1))
    assert "GATEWAY_API_TOKEN" in answer.json()["error"]


def test_without_a_token_it_is_closed() -> None:
    """There is nothing that would open it."""
    answer = client(Counter()).get("/api/who", headers=BEARER)
    assert (answer.status_code, answer.json()["error"][:6]) == (403, "closed")


def test_a_socket_has_the_same_gate() -> None:
    """It is refused before it is accepted."""
    rejections: Counter[str] = Counter()
    http = client(rejections, api_token=TOKEN)
    with http.websocket_connect("/api/talking", headers=BEARER) as socket:
        assert socket.receive_text() == "token"
    with pytest.raises(WebSocketDisconnect), http.websocket_connect("/api/talking"):
        pytest.fail("was accepted")
    assert rejections == Counter(api_token=1)
