"""The turns of a call: who said what when, how far it was heard, in the order in which it began."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.events import (
    AgentSpoke,
    AgentStarted,
    AgentStopped,
    BargeIn,
    CallEnded,
    CallerSpoke,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallOffered,
    FalseAlarm,
    Handoff,
    TurnDone,
)
from gateway.core.turns import Turn
from gateway.core.words import NOT_SPOKEN
from gateway.store.entry import Entry
from gateway.store.records.turn_rows import _REMEMBERED, TurnRows
from tests.store.anything import ANYTHING
from tests.store.book import Book, Row, as_it_is

OFFERED = CallOffered("+12025550100", "+12025550123", "desk", "inbound")
WELCOME = "Hello and welcome. What can I do for you?"
TABLE = "A table for four please."
WHEN = "Certainly. At what time would you like to come?"
GREETING = "gateway_greeting"


def ended(at_ms: float = 60_000.0) -> CallEnded:
    """The end of a call."""
    return CallEnded("caller_hung_up", at_ms, 0.0, 0, 0, 0)


def caller(item_id: str, from_ms: float, to_ms: float) -> list[CallEvent]:
    """A turn of the caller's, noticed 200 ms late and over 500 ms late."""
    return [
        CallerStarted(from_ms + 200, item_id, from_ms),
        CallerStopped(to_ms + 500, item_id, to_ms),
    ]


def agent(
    item_id: str, from_ms: float, heard_ms: int, audio_ms: int | None = None, response_id: str = ""
) -> list[CallEvent]:
    """An item of the agent's, heard from its beginning on."""
    response_id = response_id or item_id.replace("a", "r")
    all_ms = heard_ms if audio_ms is None else audio_ms
    return [
        AgentStarted(item_id, response_id, from_ms),
        AgentStopped(item_id, response_id, heard_ms, all_ms, from_ms + heard_ms),
    ]


def own(name: str, from_ms: float, heard_ms: int, audio_ms: int) -> list[CallEvent]:
    """The gateway's own audio."""
    return [
        AgentStarted(name, "", from_ms),
        AgentStopped(name, "", heard_ms, audio_ms, from_ms + heard_ms),
    ]


def cut(item_id: str, at_ms: float, cause: str = "caller") -> BargeIn:
    """The agent was cut off."""
    return BargeIn(cause, item_id, 500, 1500, 1, 0, 20.0, 0.1, at_ms)


def measured(response_id: str, response_ms: float = 850.0) -> TurnDone:
    """The latencies of a response."""
    return TurnDone(Turn(2, "reply", response_id, 500.0, 300.0, 1.0, 20.0, response_ms), 1.0)


def book_of(*events: CallEvent) -> Book:
    """The rows after these events; whatever is there at any moment is consistent."""
    turns, book = TurnRows(as_it_is), Book()
    for seq, event in enumerate(events, start=1):
        book.write(Entry("CA1", seq, tuple(turns.tell(event))))
        check(book.rows("turns"))
    return book


def rows(*events: CallEvent) -> list[Row]:
    """The turns after these events."""
    return book_of(*events).rows("turns")


def check(turns: list[Row]) -> None:
    """What must hold at any moment, because the process may stop at any moment."""
    assert [turn["number"] for turn in turns] == list(range(1, len(turns) + 1))
    for turn in turns:
        assert turn["who"] in ("caller", "agent")
        if "to_ms" in turn:
            assert turn["from_ms"] <= turn["to_ms"]
        if "heard_text" in turn:
            heard = turn["heard_text"] + turn["unheard_text"]
            assert "".join(heard.split()) == "".join(turn["text"].split())


def said(turns: list[Row]) -> list[tuple[Any, ...]]:
    """Who spoke from when to when, and the words: the agent's are those heard, then the others."""
    return [
        (
            turn["who"],
            turn.get("from_ms"),
            turn.get("to_ms"),
            turn.get("heard_text", turn.get("text")),
            turn.get("unheard_text"),
        )
        for turn in turns
    ]


