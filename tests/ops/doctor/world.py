"""Everything that is right: a gateway behind a TLS proxy, its model, its account, its files.

What the doctor looks at is real and runs over real sockets; a test spoils one thing of it.
"""

import os
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.ops.doctor.checks import examined
from gateway.ops.doctor.finding import Finding
from gateway.ops.rest import TwilioRest
from gateway.settings import Settings
from gateway.sim.realtime import RealtimeOptions
from tests.e2e.harness import NUMBER, TOKEN, House, house
from tests.ops.doctor.front import Front, front
from tests.store.certificates import Authority

SECOND_TOKEN = "a second made-up token"


@dataclass(frozen=True)
class World:
    """A gateway that answers the phone, and the settings the doctor is given."""

    house: House
    front: Front
    authority: Authority
    settings: Settings
    folder: Path

    async def examined(self, **changes: Any) -> dict[str, Finding]:
        """What the doctor finds, by name; with other settings than the gateway's."""
        places_call = changes.pop("places_call", True)
        greeting_s = changes.pop("greeting_s", 6.0)
        settings = self.settings.model_copy(update=changes)
        found = await examined(
            settings, lambda _: None, places_call=places_call, greeting_s=greeting_s
        )
        return {finding.name: finding for finding in found}

    @asynccontextmanager
    async def number(self, **fields: str) -> AsyncIterator[None]:
        """The number is configured otherwise meanwhile."""
        rest = TwilioRest(self.settings)
        try:
            (before,) = await rest.numbers(NUMBER)
            await rest.point(before.sid, fields)
            yield
            await rest.point(before.sid, {name: before.settings[name] for name in fields})
        finally:
            await rest.close()

    @asynccontextmanager
    async def known_as(self, url: str) -> AsyncIterator[dict[str, Any]]:
        """Settings and number name another public address meanwhile."""
        async with self.number(voice_url=f"{url}/twilio/voice"):
            yield {"public_url": url}


@asynccontextmanager
async def world(folder: Path, **changes: Any) -> AsyncIterator[World]:
    """All of it, running; ``changes`` are settings of the gateway's own."""
    authority = Authority(folder)
    with trusting(authority):
        async with front(authority.server("localhost"), "http://127.0.0.1:1") as proxy:
            given: Mapping[str, Any] = {
                "public_url": proxy.url,
                "twilio_auth_token": f"{TOKEN},{SECOND_TOKEN}",
                "twilio_phone_number": NUMBER,
                **changes,
            }
            options = RealtimeOptions(trace=False, keep_audio=False)
            async with house(options, kept_in=folder / "data", **given) as running:
                proxy.point(running.base)
                settings = running.settings.model_copy(
                    update={"port": proxy.target[1], "twilio_api_url": running.twin.url}
                )
                yield World(running, proxy, authority, settings, folder)


@contextmanager
def trusting(authority: Authority) -> Iterator[None]:
    """Whoever makes a TLS context meanwhile trusts this authority and no other."""
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(authority.file)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SSL_CERT_FILE"]
        else:
            os.environ["SSL_CERT_FILE"] = before


def self_signed(folder: Path) -> ssl.SSLContext:
    """What a server uses that nobody vouches for."""
    return Authority(folder).server("localhost")
