"""The gateway's application without a socket: records, recordings, and whoever asks for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import httpx2

from gateway.call.approvals import Approvals
from gateway.call.reception import Reception
from gateway.call.registry import Registry
from gateway.settings import Settings
from gateway.store.records.readingroom import ReadingRoom
from gateway.web.app import build_app
from gateway.web.parts import Parts

TOKEN = "a-made-up-api-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def desk(settings: Settings, **parts: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an application over these settings, with a token; ``parts`` are more of it."""
    reception = SimpleNamespace(
        approvals=Approvals(30.0), registry=Registry(1), rejected=lambda _reason: None
    )
    app = build_app(Parts(settings, cast(Reception, reception), **parts))
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="https://voice.example.com", headers=BEARER
    ) as client:
        yield client


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """The same with the records of these settings."""
    records = ReadingRoom(settings)
    records.start()
    try:
        async with desk(settings, records=records) as client:
            yield client
    finally:
        records.stop()
