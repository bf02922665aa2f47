"""One dial on its way to the carrier."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.ops.placing.sending import Sending
from gateway.ops.rest import CarrierAway, CarrierBusy, CarrierRefused, CarrierUnknown, Order
from gateway.store.dials import Dial
from tests.ops.placing.room import WAITS, Room, order, room

BUSY = CarrierBusy("too many", 429, 20429)
AWAY = CarrierAway("no connection")


def sending(here: Room, unwanted: set[str] | None = None) -> Sending:
    """What sends in that room."""

    def order_of(dial: Dial) -> Order:
        return order(to=dial.to, from_=dial.from_)

    def is_unwanted(dial: Dial) -> bool:
        return dial.id in (unwanted or set())

    return Sending(here.book, here.carrier.rest, order_of, is_unwanted, WAITS)


@pytest.mark.asyncio
async def test_the_carrier_is_asked_once(tmp_path: Path) -> None:
    """And what it made is the dial's."""
    async with room(tmp_path) as here:
        dial = await here.sending()
        await sending(here).run(dial)
        (sid,) = here.carrier.calls
        assert (here.now(dial).state, here.now(dial).call_sid) == ("queued", sid)
        assert len(here.carrier.orders) == 1


@pytest.mark.asyncio
async def test_what_did_nothing_is_tried_again(tmp_path: Path) -> None:
    """Busy, away, busy: the fourth request is the one that counts."""
    async with room(tmp_path) as here:
        dial = await here.sending()
        here.carrier.answers = [BUSY, AWAY, BUSY]
        await sending(here).run(dial)
        assert (len(here.carrier.orders), len(here.carrier.calls)) == (4, 1)
        assert here.now(dial).state == "queued"


@pytest.mark.asyncio
async def test_but_not_for_longer_than_the_call_is_wished(tmp_path: Path) -> None:
    """Then nobody is rung, and the carrier's words are the reason."""
    async with room(tmp_path) as here:
        soon = datetime.now(UTC) + timedelta(seconds=0.2)
        dial = await here.sending(expires_at=soon)
        here.carrier.answers = [AWAY] * 1000
        await sending(here).run(dial)
        now = here.now(dial)
        assert (now.outcome, now.reason, here.carrier.calls) == ("expired", "no connection", {})


@pytest.mark.asyncio
@pytest.mark.parametrize("made", [True, False])
async def test_what_may_have_been_done_is_not_tried_again(tmp_path: Path, made: bool) -> None:
    """It is unknown from then on: others look for it."""
    async with room(tmp_path) as here:
        dial = await here.sending()
        here.carrier.answers, here.carrier.makes_anyway = [CarrierUnknown("silence")], made
        await sending(here).run(dial)
        assert (here.now(dial).state, len(here.carrier.orders)) == ("unknown", 1)


@pytest.mark.asyncio
async def test_a_refusal_is_the_end(tmp_path: Path) -> None:
    """In the carrier's words; so is an agent that is gone by now."""
    async with room(tmp_path) as here:
        dial = await here.sending()
        here.carrier.answers = [CarrierRefused("the From is not yours", 400, 21210)]
        await sending(here).run(dial)
        assert (here.now(dial).outcome, here.now(dial).reason) == (
            "refused",
            "the From is not yours",
        )
        other = await here.sending()

        def gone(_dial: Dial) -> Order:
            raise ConfigError("no agent 'survey'")

        broken = Sending(here.book, here.carrier.rest, gone, lambda _dial: False, WAITS)
        await broken.run(other)
        assert (here.now(other).outcome, here.now(other).reason) == (
            "refused",
            "no agent 'survey'",
        )
        assert len(here.carrier.orders) == 1


@pytest.mark.asyncio
async def test_who_is_not_wanted_any_more_is_not_asked_for(tmp_path: Path) -> None:
    """Neither at first, nor when the carrier would be asked again."""
    async with room(tmp_path) as here:
        unwanted: set[str] = set()
        first, second = await here.sending(), await here.sending("+12025550147")
        unwanted.add(first.id)
        await sending(here, unwanted).run(first)
        assert (here.now(first).outcome, here.carrier.orders) == ("canceled", [])
        here.carrier.answers = [BUSY] * 1000
        trying = asyncio.create_task(sending(here, unwanted).run(second))
        await here.until(lambda: len(here.carrier.orders) > 2)
        unwanted.add(second.id)
        await trying
        assert (here.now(second).outcome, here.carrier.calls) == ("canceled", {})


@pytest.mark.asyncio
async def test_an_answer_without_a_sid_is_none(tmp_path: Path) -> None:
    """Something was made, and nobody says what."""
    async with room(tmp_path) as here:
        dial = await here.sending()

        async def create(order: Order) -> object:
            return here.carrier.make("", order.to)

        here.carrier.create = create  # type: ignore[method-assign, assignment]
        await sending(here).run(dial)
        assert here.now(dial).state == "unknown"
