"""What of a record becomes lines, and with what words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.calls_timeline import LONGEST, Moment, timeline
from gateway.store.records.views import PARTS, record_view
from gateway.store.tables import calls, turns
from tests.store.sample import Rows, sample_call


def record_of(rows: Rows) -> dict[str, Any]:
    """The record of a call, as the reader gives it."""
    call, *_ = rows["calls"]
    whole = dict.fromkeys(column.name for column in calls.c) | call
    parts = {
        table.name: [
            dict.fromkeys(column.name for column in table.c) | row
            for row in rows.get(table.name, [])
        ]
        for table in PARTS
    }
    return record_view(whole, parts)


def only(table: str, *rows: dict[str, Any], **changed: Any) -> list[Moment]:
    """The moments of a call that has nothing but those rows."""
    call = sample_call(**changed)["calls"]
    return timeline(record_of({"calls": call, table: list(rows)}))


def texts(moment: Moment) -> list[str]:
    """The lines of a moment."""
    return [" ".join(piece.text for piece in line) for line in moment.lines]


def test_everything_is_in_order() -> None:
    """Who did what when, whichever table it comes from."""
    found = [(round(moment.at_ms), moment.who) for moment in timeline(record_of(sample_call()))]
    assert found == [
        (310, "frontdesk"),
        (900, "consent"),
        (4100, "caller"),
        (6840, "frontdesk"),
        (9460, "caller"),
        (15250, "handoff"),
        (15900, "tool"),
        (16010, "approval"),
        (20400, "approval"),
        (20900, "guardrail"),
        (21200, "booking"),
        (24700, "note"),
        (25000, "caller"),
        (26100, "caller"),
        (27800, "booking"),
    ]


def turn(**changed: Any) -> dict[str, Any]:
    """An answer of the agent's, all of it heard."""
    spoken = {"number": 1, "who": "agent", "agent": "faq", "text": "One bag.", "from_ms": 100.0}
    return {**spoken, "heard_text": "One bag.", "unheard_text": "", **changed}


def test_what_was_not_heard_is_marked() -> None:
    """In words and by its kind, and how the answer was cut off."""
    cut = {"interrupted": True, "cause": "caller", "heard_ms": 2807.4}
    (moment,) = only("turns", turn(heard_text="One", unheard_text="bag.", **cut))
    assert texts(moment) == ["One [not heard: bag.]", "▲ cut off after 2807 ms by caller"]
    assert [piece.kind for piece in moment.lines[0]] == ["words", "unheard"]
    (moment,) = only("turns", turn(heard_text="", unheard_text="One bag.", interrupted=True))
    assert texts(moment) == ["[not heard: One bag.]", "▲ cut off by something"]


def test_words_without_a_count_of_what_was_heard_are_all_shown() -> None:
    """The caller's, and the agent's when nobody found out."""
    spoken = turn(who="caller", agent=None, text="Hello?", heard_text=None, unheard_text=None)
    (moment,) = only("turns", spoken)
    assert (moment.who, texts(moment)) == ("caller", ["Hello?"])


def test_missing_words_say_why() -> None:
    """Nobody transcribed them, or they were deleted by now."""
    silent = turn(text=None, heard_text=None, unheard_text=None)
    assert texts(only("turns", silent)[0]) == ["(no words)"]
    (moment,) = only("turns", silent, text_purged_at=sample_call()["calls"][0]["ended_at"])
    assert texts(moment) == ["(words deleted)"]


def test_an_answer_says_whose_time_it_took() -> None:
    """Stage by stage; what did not happen is a dash, and a greeting is no wait."""
    stages = {"endpoint_ms": 505.0, "model_ms": 264.1, "gateway_ms": None, "play_ms": 50.9}
    (moment,) = only("turns", turn(kind="follow_up", response_ms=820.4, **stages))
    assert texts(moment)[1] == (
        "follow up · waited 820 ms: endpoint 505, model 264, gateway –, playout 51"
    )
    (moment,) = only("turns", turn(kind="greeting", model_ms=310.0, gateway_ms=0.41, play_ms=35.0))
    assert texts(moment)[1] == "greeting · endpoint –, model 310, gateway 0.41, playout 35"


def test_a_turn_without_a_time_stays_behind_the_one_before_it() -> None:
    """Nobody heard it, so it has none of its own."""
    first, second = turn(from_ms=5000.0), turn(number=2, from_ms=None)
    assert [moment.at_ms for moment in only("turns", first, second)] == [5000.0, 5000.0]


