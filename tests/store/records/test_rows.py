"""Rows every database takes, whatever was written into them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import String

from gateway.store.entry import Change, Entry, decode, encode
from gateway.store.records.rows import fitted, row, storable
from gateway.store.tables import metadata
from tests.store.anything import NASTY


def test_a_change_names_its_row() -> None:
    """Values that fit stay as they are, and what is not known stays unknown."""
    change = row("turns", {"number": 3}, {"who": "agent", "heard_ms": 800, "text": None})
    assert change == Change("turns", {"number": 3}, {"who": "agent", "heard_ms": 800, "text": None})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain", "plain"),
        ("Grüße, 你好 👋", "Grüße, 你好 👋"),
        ("a\0b", "a\ufffdb"),
        ("half \ud800 of a pair", "half ? of a pair"),
        ("", ""),
    ],
)
def test_a_text_loses_only_what_cannot_be_kept(text: str, kept: str) -> None:
    """PostgreSQL refuses NULs, JSON refuses halves of surrogate pairs."""
    assert storable(text) == kept


def test_a_text_is_as_long_as_its_column() -> None:
    """A short column is cut, a column for texts takes all."""
    long = "x" * 1000
    values = fitted("turns", {"item_id": long, "text": long})
    assert (len(values["item_id"]), len(values["text"])) == (64, 1000)


def test_milliseconds_are_kept_to_a_hundredth() -> None:
    """Costs and seconds are kept as they are."""
    assert fitted("turns", {"from_ms": 1.23456})["from_ms"] == 1.23
    assert fitted("usage", {"cost_usd": 0.0000123, "billed_s": 1.23456}) == {
        "cost_usd": 0.0000123,
        "billed_s": 1.23456,
    }


def test_a_number_is_no_larger_than_its_column() -> None:
    """A server may say it used any number of tokens."""
    assert fitted("usage", {"audio_in": 10**12, "text_in": 7}) == {
        "audio_in": 2**31 - 1,
        "text_in": 7,
    }


def test_the_fields_of_an_event_are_kept_clean_too() -> None:
    """A reason a server gave may have anything in it."""
    fields = {"detail": "1006 \0\ud800", "count": 3, "used": {"text_in": 1}}
    kept = fitted("events", {"fields": fields})["fields"]
    assert kept == {"detail": "1006 \ufffd?", "count": 3, "used": {"text_in": 1}}


TEXT_COLUMNS = [
    (str(table.name), str(column.name), column.type.length)
    for table in metadata.sorted_tables
    for column in table.columns
    if isinstance(column.type, String)
]


@given(st.sampled_from(TEXT_COLUMNS), st.sampled_from(NASTY) | st.text())
def test_no_text_is_too_much_for_a_column(column: tuple[str, str, int | None], text: str) -> None:
    """Whatever column it goes to, it is no longer than that and can be encoded."""
    table, name, most = column
    kept = fitted(table, {name: text})[name]
    assert most is None or len(kept) <= most
    assert "\0" not in kept
    change = Change(table, {}, {name: kept})
    assert decode(encode(Entry("CA1", 1, (change,)))).changes == (change,)
