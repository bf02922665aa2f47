"""`/api/audit`: a page of the trail, for admins."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from gateway.call.reception import Reception
from gateway.settings import load_settings
from gateway.store.audit import AuditLog
from gateway.store.entry import Entry
from gateway.store.journal.apply import apply
from gateway.store.transaction import writing
from gateway.web.api.audit import AuditHandlers
from gateway.web.api.gate import Gate
from tests.store.databases import made, settings_in

THEN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def fill(folder: Path) -> None:
    """A database with three lines in it."""

    async def filling() -> None:
        put: list[Entry] = []
        moments = [THEN + timedelta(minutes=number) for number in range(3)]
        log = AuditLog(put.append, lambda: moments.pop(0))
        log.note(SimpleNamespace(name="ann", role="operator"), "whisper", call_sid="CA1")
        log.note(SimpleNamespace(name="bob", role="admin"), "log_level", detail="debug")
        log.note(SimpleNamespace(name="ann", role="operator"), "hang_up", call_sid="CA2")
        engine = await made(settings_in(folder))
        async with writing(engine) as connection:
            await apply(connection, put)
        await engine.dispose()

    asyncio.run(filling())


TOKEN = "a-made-up-api-token"


@pytest.fixture
def http(tmp_path: Path) -> TestClient:
    """A bearer of the token."""
    fill(tmp_path)
    settings = load_settings(_env_file=None, data_dir=tmp_path, api_token=TOKEN)
    reception = cast(Reception, SimpleNamespace(rejected=lambda _reason: None))
    gate = Gate(settings, reception)
    app = Starlette(routes=[gate.route(each) for each in AuditHandlers(settings).endpoints()])
    return TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"})


def test_pages_follow_each_other(http: TestClient) -> None:
    """The header says where the next one is, until there is none."""
    found, address = [], "/api/audit?limit=2"
    while address:
        answer = http.get(address)
        assert answer.status_code == 200
        found += [each["action"] for each in answer.json()]
        address = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
    assert found == ["hang_up", "log_level", "whisper"]


def test_what_is_asked_for_is_what_comes(http: TestClient) -> None:
    """By name and moment."""
    wanted = {"who": "ann", "since": "2026-03-01T09:01:00Z"}
    assert [each["action"] for each in http.get("/api/audit", params=wanted).json()] == ["hang_up"]


@pytest.mark.parametrize(
    ("query", "named"),
    [("limit=0", "limit"), ("limit=x", "limit"), ("since=then", "since"), ("whom=ann", "whom")],
)
def test_what_makes_no_sense_is_named(http: TestClient, query: str, named: str) -> None:
    """With 400."""
    answer = http.get(f"/api/audit?{query}")
    assert answer.status_code == 400
    assert named in answer.json()["error"]
