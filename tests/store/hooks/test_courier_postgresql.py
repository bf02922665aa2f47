"""Several gateways that share a PostgreSQL: each webhook is sent by one of them."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.database import open_database
from gateway.store.hooks.courier import Courier
from gateway.store.hooks.deliveries import claim, due, renew_dead, settle
from tests.store.databases import made, settings_in
from tests.store.outboxes import SECRET, Clock, put, states
from tests.store.receivers import receiving

pytestmark = pytest.mark.system
BIN = "/usr/lib/postgresql/15/bin"


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A server of our own, on a free port of loopback."""
    # PostgreSQL does not run as root.
    lower = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="gateway-pg-"))
    if lower:
        shutil.chown(folder, "postgres")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = str(folder / "data")
    subprocess.run(
        [*lower, f"{BIN}/initdb", "-A", "trust", "-U", "gateway", "-N", data], check=True, cwd="/"
    )
    options = f"-h 127.0.0.1 -p {port} -k {folder} -F"
    control = [*lower, f"{BIN}/pg_ctl", "-D", data, "-w"]
    log = ["-l", str(folder / "log")]
    subprocess.run([*control, *log, "-o", options, "start"], check=True, cwd="/")
    yield f"postgresql://gateway@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, cwd="/")
    shutil.rmtree(folder)


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
        await clean(engines)


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
    await clean([engine])


async def clean(engines: list[AsyncEngine]) -> None:
    """Leaves no rows and no connections."""
    async with engines[0].begin() as connection:
        await connection.exec_driver_sql("DELETE FROM deliveries")
    for engine in engines:
        await engine.dispose()
