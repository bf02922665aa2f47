"""Rows as what is shown of them."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.store.records.views import call_view, in_spoken_order, record_view, rounded
from gateway.store.tables import calls
from tests.store.sample import CALL_SID, sample_call


def whole(rows: list[dict[str, Any]], table: Any = calls) -> list[dict[str, Any]]:
    """Rows with every column, as a database gives them."""
    return [dict.fromkeys(column.name for column in table.c) | row for row in rows]


def test_a_call_is_its_columns_as_json() -> None:
    """Times of the day are UTC in ISO form; what only the writer needs is left out."""
    view = call_view(whole(sample_call()["calls"])[0])
    assert json.loads(json.dumps(view)) == view
    assert view["offered_at"] == "2026-11-20T09:30:05.250000+00:00"
    assert (view["call_sid"], view["state"], view["reason"]) == (CALL_SID, "ended", "agent_hung_up")
    assert view["unpriced"] is False
    assert set(calls.c.keys()) - set(view) == {"seq", "owner"}


def test_fractions_are_as_long_as_their_unit_is_worth() -> None:
    """Hundredths of a millisecond, millionths of a dollar."""
    assert rounded("duration_ms", 12.34567) == 12.35
    assert rounded("cost_usd", 0.12345678) == 0.123457
    assert rounded("billed_s", 1.23456) == 1.235
    assert rounded("other", 0.123456789) == 0.123457


def test_a_record_has_what_is_needed_first_on_top() -> None:
    """Then the call's own row, then its tables; the CallSid is not repeated in every row."""
    rows = sample_call()
    parts = {name: table for name, table in rows.items() if name != "calls"}
    record = record_view(whole(rows["calls"])[0], parts)
    assert list(record)[:5] == ["call_sid", "state", "outcome", "reason", "call"]
    assert record["call"]["turns"] == 4
    assert len(record["turns"]) == 7
    assert all("call_sid" not in row for name in parts for row in record[name])


def turn(number: int, from_ms: float | None) -> dict[str, Any]:
    """A turn, as far as its place is concerned."""
    return {"number": number, "from_ms": from_ms}


def test_turns_are_in_the_order_they_were_spoken_in() -> None:
    """Not in the order they were noticed; one nobody heard stays behind the one before it."""
    spoken = [turn(1, 300.0), turn(2, None), turn(3, 900.0), turn(4, 600.0)]
    assert [each["number"] for each in in_spoken_order(spoken)] == [1, 2, 4, 3]


@given(st.lists(st.none() | st.floats(0, 1e7), max_size=20), st.randoms())
def test_no_turn_is_lost_in_the_order(moments: list[float | None], chance: Any) -> None:
    """Whatever order they come in, the order out is the same, and times only grow."""
    spoken = [turn(number, from_ms) for number, from_ms in enumerate(moments)]
    ordered = in_spoken_order(spoken)
    chance.shuffle(spoken)
    assert in_spoken_order(spoken) == ordered
    assert sorted(each["number"] for each in ordered) == list(range(len(moments)))
    times = [each["from_ms"] for each in ordered if each["from_ms"] is not None]
    assert times == sorted(times)