def test_a_tool_says_what_it_was_told_and_answered() -> None:
    """And how long it took; one that has not answered says so by having no answer."""
    told = {"number": 1, "tool": "find", "arguments": '{"a": 1}', "at_ms": 10.0}
    (moment,) = only("tools", {**told, "result": "Found.", "duration_ms": 12.3})
    assert (moment.who, texts(moment)) == ("tool", ['find {"a": 1}', "→ Found. (12 ms)"])
    assert texts(only("tools", told)[0]) == ['find {"a": 1}']


def test_long_results_are_cut_here() -> None:
    """JSON has all of it."""
    told = {"number": 1, "tool": "find", "result": "x" * 2000, "duration_ms": 1.0}
    assert f"… ({2000 - LONGEST} characters more, see --json)" in texts(only("tools", told)[0])[1]


@pytest.mark.parametrize(
    ("name", "fields", "shown"),
    [
        ("approval.asked", {"tool": "refund"}, "refund waits for a person"),
        (
            "approval.decided",
            {"tool": "refund", "verdict": "timed_out", "waited_ms": 30_000.4},
            "refund: timed_out after 30000 ms",
        ),
        ("consult.started", {"destination": "sales"}, "sales is rung and asked"),
        ("consult.answered", {"destination": "sales"}, "sales hears the summary"),
        ("transfer.started", {"destination": "sales"}, "to sales"),
        ("transfer.failed", {"destination": "sales", "status": "busy"}, "sales: busy"),
        ("consent.changed", {"state": "declined"}, "declined"),
        ("recording.started", {"file": "x"}, "begins"),
        ("recording.ended", {"kept": True, "incomplete": ""}, "ends"),
        (
            "recording.ended",
            {"kept": True, "incomplete": "disk_full"},
            "ends, incomplete: disk_full",
        ),
        ("recording.ended", {"kept": False, "incomplete": ""}, "ends and is deleted"),
        ("dtmf", {"count": 1}, "pressed 1 key"),
        ("caller.idle", {"asked": 2}, "is the caller still there? asked 2×"),
        (
            "spend.reached",
            {"level": "hard", "scope": "call", "spent_usd": 0.51, "limit_usd": 0.5},
            "hard limit of the call: $0.5100 of $0.5000",
        ),
        ("model.lost", {"reason": "model_closed"}, "lost: model_closed"),
        ("model.error_reported", {"code": "rate_limit"}, "error: rate_limit"),
        ("approval.decided", {}, "?: ? after ? ms"),
        ("dtmf", None, "pressed keys"),
    ],
)
def test_events_without_a_table_of_their_own_have_words(
    name: str, fields: dict[str, Any] | None, shown: str
) -> None:
    """What an older gateway did not tell is a question mark."""
    (moment,) = only("events", {"seq": 1, "name": name, "fields": fields, "at_ms": 5.0})
    assert texts(moment) == [shown]


def test_other_events_are_for_json() -> None:
    """What was said and cut off stands with the turns already."""
    names = ("call.live", "barge_in", "turn.done", "of.the_future")
    rows = [{"seq": seq, "name": name, "fields": {}} for seq, name in enumerate(names)]
    assert only("events", *rows) == []


def test_an_event_without_a_time_is_where_it_was_told() -> None:
    """Behind the event before it."""
    before = {"seq": 1, "name": "dtmf", "fields": {"count": 1}, "at_ms": 700.0}
    lost = {"seq": 2, "name": "model.lost", "fields": {"reason": "x"}, "at_ms": None}
    assert [moment.at_ms for moment in only("events", before, lost)] == [700.0, 700.0]


ANYTHING = st.none() | st.floats() | st.text("a1\x1b²", max_size=5) | st.booleans() | st.integers()


@given(
    st.sampled_from(["approval.decided", "spend.reached", "dtmf", "recording.ended"]),
    st.dictionaries(st.sampled_from(["tool", "count", "kept", "spent_usd", "waited_ms"]), ANYTHING),
)
def test_no_fields_of_an_event_break_the_timeline(name: str, fields: dict[str, Any]) -> None:
    """Whatever is in the database, the call can be looked at."""
    assert len(only("events", {"seq": 1, "name": name, "fields": fields})) == 1


@given(st.lists(st.sampled_from([column.name for column in turns.c]), max_size=15))
def test_no_missing_column_breaks_the_timeline(missing: list[str]) -> None:
    """Rows are written piece by piece, so any of them may be half there."""
    rows = sample_call()
    keys = {"call_sid", "number", "seq"}
    for table in ("turns", "tools", "handoffs", "guardrails", "notes", "events"):
        for row in rows[table]:
            row.update({name: None for name in missing if name in row and name not in keys})
    assert timeline(record_of(rows))
