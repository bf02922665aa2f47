"""How far a placed call has come is the same in whatever order it is heard, and how often."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.dialstate import OURS, RANKS, News, Standing, after, dropped, ended, meaning

BEGIN = datetime(2026, 11, 20, 12, tzinfo=UTC)
SID = "CA" + "1" * 32
SENDING = Standing(state="sending")
WORDS = ["", "queued", "initiated", "ringing", "in-progress", "answered", "completed", "busy"]
WORDS += ["no-answer", "failed", "canceled", "something new"]


def told(status: str, sequence: int | None, **more: object) -> News:
    """A callback, a second after the one before."""
    at = BEGIN + timedelta(seconds=sequence or 0)
    return News(at=at, status=status, sequence=sequence, call_sid=SID, **more)  # type: ignore[arg-type]


def answered(*, by: str = "") -> list[News]:
    """What is told of a call that was answered, in order."""
    return [
        told("initiated", 0),
        told("ringing", 1),
        told("in-progress", 2, answered_by=by),
        told("completed", 3, duration_s=1.0, sip_code=200),
    ]


def heard(news: Sequence[News], was: Standing = SENDING) -> Standing:
    """How it stands after all of that."""
    return reduce(after, news, was)


def test_a_call_goes_its_way() -> None:
    """Each step with what is known by then."""
    steps = [heard(answered()[:count]) for count in range(5)]
    states = ["sending", "queued", "ringing", "answered", "ended"]
    assert [step.state for step in steps] == states
    last = steps[-1]
    assert (last.outcome, last.reason, last.sip_code) == ("completed", None, 200)
    assert last.answered_at == BEGIN + timedelta(seconds=2)
    assert last.ended_at == BEGIN + timedelta(seconds=3)
    assert last.call_sid == SID


@pytest.mark.parametrize(
    ("status", "sip_code", "outcome", "reason"),
    [
        ("busy", 486, "busy", "busy"),
        ("no-answer", 487, "no_answer", "canceled before it was answered"),
        ("failed", 404, "failed", "no such number"),
        ("failed", 999, "failed", None),
        ("canceled", None, "canceled", None),
        ("busy", 603, "busy", "declined"),
    ],
)
def test_a_call_that_nobody_answers_says_why(
    status: str, sip_code: int | None, outcome: str, reason: str | None
) -> None:
    """In the carrier's words, and in those of the network."""
    last = heard([told("initiated", 0), told(status, 1, sip_code=sip_code)])
    found = (last.state, last.outcome, last.reason, last.sip_code)
    assert found == ("ended", outcome, reason, sip_code)
    assert last.answered_at is None


def test_news_of_another_call_change_nothing() -> None:
    """Whoever has our ID and another CallSid is not this call."""
    was = heard([told("ringing", 1)])
    other = News(at=BEGIN, status="completed", sequence=9, call_sid="CA" + "2" * 32)
    assert after(was, other) == was


def test_news_that_say_nothing_change_nothing() -> None:
    """A status nobody knows yet, or none."""
    was = heard([told("ringing", 1)])
    for status in ("", "something new"):
        assert after(was, told(status, 7)) == was


def test_a_call_nobody_knew_of_is_known_by_what_is_told() -> None:
    """The answer to our request was lost; the callback names the call."""
    found = after(Standing(state="unknown"), told("ringing", 1))
    assert (found.state, found.call_sid) == ("ringing", SID)


@pytest.mark.parametrize("by", ["machine_start", "machine_end_beep", "fax"])
def test_a_machine_is_no_answer(by: str) -> None:
    """Whether that is told before the end or after it; only where it was asked for."""
    machine = News(at=BEGIN, answered_by=by, call_sid=SID)
    was = replace(SENDING, amd="hangup")
    first, last = heard([machine, *answered()], was), heard([*answered(), machine], was)
    assert first == last
    assert (first.state, first.outcome, first.answered_by) == ("ended", "machine", by)
    assert heard([machine, *answered()]).outcome == "completed"
    human = News(at=BEGIN, answered_by="human", call_sid=SID)
    assert heard([human, *answered()], was).outcome == "completed"
    busy = [machine, told("busy", 3)]
    assert heard(busy, was).outcome == "busy"


