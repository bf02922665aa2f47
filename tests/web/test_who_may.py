"""Everybody at every address: each route of the table has a role, and nobody below it gets in.

What is new in the table is tried here without a line being added: the routes are taken from the
running application, their roles from the table of the API.
"""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.web.api.endpoint import ROLES, Endpoint, Role
from gateway.web.api.sessions import LONGEST_S
from gateway.web.app import api_table
from gateway.web.parts import Parts
from tests.web.api.people import TALK, Manned, manned
from tests.web.carrier import LIMIT_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "a-made-up-api-token"
CARRIERS = "/twilio/"
ANYBODYS = {"/healthz", "/readyz"}
BESIDE: dict[tuple[str, str], str] = {
    ("GET", "/"): "shell",
    ("GET", "/static/{path:path}"): "shell",
    ("GET", "/metrics"): "viewer",
    ("WS", TALK): "operator",  # this test's own
}
"""Addresses that are neither the carrier's nor the API's. A new one is a decision, made here."""
WRONG = {"Authorization": "Bearer wrong"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Manned]:
    """A gateway with people and a token."""
    async with manned(tmp_path_factory.mktemp("house"), api_token=TOKEN) as found:
        yield found


def roles_of(house: Manned) -> dict[tuple[str, str], str]:
    """The least role of every address that is not the carrier's, by method and path."""
    parts = Parts(house.gateway.settings, house.gateway.reception)
    declared: dict[tuple[str, str], str] = {
        (each.method if isinstance(each, Endpoint) else "WS", each.path): str(each.role)
        for each in api_table(parts, house.gate)
    }
    return {**declared, **BESIDE}


def addresses(house: Manned) -> list[tuple[str, str]]:
    """Every address that is not the carrier's and not anybody's."""
    found = []
    for route in house.app.routes:
        path = getattr(route, "path", "")
        if path.startswith(CARRIERS) or path in ANYBODYS:
            continue
        if isinstance(route, WebSocketRoute):
            found.append(("WS", path))
        else:
            assert isinstance(route, Route), f"{route}: hides what is behind it"
            found += [("GET" if each == "HEAD" else each, path) for each in route.methods or ()]
    return sorted(set(found))


async def status_of(house: Manned, method: str, path: str, headers: dict[str, str]) -> int:
    """What somebody with these headers is told; 101 for a socket that was opened."""
    path = path.replace("{path:path}", "index.html")
    path = path.replace("{", "").replace("}", "")  # an ID nobody has
    if method != "WS":
        request: dict[str, Any] = {"headers": {"Origin": house.origin, **headers}}
        if method in ("POST", "PUT"):
            request["content"] = b"{"
        return (await house.ask(method, path, **request)).status_code
    url = f"ws://127.0.0.1:{house.gateway.port}{path}"
    sent = {"Origin": house.origin, **headers}
    try:
        async with connect(url, additional_headers=sent, proxy=None, open_timeout=LIMIT_S):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


async def test_every_address_has_a_role(house: Manned) -> None:
    """A route that was put in beside the table is found."""
    there = set(addresses(house))
    assert there - {("GET", "/metrics")} <= roles_of(house).keys()
    assert len(there) > 10
    assert set(roles_of(house).values()) <= {*ROLES, "anyone", "shell"}


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_gets_where_it_may(house: Manned, role: Role) -> None:
    """To each address that asks for it or for less, and to no other."""
    name = {"viewer": "vera", "operator": "otto", "admin": "anna"}[role]
    for method, path in addresses(house):
        cookie = await house.cookie(name)  # signing in and out are among what is asked
        wanted = roles_of(house)[method, path]
        status = await status_of(house, method, path, cookie)
        may = wanted in ("anyone", "shell") or ROLES.index(role) >= ROLES.index(wanted)
        assert (status == 403) is not may, f"{role} {method} {path}: {status}"
        assert status != 401


@pytest.mark.parametrize("who", ["anonymous", "wrong token", "expired", "made up"])
async def test_nobody_else_gets_anywhere(house: Manned, who: str) -> None:
    """401 at every address but the shell and signing in; with a wrong token there as well."""
    headers: dict[str, str] = {}
    if who == "wrong token":
        headers = WRONG
    elif who == "made up":
        headers = {"Cookie": "gateway=" + "A" * 43}
    elif who == "expired":
        headers = await house.cookie()
        for session in house.gate.sessions.all():
            session.began -= LONGEST_S
    seen: Counter[int] = Counter()
    for method, path in addresses(house):
        status = await status_of(house, method, path, headers)
        seen[status] += 1
        wanted = roles_of(house)[method, path]
        if wanted == "shell":
            assert status in (200, 404), path
        elif wanted == "anyone" and who != "wrong token":
            assert status == 400, path
        else:
            assert status == 401, f"{method} {path}: {status}"
    assert seen[401] > 10


async def test_a_token_gets_everywhere(house: Manned) -> None:
    """As an admin."""
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for method, path in addresses(house):
        assert await status_of(house, method, path, bearer) not in (401, 403), (method, path)


async def test_no_other_page_gets_anywhere(house: Manned) -> None:
    """Whoever has signed in: every address but the shell refuses a foreign page's request."""
    cookie = await house.cookie()
    for method, path in addresses(house):
        if roles_of(house)[method, path] == "shell":
            continue
        for page in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
            status = await status_of(house, method, path, {**cookie, **page})
            assert status == 403, f"{method} {path}: {status}"


async def test_what_is_unknown_is_not_there(house: Manned) -> None:
    """No method opens an address by another door."""
    cookie = await house.cookie()
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND"):
        for path in ("/", "/static/index.html", "/api", "/api/", "/api/none", "/api/audit/"):
            answer = await house.ask(method, path, headers={**cookie, "Origin": house.origin})
            assert answer.status_code in (404, 405), (method, path)
            assert "access-control-allow-origin" not in answer.headers
