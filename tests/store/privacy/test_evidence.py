"""The evidence that things were removed."""

from datetime import timedelta

import pytest

from gateway.settings import Settings
from gateway.store.privacy.evidence import Evidence, read, write
from tests.store.canaries import NOW
from tests.store.databases import made


@pytest.mark.asyncio
async def test_lines_are_read_oldest_first(settings: Settings) -> None:
    """When, what, by which rule, and how many of what."""
    engine = await made(settings)
    told = [
        Evidence(NOW, "purge", "text older than 90 days", {"turns": 4}),
        Evidence(NOW + timedelta(hours=1), "erase", "by number", {"calls": 1, "turns": 9}),
    ]
    async with engine.begin() as connection:
        for each in told:
            await write(connection, each, None)
    assert await read(engine) == told
    await engine.dispose()


@pytest.mark.asyncio
async def test_a_line_grows_with_its_act(settings: Settings) -> None:
    """One act that takes several transactions is one line."""
    engine = await made(settings)
    first = Evidence(NOW, "purge", "calls older than 1 day", {"calls": 500})
    more = Evidence(NOW, "purge", "calls older than 1 day", {"calls": 700})
    async with engine.begin() as connection:
        line = await write(connection, first, None)
        assert await write(connection, more, line) == line
    assert await read(engine) == [more]
    await engine.dispose()
