"""How the agent leaves: not before its last word was heard, not for ever, and not against the
caller's will.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.call.departure import Departure
from tests.call import model_events as said
from tests.call.talk import Talk, begin, finish
from tests.call.watching import Chronicle, turns

pytestmark = pytest.mark.usefixtures("still_clock")


class Leaving:
    """A departure from a talk without wires."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.begun: Chronicle[str] = Chronicle()
        self.ended: Chronicle[str] = Chronicle()
        self.departure = Departure(talk.dialogue, self.begun.add)

    def marks_back(self) -> None:
        """Everything sent was heard."""
        for name in self.talk.carrier.mark_names:
            self.talk.dialogue.outbound.mark_returned(name)


@asynccontextmanager
async def leaving(*, live: bool = True) -> AsyncIterator[Leaving]:
    """A departure; nothing of it is left when the test is over."""
    before = asyncio.all_tasks()
    it = Leaving(Talk())
    if live:
        it.talk.go_live()
    yield it
    it.departure.cancel()
    it.talk.close()
    await turns()
    assert asyncio.all_tasks() == before


@pytest.mark.asyncio
async def test_a_goodbye_already_said_is_heard_to_its_end() -> None:
    """The end is told at once, the call ends with the last mark."""
    async with leaving() as it:
        begin(it.talk, 200)
        finish(it.talk)
        it.departure.begin("agent_hung_up", it.ended.add, said=True)
        await it.begun.until(lambda rows: rows == ["agent_hung_up"])
        await turns()
        assert it.ended.rows == []
        it.marks_back()
        await it.ended.until(lambda rows: rows == ["agent_hung_up"])


@pytest.mark.asyncio
async def test_a_goodbye_still_being_made_is_waited_for() -> None:
    """What is heard so far is not all: the answer must be done first."""
    async with leaving() as it:
        begin(it.talk, 100)
        it.departure.begin("agent_hung_up", it.ended.add, said=True)
        await turns()
        it.marks_back()
        await turns()
        assert it.ended.rows == []
        it.talk.hear(said.delta(b"\x01" * 800))
        finish(it.talk)
        await turns()
        it.marks_back()
        await it.ended.until(bool)


@pytest.mark.asyncio
async def test_without_words_the_next_spoken_answer_is_the_goodbye() -> None:
    """Answers without a word (the tool's own, a failed one) are not it."""
    async with leaving() as it:
        it.talk.hear(said.response_created("resp_1"))
        it.departure.begin("agent_hung_up", it.ended.add, said=False)
        await turns()
        it.talk.hear(said.response_done("resp_1"))
        await turns()
        it.talk.hear(said.response_created("resp_2"), said.response_done("resp_2", "failed"))
        await turns()
        assert it.ended.rows == []
        begin(it.talk, 100, "resp_3", "item_3")
        finish(it.talk, "resp_3", "item_3")
        await turns()
        it.marks_back()
        await it.ended.until(bool)


@pytest.mark.asyncio
async def test_a_goodbye_that_is_never_made_has_its_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A silent model cannot keep the call."""
    monkeypatch.setattr("gateway.call.departure.GOODBYE_LIMIT_S", 0.05)
    async with leaving() as it:
        it.departure.begin("agent_hung_up", it.ended.add, said=False)
        await it.ended.until(lambda rows: rows == ["agent_hung_up"])


@pytest.mark.asyncio
async def test_without_a_model_only_what_plays_is_waited_for() -> None:
    """The link is gone: no answer will come, the recorded words end it."""
    async with leaving() as it:
        it.talk.dialogue.disconnect()
        it.departure.begin("model_closed", it.ended.add, said=False)
        await it.ended.until(bool)


@pytest.mark.asyncio
async def test_cancelled_it_does_not_end_the_call() -> None:
    """Who speaks up stays on the line, whatever is heard to its end later."""
    async with leaving() as it:
        begin(it.talk, 200)
        finish(it.talk)
        it.departure.begin("agent_hung_up", it.ended.add, said=True)
        await turns()
        assert it.departure.cancel()
        assert not it.departure.cancel()
        it.marks_back()
        await turns()
        assert it.ended.rows == []


@pytest.mark.asyncio
async def test_a_second_departure_changes_nothing() -> None:
    """The first reason stands."""
    async with leaving() as it:
        begin(it.talk, 200)
        finish(it.talk)
        it.departure.begin("agent_hung_up", it.ended.add, said=True)
        it.departure.begin("tool_hung_up", it.ended.add, said=True)
        await turns()
        it.marks_back()
        await it.ended.until(bool)
        assert (it.begun.rows, it.ended.rows) == (["agent_hung_up"], ["agent_hung_up"])


@pytest.mark.asyncio
async def test_one_departure_may_take_the_place_of_another() -> None:
    """Cancelled and begun anew in one breath, the new one does end the call."""
    async with leaving() as it:
        begin(it.talk, 200)
        finish(it.talk)
        it.departure.begin("agent_hung_up", it.ended.add, said=True)
        await turns()
        it.departure.cancel()
        it.departure.begin("shutdown", it.ended.add, said=True)
        await turns()
        it.marks_back()
        await it.ended.until(bool)
        assert it.ended.rows == ["shutdown"]


@pytest.mark.asyncio
async def test_a_departure_cancelled_in_its_first_moment_was_none() -> None:
    """Nothing is told of it."""
    async with leaving() as it:
        it.departure.begin("agent_hung_up", it.ended.add, said=True)
        it.departure.cancel()
        await turns()
        assert (it.begun.rows, it.ended.rows) == ([], [])