# One after the other


def test_a_conversation_is_written_in_order() -> None:
    """Greeting, question, answer: each with its times, words, item and answer."""
    turns = rows(
        OFFERED,
        *agent("a1", 100, 3000),
        AgentSpoke("a1", WELCOME),
        *caller("c1", 4000, 6000),
        CallerSpoke("c1", TABLE),
        *agent("a2", 7000, 2500),
        AgentSpoke("a2", WHEN),
        ended(),
    )
    assert said(turns) == [
        ("agent", 100, 3100, WELCOME, ""),
        ("caller", 4000, 6000, TABLE, None),
        ("agent", 7000, 9500, WHEN, ""),
    ]
    assert [turn["item_id"] for turn in turns] == ["a1", "c1", "a2"]
    assert [turn.get("response_id") for turn in turns] == ["r1", None, "r2"]
    assert [turn.get("interrupted") for turn in turns] == [False, None, False]
    assert [turn.get("agent") for turn in turns] == ["desk", None, "desk"]


def test_words_that_come_late_are_added_to_their_turn() -> None:
    """The transcript of a question is often later than the answer to it."""
    turns = rows(*caller("c1", 100, 2000), *agent("a1", 3000, 1000), CallerSpoke("c1", TABLE))
    assert said(turns) == [
        ("caller", 100, 2000, TABLE, None),
        ("agent", 3000, 4000, None, None),
    ]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_agents_words_may_come_at_any_time(place: int) -> None:
    """Before it is heard, while it is, after it was."""
    events = agent("a1", 100, 1000, 2000)
    events.insert(place, AgentSpoke("a1", "One two three four"))
    assert said(rows(*events)) == [("agent", 100, 1100, "One two", "three four")]


def test_words_that_were_corrected_are_the_last_ones() -> None:
    """A transcript told twice is one text."""
    (turn,) = rows(*caller("c1", 100, 2000), CallerSpoke("c1", "A"), CallerSpoke("c1", TABLE))
    assert turn["text"] == TABLE


@pytest.mark.parametrize("place", [0, 1, 2, 4])
def test_latencies_are_those_of_the_first_item_of_an_answer(place: int) -> None:
    """Whether they are told before it is heard or after."""
    events = [*agent("a1", 100, 900, response_id="r"), *agent("a2", 1000, 900, response_id="r")]
    events.insert(place, measured("r"))
    first, second = rows(*events)
    stages = ("kind", "endpoint_ms", "model_ms", "gateway_ms", "play_ms", "response_ms")
    assert [first[name] for name in stages] == ["reply", 500.0, 300.0, 1.0, 20.0, 850.0]
    assert not second.keys() & set(stages)


def test_the_agent_is_the_one_that_speaks() -> None:
    """After a handoff it is another."""
    turns = rows(
        OFFERED, *agent("a1", 100, 900), Handoff("desk", "billing", 1.0), *agent("a2", 2000, 900)
    )
    assert [turn["agent"] for turn in turns] == ["desk", "billing"]


# Cut off


@pytest.mark.parametrize("order", ["cause first", "end first"])
def test_an_interruption_stands_behind_what_it_interrupts(order: str) -> None:
    """What was heard and what was not, who cut it off; the caller's turn comes after it."""
    started, stopped = agent("a1", 1000, 1500, 3000)
    why = cut("a1", 2500)
    middle: list[CallEvent] = [why, stopped] if order == "cause first" else [stopped, why]
    turns = rows(
        started, *middle, *caller("c1", 2300, 4000), AgentSpoke("a1", "One two three four")
    )
    assert said(turns) == [
        ("agent", 1000, 2500, "One two", "three four"),
        ("caller", 2300, 4000, None, None),
    ]
    assert [turns[0][name] for name in ("interrupted", "cause")] == [True, "caller"]
    assert [turns[0][name] for name in ("heard_ms", "audio_ms")] == [1500, 3000]


