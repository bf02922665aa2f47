"""What a column takes is the same on both databases, and what it does not take is named."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column

from gateway.store.journal.fit import Unfit, fitted, fitted_key, storable
from gateway.store.tables import OF_CALLS, calls, events, turns

TEXTS = st.text(st.characters(codec=None), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("column", "value", "kept"),
    [
        (turns.c.text, "Grüß Gott", "Grüß Gott"),
        (turns.c.text, "a\0b", "a\N{REPLACEMENT CHARACTER}b"),
        (turns.c.text, "half \ud83d of it", "half \N{REPLACEMENT CHARACTER} of it"),
        (calls.c.state, "x" * 17, "x" * 16),
        (calls.c.seq, 7, 7),
        (turns.c.from_ms, 7, 7.0),
        (turns.c.interrupted, True, True),
        (events.c.fields, {"a\0": ["\0"]}, {"a\ufffd": ["\ufffd"]}),
        (calls.c.state, None, None),
    ],
)
def test_a_value_becomes_what_the_column_takes(
    column: Column[Any], value: object, kept: object
) -> None:
    """Texts lose what no text may hold and what is too long; numbers keep their value."""
    assert fitted(column, value) == kept


@pytest.mark.parametrize(
    "text", ["2026-03-01T11:00:00+01:00", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00"]
)
def test_moments_are_iso_texts(text: str) -> None:
    """With a zone or, without one, UTC."""
    assert fitted(calls.c.ended_at, text) == datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (turns.c.text, 7),
        (turns.c.text, {"a": 1}),
        (calls.c.seq, 2**31),
        (calls.c.seq, True),
        (calls.c.seq, 1.0),
        (calls.c.seq, "1"),
        (turns.c.from_ms, "1.0"),
        (turns.c.from_ms, False),
        (turns.c.from_ms, 10**400),
        (turns.c.interrupted, 1),
        (calls.c.ended_at, "yesterday"),
        (calls.c.ended_at, 1772359200),
    ],
)
def test_what_no_column_takes_is_refused_by_its_name(column: Column[Any], value: object) -> None:
    """Before a database sees it, and without repeating the value."""
    with pytest.raises(Unfit, match=rf"^{column.table.name}\.{column.name}: ") as refused:
        fitted(column, value)
    assert str(value) not in str(refused.value)


@pytest.mark.parametrize("value", [None, "a\0b", "x" * 65])
def test_a_key_is_never_changed(value: object) -> None:
    """A key that had to be made fit would be another row's."""
    with pytest.raises(Unfit):
        fitted_key(calls.c.call_sid, value)
    assert fitted_key(calls.c.call_sid, "CA1") == "CA1"


def texts_of(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts_of([*value.keys(), *value.values()])
    elif isinstance(value, list):
        for each in value:
            yield from texts_of(each)


@given(JSON)
def test_what_is_storable_can_be_stored(value: Any) -> None:
    """No NUL, no half of a pair, anywhere; and making it storable twice changes nothing."""
    kept = storable(value)
    assert storable(kept) == kept
    for text in texts_of(kept):
        assert "\0" not in text
        assert text.encode().decode() == text


@given(st.datetimes(timezones=st.just(timezone(timedelta(hours=5)))))
def test_moments_keep_their_moment(moment: datetime) -> None:
    """Whatever zone they were written in."""
    try:
        as_utc = moment.astimezone(UTC)
    except OverflowError:
        with pytest.raises(Unfit):
            fitted(calls.c.ended_at, moment.isoformat())
    else:
        assert fitted(calls.c.ended_at, moment.isoformat()) == as_utc


@pytest.mark.parametrize(
    "column", [each for table in OF_CALLS for each in table.c if each is not events.c.fields]
)
def test_every_column_of_a_call_is_known(column: Column[Any]) -> None:
    """None takes just anything, and none takes nothing."""
    with pytest.raises(Unfit):
        fitted(column, object())
    samples = ("text", 1, True, "2026-03-01T10:00:00Z")
    assert any(takes(column, sample) for sample in samples)


def takes(column: Column[Any], value: object) -> bool:
    """True when the column takes the value."""
    try:
        fitted(column, value)
    except Unfit:
        return False
    return True
