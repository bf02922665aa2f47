"""`/api/campaigns`: what a list has come to."""

from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from tests.web.api.test_outgoing import Desk
from tests.web.placings import HandPlacing

pytestmark = pytest.mark.asyncio


class HandCampaigns:
    """Tells what it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.fault: Exception | None = None

    async def page(self, name: str, after: str) -> dict[str, Any]:
        """A page."""
        self.asked.append((name, after))
        if self.fault is not None:
            raise self.fault
        return {"calls": [{"id": "D1"}], "after": None}


def desk_of(campaigns: HandCampaigns) -> Desk:
    """The application over it."""
    hand = HandPlacing()
    cast(Any, hand).campaigns = campaigns
    return Desk(hand.placing)


async def test_a_page_of_its_calls() -> None:
    """From the beginning, or behind an ID."""
    campaigns = HandCampaigns()
    desk = desk_of(campaigns)
    async with desk.http as http:
        answer = await http.get("/api/campaigns", params={"name": "spring/1"})
        await http.get("/api/campaigns", params={"name": "spring/1", "after": "D1"})
    assert (answer.status_code, answer.json()["calls"]) == (200, [{"id": "D1"}])
    assert campaigns.asked == [("spring/1", ""), ("spring/1", "D1")]


@pytest.mark.parametrize("name", [None, "", "x" * 129])
async def test_a_campaign_has_a_name(name: str | None) -> None:
    """Of a sensible length."""
    async with desk_of(HandCampaigns()).http as http:
        params = {} if name is None else {"name": name}
        assert (await http.get("/api/campaigns", params=params)).status_code == 400


async def test_without_a_database_or_a_carrier() -> None:
    """503, and why."""
    campaigns = HandCampaigns()
    campaigns.fault = OperationalError("", {}, OSError())
    for desk in (desk_of(campaigns), Desk(None)):
        async with desk.http as http:
            answer = await http.get("/api/campaigns", params={"name": "spring"})
        assert answer.status_code == 503
        assert answer.json()["error"]
