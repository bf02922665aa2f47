"""The route table: nothing in it is open that should not be."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute

from gateway.web.app import build_app
from gateway.web.parts import Parts
from tests.web.carrier import new_call_sid, voice_form
from tests.web.running import Gateway, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

API = "/api/"
OPEN = {"/healthz", "/readyz"}
"""What anybody may read. A new open address is a decision, made here."""
PAGES = {"/", "/static/{path:path}"}
"""What those may read who could sign in, or are on this machine."""
FORWARDED = {"X-Forwarded-For": "203.0.113.5"}
"""Somebody who came through a proxy."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """One gateway for all of them."""
    async with running(tmp_path_factory.mktemp("gateway")) as found:
        yield found


def routes(gateway: Gateway) -> list[BaseRoute]:
    """The route table of the running application."""
    app = build_app(Parts(gateway.settings, gateway.reception))
    assert isinstance(app, Starlette)
    return app.routes


def paths(gateway: Gateway, method: str) -> list[str]:
    """The HTTP paths that take a method."""
    return [r.path for r in routes(gateway) if isinstance(r, Route) and method in (r.methods or ())]


def signed_paths(gateway: Gateway) -> list[str]:
    """The POST routes that are the carrier's: all that are not behind the API's token."""
    return [path for path in paths(gateway, "POST") if not path.startswith(API)]


def of_the_api(gateway: Gateway) -> list[tuple[str, str]]:
    """Method and path of everything behind the API's token, with an ID where one belongs."""
    return [
        (method, path.replace("{tool_call_id}", "call_1"))
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        for path in paths(gateway, method)
        if path.startswith(API)
    ]


async def test_the_addresses_of_the_contract_exist(gateway: Gateway) -> None:
    """Webhooks, the media socket and health stand where users' configuration says."""
    assert {"voice", "connect-ended", "dial-ended", "status", "stream-status"} <= {
        path.removeprefix("/twilio/") for path in paths(gateway, "POST")
    }
    assert set(paths(gateway, "GET")) >= OPEN
    sockets = [route.path for route in routes(gateway) if isinstance(route, WebSocketRoute)]
    assert "/twilio/media" in sockets


async def test_every_route_is_of_a_known_kind(gateway: Gateway) -> None:
    """The tests below see every address: no mount or host route hides any."""
    assert {type(route) for route in routes(gateway)} == {Route, WebSocketRoute}


async def test_every_post_is_signed(gateway: Gateway) -> None:
    """Each POST route, today's and tomorrow's, refuses what is unsigned or wrongly signed."""
    found = signed_paths(gateway)
    assert found
    for path in found:
        assert path.startswith("/twilio/")
        form = voice_form(new_call_sid())
        for wrong, reason in (("", "missing"), ("bm90IHR3aWxpbydzIHNpZ25hdHVyZQ==", "wrong")):
            async with gateway.turns_away(**{f"signature_{reason}": 1}):
                answer = await gateway.post(path, form, X_Twilio_Signature=wrong)
            assert (path, answer.status_code, answer.content) == (path, 403, b"")
        signature = gateway.sign(f"{gateway.public_url}{path}", form, "another token")
        async with gateway.turns_away(signature_wrong=1):
            answer = await gateway.post(path, form, X_Twilio_Signature=signature)
        assert (path, answer.status_code, answer.content) == (path, 403, b"")


async def test_no_signature_is_good_for_another_address(gateway: Gateway) -> None:
    """A form signed for one webhook is refused by every other one."""
    found = signed_paths(gateway)
    form = voice_form(new_call_sid())
    for signed in found:
        signature = gateway.sign(f"{gateway.public_url}{signed}", form)
        for path in set(found) - {signed}:
            async with gateway.turns_away(signature_wrong=1):
                answer = await gateway.post(path, form, X_Twilio_Signature=signature)
            assert answer.status_code == 403


async def test_nothing_else_is_open(gateway: Gateway) -> None:
    """Whatever answers a stranger's GET is on the list of open addresses."""
    assert {path for path in paths(gateway, "GET") if not path.startswith(API)} == OPEN | PAGES
    for path in ("/", "/static/index.html"):
        assert (await gateway.http.get(path, headers=FORWARDED)).status_code == 404
    for path in ("/docs", "/openapi.json", "/twilio", "/twilio/", "/.env", "/metrics/../.env"):
        answer = await gateway.http.get(path)
        assert answer.status_code == 404
        assert "Traceback" not in answer.text


async def test_the_api_is_closed_to_strangers(gateway: Gateway) -> None:
    """Every address under /api/, today's and tomorrow's, is none to who came from elsewhere."""
    found = of_the_api(gateway)
    assert found
    for method, path in found:
        with gateway.refuses(nobody=1):
            answer = await gateway.http.request(method, path, headers=FORWARDED)
        assert (path, answer.status_code) == (path, 404)
        with gateway.refuses(api_token=1):
            answer = await gateway.http.request(method, path, headers={"Authorization": "Bearer x"})
        assert (path, answer.status_code) == (path, 403)