def test_what_was_cut_off_before_more_came_was_interrupted_too() -> None:
    """All audio there was has been heard, but the agent had not finished."""
    started, stopped = agent("a1", 1000, 1500)
    (turn,) = rows(started, cut("a1", 2500, "guardrail"), stopped)
    assert (turn["interrupted"], turn["cause"]) == (True, "guardrail")


def test_an_answer_nobody_heard_has_its_place_where_it_was_given_up() -> None:
    """All of its words are unheard, and it takes no time."""
    turns = rows(
        *agent("a1", 1000, 1500, 3000),
        AgentSpoke("a2", WHEN),
        cut("a2", 2500),
        AgentStopped("a2", "r1", 0, 2000, 2500),
        *caller("c1", 2300, 4000),
    )
    assert said(turns)[1:] == [
        ("agent", 2500, 2500, "", WHEN),
        ("caller", 2300, 4000, None, None),
    ]
    unheard = turns[1]
    assert (unheard["heard_ms"], unheard["audio_ms"]) == (0, 2000)
    assert (unheard["interrupted"], unheard["cause"]) == (True, "caller")


def test_what_was_sent_and_never_heard_takes_no_time_either() -> None:
    """It would have been heard later than it was given up."""
    turns = rows(AgentStarted("a1", "r1", 3000), AgentStopped("a1", "r1", 0, 900, 2500))
    assert said(turns) == [("agent", 2500, 2500, None, None)]
    assert turns[0]["interrupted"]


def test_an_answer_without_an_end_is_written_at_the_end_of_the_call() -> None:
    """Made before there was a stream, for instance; words that come even later have a turn too."""
    turns = rows(AgentSpoke("a1", WELCOME), ended(500), AgentSpoke("a2", WHEN))
    assert said(turns) == [("agent", 500, 500, "", WELCOME), ("agent", 500, 500, "", WHEN)]


def test_what_was_held_back_begins_when_it_is_heard() -> None:
    """A false alarm stopped it before its first word; it is one turn all the same."""
    turns = rows(
        AgentStarted("a1", "r1", 1000),
        FalseAlarm(700.0, 1800.0),
        AgentStarted("a1", "r1", 1850),
        AgentStopped("a1", "r1", 900, 900, 2750),
    )
    assert said(turns) == [("agent", 1850, 2750, None, None)]


def test_a_turn_of_the_callers_may_have_no_end() -> None:
    """The model dropped it, or the call ended in it; what is known of it stays."""
    turns = rows(CallerStarted(1200, "c1", 1000), *agent("a1", 3000, 900), ended(5000))
    assert said(turns) == [("caller", 1000, None, None, None), ("agent", 3000, 3900, None, None)]


# Without a beginning


def test_words_without_a_voice_are_a_turn() -> None:
    """A model that is told when the caller speaks tells no times."""
    turns = rows(CallerSpoke("c1", TABLE), *agent("a1", 3000, 900))
    assert said(turns) == [
        ("caller", None, None, TABLE, None),
        ("agent", 3000, 3900, None, None),
    ]


def test_a_noise_without_words_is_no_turn() -> None:
    """The transcript of a cough is empty; a turn that was one may be empty too."""
    assert rows(CallerSpoke("c1", " ")) == []
    assert said(rows(*caller("c1", 100, 200), CallerSpoke("c1", ""))) == [
        ("caller", 100, 200, "", None)
    ]


def test_words_may_be_faster_than_the_times() -> None:
    """They are all of one turn."""
    turns = rows(CallerSpoke("c1", TABLE), *caller("c1", 100, 2000))
    assert said(turns) == [("caller", 100, 2000, TABLE, None)]


def test_an_item_may_become_known_at_the_end_of_a_turn() -> None:
    """The turn is the one that was open."""
    turns = rows(CallerStarted(300, "", 100), CallerStopped(900, "c1", 800), CallerSpoke("c1", "A"))
    assert said(turns) == [("caller", 100, 800, "A", None)]
    assert turns[0]["item_id"] == "c1"


