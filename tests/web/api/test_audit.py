"""`/api/audit`: the trail for admins, and what the other addresses put into it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import insert

from gateway.store.tables import audit
from gateway.web.api.audit import AuditHandlers
from tests.store.databases import made, settings_in
from tests.web.api.people import Manned, manned
from tests.web.placings import HandPlacing

pytestmark = pytest.mark.asyncio

NOW = datetime.now(UTC)


async def fill(folder: Path, count: int) -> None:
    """A trail of so many lines, a minute apart."""
    engine = await made(settings_in(folder))
    async with engine.begin() as connection:
        for number in range(count):
            row = {"id": f"{number:04}", "at": NOW - timedelta(minutes=count - number)}
            row |= {"who": "anna" if number % 2 else "otto", "role": "admin", "action": "hang_up"}
            await connection.execute(insert(audit).values(row))
    await engine.dispose()


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[Manned]:
    """A gateway with people and a trail."""
    await fill(tmp_path, 250)
    async with manned(tmp_path, data_dir=tmp_path) as found:
        yield found


def there(path: Path) -> bool:
    """True when there is such a file."""
    return path.exists()


async def page(house: Manned, query: str = "", name: str = "anna") -> Any:
    """One answer."""
    return await house.ask("GET", f"/api/audit{query}", headers=await house.cookie(name))


async def test_the_newest_are_first_and_the_rest_is_linked(house: Manned) -> None:
    """Page by page, each line once."""
    found: list[str] = []
    query = ""
    while True:
        answer = await page(house, query)
        assert answer.status_code == 200
        found += [line["id"] for line in answer.json()]
        if "link" not in answer.headers:
            break
        target, _, relation = answer.headers["link"].partition("; ")
        assert relation == 'rel="next"'
        query = target.strip("<>").removeprefix("/api/audit")
    assert found == [f"{number:04}" for number in range(249, -1, -1)]


async def test_what_is_wanted(house: Manned) -> None:
    """Of one name, since a moment, so many; all together."""
    assert {line["who"] for line in (await page(house, "?who=otto&limit=500")).json()} == {"otto"}
    since = (NOW - timedelta(minutes=10, seconds=30)).isoformat().replace("+00:00", "Z")
    assert len((await page(house, f"?since={since}")).json()) == 10
    assert len((await page(house, f"?since={since}&who=anna&limit=3")).json()) == 3


WRONG = ["limit=0", "limit=501", "limit=x", "limit=-1", "limit=", "since=yesterday"]
WRONG += ["since=2026-01-01T00:00:00", "until=2026-01-01", "limit=%C2%B2"]


@pytest.mark.parametrize("query", WRONG)
async def test_a_wrong_question(house: Manned, query: str) -> None:
    """400 and one line that names what is wrong."""
    answer = await page(house, f"?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["error"]


async def test_it_is_for_admins(house: Manned) -> None:
    """Others are told so."""
    for name in ("vera", "otto"):
        assert (await page(house, name=name)).status_code == 403


async def test_without_the_database(tmp_path: Path) -> None:
    """503 in one line."""
    nowhere = SecretStr(f"sqlite:///{tmp_path}/none/calls.db")
    async with manned(tmp_path, database_url=nowhere) as house:
        answer = await page(house)
        assert answer.status_code == 503
        assert "\n" not in answer.json()["error"]


async def test_it_opens_nothing_before_it_is_asked(tmp_path: Path) -> None:
    """A gateway whose driver is missing is not kept from starting by this."""
    assert len(AuditHandlers(settings_in(tmp_path / "none")).endpoints()) == 1
    assert not there(tmp_path / "none")


async def test_decisions_are_noted(tmp_path: Path) -> None:
    """Who approved or rejected which tool of which call; what was refused is not."""
    async with manned(tmp_path) as house:
        sent = {**await house.cookie("otto"), "Origin": house.origin}
        for number, decision in enumerate(("approve", "reject", "reject")):
            if number < 2:
                house.gateway.reception.approvals.ask(
                    "CA1", "booking", "refund", f"call_{number}", "{}", lambda *_: None
                )
            body = {"decision": decision}
            await house.ask("POST", f"/api/approvals/call_{number}", json=body, headers=sent)
        lines = [(each["who"], each["action"], each["detail"]) for each in house.noted[1:]]
        assert lines == [("otto", "approve", "refund"), ("otto", "reject", "refund")]
        assert {each["call_sid"] for each in house.noted[1:]} == {"CA1"}


async def test_calls_are_noted(tmp_path: Path) -> None:
    """Who placed one and who hung up; neither number, and no failure."""
    hand = HandPlacing()
    async with manned(tmp_path, placing=hand.placing) as house:
        sent = {**await house.cookie("otto"), "Origin": house.origin}
        body = {"to": "+12025550123"}
        assert (await house.ask("POST", "/api/calls", json=body, headers=sent)).status_code == 201
        assert (await house.ask("DELETE", "/api/calls/D1", headers=sent)).status_code == 200
        hand.found = OSError("no database")
        assert (await house.ask("DELETE", "/api/calls/D1", headers=sent)).status_code == 503
        lines = [(each["who"], each["action"], each["detail"]) for each in house.noted[1:]]
        assert lines == [("otto", "call.placed", "D1"), ("otto", "hang_up", "D1")]
        assert "2025550123" not in repr(house.noted)
