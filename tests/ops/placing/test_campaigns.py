"""What a campaign has come to, from its calls and the records."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from gateway.call.meter import Tariff
from gateway.core.rowkeys import key_of
from gateway.ops.placing import campaigns as campaigns_module
from gateway.ops.placing.campaigns import Campaigns
from gateway.ops.placing.tally import Tallies
from gateway.ops.placing.views import dial_view
from gateway.store.tables import calls
from tests.ops.placing.room import CALLEE, OTHER, Room, room

TALLIES = Tallies(Tariff())


def campaigns_in(here: Room) -> Campaigns:
    """Those of a room, nothing of whose calls is in memory."""
    return Campaigns(here.dials, lambda dial: dial_view(dial, None, TALLIES))


async def record(here: Room, call_sid: str, **values: Any) -> None:
    """What the records have of a call."""
    async with here.engine.begin() as connection:
        row = {"call_sid": call_sid, "seq": 1, "state": "ended"} | values
        await connection.execute(insert(calls).values(row))


@pytest.mark.asyncio
async def test_calls_are_told_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of this campaign alone, whatever its name is like, each once."""
    monkeypatch.setattr(campaigns_module, "PAGE", 2)
    async with room(tmp_path) as here:
        keys = [key_of("spring", CALLEE, n) for n in (1, 2, 3)]
        for key in (*keys, key_of("Spring", OTHER, 1), key_of("spring-2", OTHER, 1), "spring"):
            await here.waiting(key=key)
        found: list[str] = []
        after: str | None = ""
        pages = 0
        while after is not None:
            page = await campaigns_in(here).page("spring", after)
            found += [each["key"] for each in page["calls"]]
            after, pages = page["after"], pages + 1
        assert sorted(found) == keys
        assert pages > 1
        nobodys = await campaigns_in(here).page("a_tumn%", "")
        assert nobodys == {"calls": [], "after": None}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("outcome", "reason", "well"),
    [("completed", "agent_hung_up", True), ("failed", "model_auth", False)],
)
async def test_figures_come_from_the_records(
    tmp_path: Path, outcome: str, reason: str, well: bool
) -> None:
    """Of calls that another process had."""
    async with room(tmp_path) as here:
        dial = await here.sending(key=key_of("spring", CALLEE, 1))
        await here.book.placed(dial.id, "CA1")
        await here.book.ended(dial.id, "completed")
        await record(here, "CA1", outcome=outcome, reason=reason, duration_ms=1500.0, cost_usd=0.25)
        (view,) = (await campaigns_in(here).page("spring", ""))["calls"]
        assert (view["outcome"], view["well"], view["call_reason"]) == ("completed", well, reason)
        assert (view["duration_ms"], view["cost_usd"]) == (1500.0, 0.25)


@pytest.mark.asyncio
async def test_a_call_without_a_record_is_told_all_the_same(tmp_path: Path) -> None:
    """Nobody answered, so there was no call of ours."""
    async with room(tmp_path) as here:
        dial = await here.sending(key=key_of("spring", CALLEE, 1))
        await here.book.placed(dial.id, "CA1")
        await here.book.ended(dial.id, "busy")
        (view,) = (await campaigns_in(here).page("spring", ""))["calls"]
        assert (view["outcome"], view["well"], view["duration_ms"]) == ("busy", False, None)
