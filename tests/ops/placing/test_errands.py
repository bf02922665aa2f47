"""What a call will be for, and whether anybody should be rung for it."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from gateway.call.call import Offer
from gateway.call.context import Errand, Route
from gateway.call.meter import Tariff
from gateway.call.session import AgentPlan
from gateway.core.prices import Prices
from gateway.core.spend import Limits, Spending
from gateway.errors import ConfigError
from gateway.ops.placing.errands import errand_of, offer_of, unfit
from tests.ops.placing.room import CALLEE, OURS, asked, room


def plan(_offer: Offer) -> AgentPlan:
    """An agent for everybody."""
    return cast(AgentPlan, SimpleNamespace(route=Route()))


def broken(_offer: Offer) -> AgentPlan:
    """None for nobody."""
    raise ConfigError("no agent 'survey' in agents_config: there are assistant")


@pytest.mark.asyncio
async def test_an_errand_is_what_was_asked(tmp_path: Path) -> None:
    """And who answered, if that is known before the stream."""
    wish = asked(
        agent="survey",
        campaign="spring",
        data={"name": "Ada"},
        record=True,
        max_minutes=3.0,
        amd="hangup",
    )
    async with room(tmp_path) as here:
        dial = await here.waiting(
            agent="survey",
            campaign="spring",
            data={"name": "Ada"},
            record=True,
            max_minutes=3.0,
            amd="hangup",
        )
    assert errand_of(dial) == Errand(
        dial.id, "survey", "spring", {"name": "Ada"}, True, 3.0, "hangup"
    )
    assert errand_of(wish).dial == ""
    offer = offer_of(dial)
    assert (offer.caller, offer.called, offer.direction, offer.campaign) == (
        OURS,
        CALLEE,
        "outbound-api",
        "spring",
    )
    assert offer.errand == errand_of(dial)


def test_who_may_be_rung() -> None:
    """With a number to call from, an agent, and money."""
    assert unfit(asked(), plan, Tariff()) is None


@pytest.mark.parametrize("number", ["", "12025550100", "+1", "+1202555010o", "Anna"])
def test_a_number_to_call_from_is_needed(number: str) -> None:
    """E.164, ours or verified: the carrier knows which."""
    refusal = unfit(asked(from_=number), plan, Tariff())
    assert refusal is not None
    assert refusal.rule == "from"
    assert not refusal.passes


def test_an_agent_that_cannot_take_the_call_is_told_of_before() -> None:
    """In the words of the agents' own checks."""
    refusal = unfit(asked(agent="survey"), broken, Tariff())
    assert refusal is not None
    assert (refusal.rule, refusal.text) == (
        "agent",
        "no agent 'survey' in agents_config: there are assistant",
    )


def test_who_has_cost_enough_is_not_rung() -> None:
    """The call would be refused when it is answered."""
    limits = Limits(per_route=1.0)
    spending = Spending(limits)
    from gateway.call.meter import today

    spending.preload(today(), [(CALLEE, "default", 2.0)])
    refusal = unfit(asked(), plan, Tariff(Prices(date.min, {}), spending, limits))
    assert refusal is not None
    assert (refusal.rule, refusal.setting, refusal.passes) == (
        "spend_per_route",
        "GATEWAY_MAX_USD_PER_ROUTE",
        True,
    )
