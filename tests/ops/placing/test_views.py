"""A call as whoever watches it sees it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from gateway.call.call import Call, Offer
from gateway.call.meter import Tariff
from gateway.core.events import CallAnswered, CallOffered
from gateway.ops.placing.tally import Tallies
from gateway.ops.placing.views import call_view, dial_view
from tests.ops.placing.room import CALLEE, OURS, room
from tests.ops.placing.test_tally import ended

SID = "CA" + "1" * 32


def tallied(reason: str) -> Tallies:
    """A call that was answered and ended so."""
    tallies = Tallies(Tariff())
    tallies.hear(SID, CallOffered("+1", "+2", "a", "outbound-api"))
    tallies.hear(SID, CallAnswered("MZ", 1.0))
    tallies.hear(SID, ended(reason, 1500))
    return tallies


@pytest.mark.asyncio
async def test_a_dial_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    """JSON, without anything that was handed to the agent."""
    async with room(tmp_path) as here:
        dial = await here.waiting(data={"name": "Ada Lovelace"}, agent="survey")
    first = dial_view(dial, None, Tallies(Tariff()))
    assert "Lovelace" not in json.dumps(first)
    assert (first["id"], first["state"], first["to"], first["from"]) == (
        dial.id,
        "waiting",
        CALLEE,
        OURS,
    )
    assert (first["outcome"], first["words"], first["well"], first["cost_usd"]) == (
        None,
        None,
        None,
        None,
    )
    over = replace(
        dial,
        state="ended",
        outcome="completed",
        call_sid=SID,
        sip_code=200,
        ended_at=datetime.now(UTC),
    )
    last = dial_view(over, None, tallied("agent_hung_up"))
    assert (last["words"], last["well"]) == ("answered, and over", True)
    assert (last["call_reason"], last["duration_ms"]) == ("agent_hung_up", 1500)
    json.dumps(last)
    assert last.keys() == first.keys()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("outcome", "reason", "well"),
    [
        ("completed", "agent_hung_up", True),
        ("completed", "transferred", True),
        ("message_left", "message_left", True),
        ("completed", "model_auth", False),
        ("busy", "carrier_busy", False),
        ("machine", "machine", False),
        ("unknown", "caller_hung_up", False),
    ],
)
async def test_well_is_what_both_sides_call_so(
    tmp_path: Path, outcome: str, reason: str, well: bool
) -> None:
    """Somebody answered, and the call itself did not break."""
    async with room(tmp_path) as here:
        dial = await here.waiting()
    over = replace(dial, state="ended", outcome=outcome, call_sid=SID)
    assert dial_view(over, None, tallied(reason))["well"] is well


@pytest.mark.asyncio
async def test_what_this_process_has_not_seen_goes_by_the_carrier(tmp_path: Path) -> None:
    """The call was another process's."""
    async with room(tmp_path) as here:
        dial = await here.waiting()
    over = replace(dial, state="ended", outcome="completed", call_sid=SID)
    view = dial_view(over, None, Tallies(Tariff()))
    assert (view["well"], view["turns"], view["duration_ms"]) == (True, 0, None)


def test_a_call_that_came_in() -> None:
    """Its own state, and the same keys."""
    offer = Offer(SID, "AC1", "+15550002222", OURS, campaign="spring")
    plan = SimpleNamespace(name="assistant")
    call = cast(Call, SimpleNamespace(offer=offer, plan=plan, state="live"))
    view = call_view(call, Tallies(Tariff()))
    assert (view["id"], view["call_sid"], view["state"], view["call_state"]) == (
        None,
        SID,
        "live",
        "live",
    )
    assert (view["agent"], view["campaign"], view["direction"], view["to"]) == (
        "assistant",
        "spring",
        "inbound",
        OURS,
    )
    json.dumps(view)
