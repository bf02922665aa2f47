"""The `twilio` package pointed at a twin: the sync client in a thread, the async one as it is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from gateway.sim.twilio import TwilioTwin
from tests.sim.twilio.peer import ACCOUNT, TOKEN

T = TypeVar("T")

QUIET = "ignore:(BasicAuth is|The 'auth' parameter is) deprecated:DeprecationWarning"
"""The async client's own use of aiohttp; for `pytest.mark.filterwarnings`."""


def sync_client(twin: TwilioTwin, token: str = TOKEN) -> Client:
    """Blocking: use it with `in_thread`."""
    http = TwilioHttpClient(timeout=10, pool_connections=False)
    client = Client(ACCOUNT, token, http_client=http, environment={})
    client.api.base_url = twin.url
    return client


async def in_thread(work: Callable[[], T]) -> T:
    """Does blocking work beside the event loop."""
    return await asyncio.to_thread(work)


@contextlib.asynccontextmanager
async def async_client(twin: TwilioTwin) -> AsyncIterator[Client]:
    """Closed afterwards."""
    http = AsyncTwilioHttpClient()
    client = Client(ACCOUNT, TOKEN, http_client=http, environment={})
    client.api.base_url = twin.url
    try:
        yield client
    finally:
        await http.close()
