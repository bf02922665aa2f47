"""Tool calls that wait for a person: each is decided once, or vanishes with its call."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call.approvals import (
    CANNOT_BE_TOLD_APART,
    NOBODY_DECIDED,
    Approvals,
    Decide,
    Verdict,
)
from tests.call.watching import Chronicle

LONG_S = 3600.0
DIGITS = '{"card": "4000123412341234"}'


class Asker:
    """A call that asks, and hears what was decided."""

    def __init__(self, approvals: Approvals, call_sid: str = "CA1") -> None:
        self.approvals = approvals
        self.call_sid = call_sid
        self.heard: Chronicle[tuple[str, Verdict, str | None]] = Chronicle()

    def ask(self, tool_call_id: str, arguments: str = "{}") -> None:
        """Asks for one tool call."""
        self.approvals.ask(
            self.call_sid,
            "booking",
            "refund",
            tool_call_id,
            arguments,
            lambda verdict, message: self.heard.add((tool_call_id, verdict, message)),
        )


def waiting(approvals: Approvals) -> list[str]:
    """The IDs that wait."""
    assert approvals.waiting == len(approvals.pending())
    return [request.tool_call_id for request in approvals.pending()]


def timers() -> Iterator[asyncio.TimerHandle]:
    """Timers of the running loop that are still to fire."""
    scheduled = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return (timer for timer in scheduled if not timer.cancelled())


@pytest.mark.asyncio
async def test_a_request_says_all_that_a_person_needs() -> None:
    """Who asks for which tool with what, since when and until when, in UTC."""
    approvals = Approvals(LONG_S)
    before = datetime.now(UTC)
    Asker(approvals).ask("call_1", DIGITS)
    after = datetime.now(UTC)
    (request,) = approvals.pending()
    assert (request.call_sid, request.agent, request.tool) == ("CA1", "booking", "refund")
    assert (request.tool_call_id, request.arguments) == ("call_1", DIGITS)
    assert before <= request.asked_at <= after
    assert request.deadline - request.asked_at == timedelta(seconds=LONG_S)
    assert request.asked_at.tzinfo is UTC


@pytest.mark.asyncio
async def test_the_arguments_are_not_for_logs() -> None:
    """Printing a request does not show what the caller said."""
    approvals = Approvals(LONG_S)
    Asker(approvals).ask("call_1", DIGITS)
    assert "4000123412341234" not in repr(approvals.pending())


@pytest.mark.asyncio
async def test_what_waits_is_listed_oldest_first() -> None:
    """And only what waits: a decided request is gone from the list."""
    approvals = Approvals(LONG_S)
    assert approvals.pending() == []
    asker = Asker(approvals)
    for tool_call_id in ("call_1", "call_2", "call_3"):
        asker.ask(tool_call_id)
    approvals.decide("call_2", approve=True)
    assert waiting(approvals) == ["call_1", "call_3"]


@pytest.mark.asyncio
async def test_a_request_is_approved_once() -> None:
    """The call hears of it at once; the second decision finds nothing, whatever it is."""
    approvals = Approvals(LONG_S)
    asker = Asker(approvals)
    asker.ask("call_1")
    assert approvals.decide("call_1", approve=True)
    assert asker.heard.rows == [("call_1", "approved", None)]
    assert not approvals.decide("call_1", approve=True)
    assert not approvals.decide("call_1", approve=False)
    assert len(asker.heard) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("message", [None, "Ask for the order number first."])
async def test_a_refusal_carries_the_words_it_came_with(message: str | None) -> None:
    """The agent is told them; without any it is told the usual ones."""
    approvals = Approvals(LONG_S)
    asker = Asker(approvals)
    asker.ask("call_1")
    assert approvals.decide("call_1", approve=False, message=message)
    assert asker.heard.rows == [("call_1", "rejected", message)]


@pytest.mark.asyncio
async def test_an_unknown_request_is_not_decided() -> None:
    """Nothing happens, and whoever decided learns it."""
    approvals = Approvals(LONG_S)
    asker = Asker(approvals)
    asker.ask("call_1")
    assert not approvals.decide("call_2", approve=True)
    assert waiting(approvals) == ["call_1"]
    assert len(asker.heard) == 0


@pytest.mark.asyncio
async def test_time_running_out_is_a_refusal() -> None:
    """The call hears it with words for the agent, and a late approval comes to nothing."""
    approvals = Approvals(0.01)
    asker = Asker(approvals)
    asker.ask("call_1")
    await asker.heard.until(lambda rows: len(rows) > 0)
    assert asker.heard.rows == [("call_1", "timed_out", NOBODY_DECIDED)]
    assert approvals.pending() == []
    assert not approvals.decide("call_1", approve=True)
    assert len(asker.heard) == 1


@pytest.mark.asyncio
async def test_a_decided_request_has_no_timer_left() -> None:
    """Nothing of it lies in the loop until its time would have been up."""
    before = set(timers())
    approvals = Approvals(LONG_S)
    asker = Asker(approvals)
    for tool_call_id in ("call_1", "call_2", "call_3"):
        asker.ask(tool_call_id)
    assert len(set(timers()) - before) == 3
    approvals.decide("call_1", approve=True)
    approvals.decide("call_2", approve=False)
    approvals.withdraw("CA1")
    assert set(timers()) == before


@pytest.mark.asyncio
async def test_what_a_call_asked_for_vanishes_with_it() -> None:
    """Its own requests only, undecided; those of other calls go on waiting."""
    approvals = Approvals(LONG_S)
    ended, living = Asker(approvals, "CA1"), Asker(approvals, "CA2")
    ended.ask("call_1")
    living.ask("call_2")
    ended.ask("call_3")
    approvals.withdraw("CA1")
    assert waiting(approvals) == ["call_2"]
    assert not approvals.decide("call_1", approve=True)
    assert len(ended.heard) == 0
    approvals.withdraw("CA1")
    assert approvals.decide("call_2", approve=True)


@pytest.mark.asyncio
async def test_two_calls_never_wait_under_one_id() -> None:
    """The second is refused at once, so an approval cannot reach the wrong caller."""
    approvals = Approvals(LONG_S)
    first, second = Asker(approvals, "CA1"), Asker(approvals, "CA2")
    first.ask("call_1")
    second.ask("call_1")
    assert second.heard.rows == [("call_1", "rejected", CANNOT_BE_TOLD_APART)]
    assert [request.call_sid for request in approvals.pending()] == ["CA1"]
    approvals.decide("call_1", approve=True)
    assert first.heard.rows == [("call_1", "approved", None)]
    assert len(second.heard) == 1


@pytest.mark.asyncio
async def test_asking_twice_is_waiting_once() -> None:
    """The same call with the same ID: the first request stands, with its own deadline."""
    approvals = Approvals(LONG_S)
    asker = Asker(approvals)
    asker.ask("call_1")
    (request,) = approvals.pending()
    asker.ask("call_1")
    assert approvals.pending() == [request]
    approvals.decide("call_1", approve=True)
    assert len(asker.heard) == 1


@pytest.mark.asyncio
async def test_a_call_may_ask_again_from_within_the_decision() -> None:
    """The request is gone before its call hears of it."""
    approvals = Approvals(LONG_S)
    asker = Asker(approvals)
    approvals.ask("CA1", "a", "t", "call_1", "{}", lambda *_: asker.ask("call_1"))
    approvals.decide("call_1", approve=True)
    assert waiting(approvals) == ["call_1"]


def into(heard: list[Verdict]) -> Decide:
    """Notes verdicts."""
    return lambda verdict, _: heard.append(verdict)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "approve", "reject", "withdraw"]),
        st.sampled_from(["CA1", "CA2"]),
        st.sampled_from(["call_1", "call_2", "call_3"]),
    ),
    max_size=30,
)


@given(STEPS)
def test_no_request_is_decided_twice(steps: list[tuple[str, str, str]]) -> None:
    """In any order of asking, deciding and hanging up, each request is heard of at most once."""

    async def live() -> None:
        approvals = Approvals(LONG_S)
        asked: list[list[Verdict]] = []
        for step, call_sid, tool_call_id in steps:
            known = waiting(approvals)
            if step == "ask":
                heard: list[Verdict] = []
                asked.append(heard)
                approvals.ask(call_sid, "a", "t", tool_call_id, "{}", into(heard))
            elif step == "withdraw":
                approvals.withdraw(call_sid)
                assert all(each.call_sid != call_sid for each in approvals.pending())
            else:
                found = approvals.decide(tool_call_id, approve=step == "approve")
                assert found == (tool_call_id in known)
                assert tool_call_id not in waiting(approvals)
        assert all(len(heard) <= 1 for heard in asked)
        for call_sid in ("CA1", "CA2"):
            approvals.withdraw(call_sid)
        assert approvals.pending() == []

    asyncio.run(live())