def test_turns_without_items_are_turns() -> None:
    """One after the other."""
    turns = rows(*caller("", 100, 800), *caller("", 2000, 2800))
    assert said(turns) == [("caller", 100, 800, None, None), ("caller", 2000, 2800, None, None)]


@pytest.mark.parametrize(
    ("event", "span"),
    [
        (CallerStopped(2500.0, "c1", 2000.0), (2000, 2000)),
        (AgentStopped("a1", "r1", 700, 700, 2000.0), (1300, 2000)),
    ],
)
def test_an_end_without_a_beginning_is_a_turn(event: CallEvent, span: tuple[int, int]) -> None:
    """It lasted as long as is known."""
    (turn,) = rows(event)
    assert (turn["from_ms"], turn["to_ms"]) == span


# The gateway's own


def test_a_recorded_greeting_is_the_agents() -> None:
    """Its words are told before there is a caller; it may be cut off like any other."""
    events = [AgentSpoke(GREETING, "One two three four"), *own(GREETING, 50, 1000, 2000)]
    turns = rows(OFFERED, *events, cut(GREETING, 1050), *caller("c1", 900, 2000))
    assert said(turns)[0] == ("agent", 50, 1050, "One two", "three four")
    assert (turns[0]["agent"], turns[0]["response_id"], turns[0]["cause"]) == ("desk", "", "caller")


def test_a_phrase_without_words_is_a_turn() -> None:
    """The goodbye is heard, and nobody tells its words."""
    assert said(rows(*own("gateway:goodbye", 100, 900, 900))) == [("agent", 100, 1000, None, None)]


@pytest.mark.parametrize("name", sorted(NOT_SPOKEN))
def test_sounds_are_no_turns(name: str) -> None:
    """Fillers, hold tones, pressed keys: nobody's words."""
    assert rows(*own(name, 100, 900, 900), AgentSpoke(name, "words"), ended()) == []


def test_a_phrase_heard_twice_is_two_turns() -> None:
    """Its name is no ID: what is told after its end is of its next time."""
    again = [AgentSpoke(GREETING, "One two"), *own(GREETING, 100, 900, 900)]
    later = [AgentSpoke(GREETING, "Three four"), *own(GREETING, 5000, 900, 900)]
    assert said(rows(*again, *later)) == [
        ("agent", 100, 1000, "One two", ""),
        ("agent", 5000, 5900, "Three four", ""),
    ]


# Whatever is told


@given(st.lists(ANYTHING, max_size=60))
def test_rows_are_consistent_at_any_moment(events: list[CallEvent]) -> None:
    """Without a gap, in time, no word lost: in any order of any events."""
    book_of(*events)


EXCHANGES = st.lists(
    st.tuples(
        st.integers(100, 3000),  # how long the caller speaks
        st.lists(st.integers(200, 3000), max_size=3),  # the items of the answer
        st.integers(0, 4000),  # how much is heard before the caller speaks again
        st.integers(-300, 2000),  # the pause after what was heard to its end
    ),
    max_size=6,
)
Exchange = tuple[int, list[int], int, int]


def conversation(exchanges: list[Exchange]) -> tuple[list[CallEvent], list[CallEvent]]:
    """A call as it happens, and the words and figures that may come at any time after that."""
    happened: list[CallEvent] = [OFFERED]
    late: list[CallEvent] = []
    at = 500
    for n, (spoken_ms, items, heard_ms, pause_ms) in enumerate(exchanges):
        happened += caller(f"c{n}", at, at + spoken_ms)
        late += [CallerSpoke(f"c{n}", f"Question {n}"), measured(f"r{n}", 100.0 + n)]
        at += spoken_ms + 800
        left = heard_ms
        for m, audio_ms in enumerate(items):
            name = f"a{n}.{m}"
            heard = min(left, audio_ms)
            late.append(AgentSpoke(name, f"This is answer {n} in its part {m}"))
            begun, over = agent(name, at, heard, audio_ms, f"r{n}")
            happened += [begun, over] if heard else [over]
            left, at = left - heard, at + heard
        at += max(pause_ms, 0) if left else 1
    return happened, late


