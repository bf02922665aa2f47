"""Several gateways that share a PostgreSQL: each webhook is sent by one of them."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from gateway.store.database import open_database
from gateway.store.hooks.courier import Courier
from gateway.store.hooks.deliveries import claim, due, renew_dead, settle
from tests.call.watching import until
from tests.store.databases import made, settings_in
from tests.store.outboxes import SECRET, Clock, put, states
from tests.store.postgres import Postgres
from tests.store.receivers import LIMIT_S, receiving

pytestmark = pytest.mark.system


@pytest.fixture
def database_url(server: Postgres) -> str:
    """An empty database."""
    return server.empty()


@pytest.mark.asyncio
async def test_three_couriers_share_the_work(tmp_path: Path, database_url: str) -> None:
    """Each webhook once, each call in order."""
    clock = Clock()
    async with receiving() as receiver:
        settings = settings_in(
            tmp_path, hook_url=receiver.url, hook_secret=SECRET, database_url=database_url
        )
        engines = [await made(settings), open_database(settings), open_database(settings)]
        ids = [f"CA{call}:{seq}" for call in range(30) for seq in (1, 2, 3)]
        await put(engines[0], settings, clock, *ids)
        couriers = [Courier(engine, settings, clock=clock) for engine in engines]
        tasks = [asyncio.create_task(each.run()) for each in couriers]
        await receiver.until(lambda: len(set(receiver.ids)) == len(ids))
        for each in couriers:
            each.stop()
        await asyncio.gather(*tasks)
        assert set((await states(engines[0])).values()) == {"delivered"}
        assert sorted(receiver.ids) == sorted(ids)
        for call in range(30):
            ours = [each for each in receiver.ids if each.startswith(f"CA{call}:")]
            assert ours == [f"CA{call}:{seq}" for seq in (1, 2, 3)]
        await close(*engines)


@pytest.mark.asyncio
async def test_a_delivery_is_in_one_hand(tmp_path: Path, database_url: str) -> None:
    """Many reach for it at once, one has it; dead ones are made pending again."""
    clock = Clock()
    settings = settings_in(
        tmp_path, hook_url="https://hooks.example.com", database_url=database_url
    )
    engine = await made(settings)
    await put(engine, settings, clock, "CA1:1")
    (found,) = await due(engine, clock.now, 9)
    claims = await asyncio.gather(*(claim(engine, found, clock.now) for _ in range(8)))
    assert sorted(claims) == [False] * 7 + [True]
    assert await settle(engine, found, {"state": "dead", "error": "timeout"})
    assert await renew_dead(engine, clock.now) == 1
    assert [each.id for each in await due(engine, clock.now, 9)] == ["CA1:1"]
    await close(engine)


@pytest.mark.asyncio
async def test_a_session_that_stays_read_only_is_given_up(
    tmp_path: Path, database_url: str, server: Postgres
) -> None:
    """As soon as the database takes writes again from new sessions, webhooks are sent."""
    clock = Clock()
    name = database_url.rpartition("/")[2]
    read_only = f"ALTER DATABASE {name} {{}} default_transaction_read_only"
    async with receiving() as receiver:
        settings = settings_in(
            tmp_path, hook_url=receiver.url, hook_secret=SECRET, database_url=database_url
        )
        engine = await made(settings)
        await put(engine, settings, clock, "CA1:1")
        server.run(server.url, read_only.format("SET") + " = on")
        theirs = open_database(settings)
        courier = Courier(theirs, settings, clock=clock)
        with capture_logs() as logs:
            running = asyncio.create_task(courier.run())
            await until(lambda: bool(logs), LIMIT_S)
            server.run(server.url, read_only.format("RESET"))
            await receiver.until(lambda: receiver.ids == ["CA1:1"])
        courier.stop()
        await running
        assert [line["event"] for line in logs] == ["hook.stalled"]
        await close(engine, theirs)


async def close(*engines: AsyncEngine) -> None:
    """Leaves no connections."""
    for engine in engines:
        await engine.dispose()
