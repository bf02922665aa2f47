"""Calling back: the tool, and the way from the call to whoever takes the wish."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.call.call import Offer
from gateway.call.callbacks import NOWHERE, Callbacks, CallbackWish, data_of, schedule_callback
from gateway.call.context import Errand, Route
from gateway.call.session import AgentPlan
from tests.call.contexts import AskedControl
from tests.call.test_control import invoked

THEIRS, OURS = "+12025550123", "+12025550100"
PLAN = cast(AgentPlan, SimpleNamespace(name="frontdesk", route=Route(timezone="America/New_York")))


class Desk:
    """Takes every wish."""

    def __init__(self) -> None:
        self.wishes: list[CallbackWish] = []

    async def ask(self, wish: CallbackWish) -> str:
        """Agrees."""
        self.wishes.append(wish)
        return "agreed"


def offer(direction: str, caller: str, called: str, errand: Errand | None = None) -> Offer:
    """A call."""
    return Offer("CA1", "AC1", caller, called, direction, "spring", errand=errand)


@pytest.mark.asyncio
@pytest.mark.parametrize("direction", ["inbound", "outbound-api"])
async def test_the_other_side_is_called_back(direction: str) -> None:
    """Whoever rang whom: from our number of the call, by its agent."""
    callbacks, desk = Callbacks(), Desk()
    callbacks.desk = desk
    numbers = (THEIRS, OURS) if direction == "inbound" else (OURS, THEIRS)
    errand = Errand("D1", data={"name": "Ada"}) if direction != "inbound" else None
    made = offer(direction, *numbers, errand)
    assert await callbacks.ask(made, PLAN, "2026-11-27T15:30") == "agreed"
    (wish,) = desk.wishes
    assert (wish.number, wish.ours, wish.agent) == (THEIRS, OURS, "frontdesk")
    assert (wish.call_sid, wish.campaign, wish.errand) == ("CA1", "spring", errand)
    assert (wish.when, wish.timezone) == ("2026-11-27T15:30", "America/New_York")


@pytest.mark.asyncio
async def test_without_anybody_to_take_it_the_agent_is_told() -> None:
    """Offline there is no carrier."""
    assert await Callbacks().ask(offer("inbound", THEIRS, OURS), PLAN, "x") == NOWHERE


def test_what_the_next_agent_is_told() -> None:
    """That it is a call back, and whatever the earlier call was placed with."""
    before = Errand("D1", data={"name": "Ada", "callback_of": "CA0"})
    wish = CallbackWish(
        call_sid="CA1",
        number=THEIRS,
        ours=OURS,
        when="x",
        timezone="UTC",
        agent="a",
        campaign="",
        errand=before,
    )
    assert data_of(wish) == {
        "name": "Ada",
        "callback": "yes",
        "callback_of": "CA1",
        "callback_notes": "",
    }


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("said", "about", "noted"),
    [
        ("The caller will be called back.", "  the boiler ", ["the boiler"]),
        ("The caller will be called back.", "", []),
        ("Not done: it is over.", "the boiler", []),
    ],
)
async def test_the_tool_asks_and_notes_what_for(said: str, about: str, noted: list[str]) -> None:
    """The model gets the words; what it is about is written down once it is agreed."""
    control: Any = AskedControl()
    control.said = said
    answer = await invoked(schedule_callback, control, when="2026-11-27T15:30", about=about)
    assert answer == said
    assert control.asked[0] == ("call_back", "2026-11-27T15:30")
    assert control.asked[1:] == [("note", text) for text in noted]


def test_no_number_can_be_chosen() -> None:
    """Only the time, and what for."""
    assert set(schedule_callback.params_json_schema["properties"]) == {"when", "about"}