@given(EXCHANGES, st.data())
def test_when_words_come_makes_no_difference(
    exchanges: list[Exchange], data: st.DataObject
) -> None:
    """The rows are the same in the end, and in the order in which the turns began."""
    happened, late = conversation(exchanges)
    expected = rows(*happened, *late, ended())
    mixed = [*happened]
    for event in late:
        first = next(n for n, each in enumerate(mixed) if of_one_turn(event, each))
        mixed.insert(data.draw(st.integers(first, len(mixed))), event)
    assert rows(*mixed, ended()) == expected
    begins = [turn["from_ms"] for turn in expected]
    assert all(earlier <= later for earlier, later in pairwise(begins))


def of_one_turn(late: CallEvent, event: CallEvent) -> bool:
    """True at the first event that could be told after a word or figure of the same turn."""
    if isinstance(late, CallerSpoke):
        return isinstance(event, CallerStarted) and event.item_id == late.item_id
    return True


def test_words_are_redacted_knowing_what_was_asked() -> None:
    """A number is a secret when the agent asked for one, however late the words come."""
    asked: list[tuple[str, str]] = []

    def redact(text: str, before: str) -> str:
        asked.append((text, before))
        return text

    turns = TurnRows(redact)
    events: list[CallEvent] = [
        AgentStarted("a1", "r1", 0.0),
        AgentSpoke("a1", "Your PIN, please?"),
        CallerStarted(900.0, "c1", 800.0),
        CallerStopped(1900.0, "c1", 1800.0),
        AgentStarted("a2", "r2", 2500.0),
        AgentSpoke("a2", "Thank you."),
        CallerSpoke("c1", "four seven one one"),
    ]
    for event in events:
        turns.tell(event)
    assert asked == [
        ("Your PIN, please?", ""),
        ("Thank you.", ""),
        ("four seven one one", "Your PIN, please?"),
    ]


def test_an_item_that_turns_out_longer_was_heard_less() -> None:
    """It was cut off while it was being made: its share is of all of it, its end stays."""
    turns, book = TurnRows(as_it_is), Book()
    events: list[CallEvent] = [
        AgentStarted("a1", "r1", 0.0),
        AgentStopped("a1", "r1", 1000, 1000, 1000.0),
        AgentSpoke("a1", "one two three four"),
        AgentStopped("a1", "r1", 1000, 2000, 1700.0),
    ]
    for number, event in enumerate(events, start=1):
        book.write(Entry("CA1", number, tuple(turns.tell(event))))
    (turn,) = book.rows("turns")
    assert (turn["heard_text"], turn["unheard_text"]) == ("one two", "three four")
    assert (turn["to_ms"], turn["audio_ms"], turn["interrupted"]) == (1000.0, 2000, True)


def test_of_a_long_call_the_newest_turns_are_remembered() -> None:
    """An hour's 400 turns would be half a megabyte, and each would look through all of them."""
    turns = TurnRows(lambda text, _before: text)
    for number in range(400):
        caller, agent, at_ms = f"item_c{number}", f"item_a{number}", number * 9000.0
        turns.tell(CallerStarted(at_ms, caller, at_ms))
        turns.tell(CallerStopped(at_ms + 2000, caller, at_ms + 1500))
        turns.tell(CallerSpoke(caller, "how is the weather?"))
        turns.tell(AgentStarted(agent, f"resp_{number}", at_ms + 3000))
        turns.tell(AgentSpoke(agent, "it is fine"))
        turns.tell(AgentStopped(agent, f"resp_{number}", 900, 900, at_ms + 4000))
    kept = [turns._by_caller, turns._by_agent, turns._answers]
    assert [len(each) for each in kept] == [_REMEMBERED] * 3
    (change,) = turns.tell(CallerSpoke(f"item_c{399 - _REMEMBERED + 1}", "and tomorrow?"))
    assert change.key == {"number": 2 * (399 - _REMEMBERED + 1) + 1}