def test_when_it_was_answered_follows_from_its_length() -> None:
    """When that callback never came."""
    last = heard([told("completed", 3, duration_s=2.0)])
    assert last.answered_at == BEGIN + timedelta(seconds=1)


def test_what_we_ended_stays_as_we_ended_it() -> None:
    """The carrier only says that it was completed."""
    was = ended(heard(answered()[:3]), "message_left", "after the beep", BEGIN)
    assert (was.state, was.outcome, was.reason) == ("ended", "message_left", "after the beep")
    assert was.sequence == OURS
    assert heard(answered(), was).outcome == "message_left"
    assert ended(was, "failed", None, BEGIN) == was


def test_what_we_gave_up_is_what_the_carrier_says_of_it() -> None:
    """We never knew whether there was a call: it knows better."""
    for state in ("sending", "unknown"):
        lost = ended(Standing(state=state), "failed", "lost", BEGIN)
        assert (lost.state, lost.sequence) == ("ended", None)
        found = heard(answered(), lost)
        assert (found.outcome, found.reason) == ("completed", None)


def test_only_who_waits_is_dropped() -> None:
    """Whoever took it since then goes on with it."""
    assert dropped(Standing(), "expired", "late", BEGIN).outcome == "expired"
    for state in ("sending", "unknown", "queued", "ringing", "answered", "ended"):
        was = Standing(state=state)
        assert dropped(was, "expired", "late", BEGIN) == was


def test_the_end_that_was_told_is_not_taken_back() -> None:
    """Whatever we believed when we heard it."""
    was = heard(answered())
    assert ended(was, "failed", "lost", BEGIN) == was


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[News], list[News]]:
    """What is told of a true call, in order; and what comes of it: doubled, late or never."""
    last = draw(st.sampled_from(["completed", "busy", "no-answer", "failed", "canceled"]))
    way = ["initiated", "ringing", "in-progress"] if last == "completed" else ["initiated"]
    if last in ("no-answer", "busy", "canceled") and draw(st.booleans()):
        way.append("ringing")
    order = [told(status, number) for number, status in enumerate([*way, last])]
    machine = draw(st.sampled_from(["", "human", "machine_start", "unknown"]))
    if machine:
        order.insert(3 if last == "completed" else 0, News(at=BEGIN, answered_by=machine))
    kept = [news for news in order if draw(st.booleans())]
    comes = draw(
        st.permutations([*kept, *draw(st.lists(st.sampled_from(kept)) if kept else st.just([]))])
    )
    return kept, comes


@given(shuffled(), st.sampled_from(["off", "hangup", "leave-message"]))
def test_the_order_of_callbacks_changes_nothing(
    callbacks: tuple[list[News], list[News]], amd: str
) -> None:
    """What stands is what would stand had each come once, and in order."""
    order, comes = callbacks
    was = Standing(state="unknown", amd=amd)
    assert heard(comes, was) == heard(order, was)


@given(
    st.lists(
        st.builds(told, st.sampled_from(WORDS), st.integers(0, 30)),
        unique_by=lambda news: news.sequence,
    ).flatmap(lambda news: st.tuples(st.just(news), st.permutations(news)))
)
def test_not_even_of_callbacks_that_make_no_sense(
    news: tuple[list[News], list[News]],
) -> None:
    """Ringing after the end, two ends: the highest rank holds, and of two ends the later one."""
    one, other = news
    assert heard(one) == heard(other)


@given(st.lists(st.builds(told, st.sampled_from(WORDS), st.none() | st.integers(0, 9))))
def test_a_rank_never_falls(news: list[News]) -> None:
    """And hearing the same again changes nothing."""
    was = SENDING
    for each in news:
        now = after(was, each)
        assert RANKS[now.state] >= RANKS[was.state]
        assert after(now, each) == now
        was = now


def test_every_state_fits_its_column() -> None:
    """As do the meanings of codes."""
    assert all(len(state) <= 16 for state in RANKS)
    assert list(RANKS.values()) == sorted(RANKS.values())
    assert all(len(meaning(code) or "") <= 128 for code in range(700))
    assert meaning(486) == "busy"
    assert meaning(None) is meaning(200) is None
