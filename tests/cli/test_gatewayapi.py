"""The running gateway's API, as commands ask it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from gateway.cli.gatewayapi import GatewayApi, Refused, Unreachable, address_of
from gateway.errors import GatewayError
from gateway.ops.apitokens import api_tokens
from gateway.settings import Settings, load_settings

Answer = tuple[int, bytes]


def settings(**changes: Any) -> Settings:
    """Settings of the gateway's own machine."""
    return load_settings(_env_file=None, **{"twilio_auth_token": "made-up", **changes})


class Gateway:
    """Something that answers as it is told."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = ""


@contextmanager
def answering(*answers: Answer) -> Iterator[Gateway]:
    """A server with these answers, one for each request."""
    gateway = Gateway()
    gateway.answers = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            gateway.asked.append((self.command, self.path, dict(self.headers.items()), body))
            status, said = gateway.answers.pop(0)
            self.send_response(status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, format: str, *words: Any) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def said(**fields: Any) -> bytes:
    """The JSON of an answer."""
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("gateway", "http://gateway:8000"),
    ],
)
def test_a_gateway_is_where_it_listens(host: str, address: str) -> None:
    """From the same machine."""
    assert address_of(settings(host=host)) == address


def test_it_is_asked_with_a_token() -> None:
    """The one of the settings, else the one that is made of the auth token."""
    with answering((200, said(id="D1")), (200, said(id="D2"))) as gateway:
        with GatewayApi(settings(), gateway.url + "/") as api:
            assert api.ask("POST", "/api/calls", json={"to": "+1"}) == {"id": "D1"}
        with GatewayApi(settings(api_token="own"), gateway.url) as api:
            api.ask("GET", "/api/calls/D2")
        first, second = gateway.asked
        assert first[:2] == ("POST", "/api/calls")
        assert json.loads(first[3]) == {"to": "+1"}
        (token,) = api_tokens(settings())
        headers = [{k.lower(): v for k, v in each[2].items()} for each in (first, second)]
        assert [each["authorization"] for each in headers] == [f"Bearer {token}", "Bearer own"]


def test_without_any_token_nobody_elsewhere_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be refused; on this machine it may not be."""
    for name in ("GATEWAY_API_TOKEN", "TWILIO_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    nothing = load_settings(_env_file=None)
    with pytest.raises(GatewayError, match="GATEWAY_API_TOKEN"):
        GatewayApi(nothing, "https://voice.example.com")
    with answering((200, b"{}")) as gateway, GatewayApi(nothing, gateway.url) as api:
        assert api.ask("GET", "/api/health") == {}
    assert "authorization" not in {name.lower() for name in gateway.asked[0][2]}


def test_a_list_is_a_list() -> None:
    """And nothing else is."""
    with (
        answering((200, b'[{"id": "D1"}]'), (200, b"{}"), (503, said(error="away"))) as gateway,
        GatewayApi(settings(), gateway.url) as api,
    ):
        assert api.listed("/api/calls") == [{"id": "D1"}]
        with pytest.raises(GatewayError, match="is no gateway"):
            api.listed("/api/calls")
        with pytest.raises(Refused, match="away"):
            api.listed("/api/calls")


def test_what_goes_wrong_is_said() -> None:
    """Nobody there, a no, something else than a gateway, no address at all."""
    with (
        answering(
            (422, said(error="not called", rule="country")), (500, b"oops"), (200, b"[]")
        ) as gateway,
        GatewayApi(settings(), gateway.url) as api,
    ):
        with pytest.raises(Refused, match="not called") as no:
            api.ask("POST", "/api/calls")
        assert (no.value.status, no.value.answer["rule"]) == (422, "country")
        for _ in range(2):
            with pytest.raises(GatewayError, match="is no gateway"):
                api.ask("GET", "/api/calls")
    with (
        GatewayApi(settings(), gateway.url) as api,
        pytest.raises(Unreachable, match="no gateway") as away,
    ):
        api.ask("GET", "/api/calls")
    assert not away.value.sent
    with GatewayApi(settings(), "http://[x") as api, pytest.raises(GatewayError):
        api.ask("GET", "/api/calls")
