"""The headers that tell browsers what they may do."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.web.headers import CONTENT_SECURITY_POLICY, SECURITY_HEADERS, SecurityHeaders


async def here(_request: Request) -> Response:
    """Anything."""
    return PlainTextResponse("here")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "secured"), [("/", True), ("/nowhere", True), ("/twilio/voice", False)]
)
async def test_every_answer_a_browser_may_get_has_them(path: str, secured: bool) -> None:
    """Errors, too; the carrier's webhooks need none."""
    routes = [Route("/", here), Route("/twilio/voice", here)]
    app = SecurityHeaders(Starlette(routes=routes))
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1"
    ) as http:
        answer = await http.get(path)
    has = {name: answer.headers.get(name) for name in SECURITY_HEADERS}
    assert has == (SECURITY_HEADERS if secured else dict.fromkeys(SECURITY_HEADERS))


@pytest.mark.parametrize("unsafe", ["unsafe-inline", "unsafe-eval", "*", "http:", "https:"])
def test_the_policy_lets_nothing_run_but_our_own_files(unsafe: str) -> None:
    """No word that would open it is in there."""
    assert unsafe not in CONTENT_SECURITY_POLICY
