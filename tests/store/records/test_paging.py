"""Pages of the list of calls, on either database: each call once, in the order of the list."""

import base64
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import Settings
from gateway.store.records.paging import Cursor, Sort
from gateway.store.records.reader import CallFilter, open_reader
from tests.store.sample import OFFERED_AT, Rows, missed_call, recorded

SORTS: tuple[Sort, ...] = get_args(Sort)
TIES = [
    (None, None, None),
    (None, 300.5, None),
    (OFFERED_AT, None, 0.1),
    (OFFERED_AT, 300.5, None),
    (OFFERED_AT, 300.5, 0.1),
    (OFFERED_AT, 0.1 + 0.2, 0.1 + 0.2),
    (OFFERED_AT + timedelta(microseconds=1), 300.5, 0.1),
]


def calls_with_ties() -> list[Rows]:
    """Two of each kind of tie, and of what is not known."""
    return [
        missed_call(f"CA{number}{name}", offered_at=at, response_worst_ms=worst, cost_usd=cost)
        for number, (at, worst, cost) in enumerate(TIES)
        for name in ("b", "a")
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("limit", [1, 3, 14, 20])
@pytest.mark.parametrize("sort", SORTS)
async def test_pages_are_the_list_in_pieces(settings: Settings, sort: Sort, limit: int) -> None:
    """Whatever it is sorted by, ties and unknown values among it; the last page has none behind."""
    await recorded(settings, *calls_with_ties())
    async with open_reader(settings) as reader:
        assert reader is not None
        whole = await reader.calls(CallFilter(sort=sort, limit=100))
        found, cursor, pages = [], None, 0
        while cursor is not None or not pages:
            wanted = CallFilter(sort=sort, limit=limit, after=cursor)
            rows, cursor = await reader.page(wanted)
            if cursor is not None:
                cursor = Cursor.read(cursor.text(), sort)
            found += rows
            pages += 1
        assert found == whole
        assert pages == -(-len(whole) // limit)


@pytest.mark.asyncio
async def test_what_comes_meanwhile_moves_nothing(settings: Settings) -> None:
    """The second page of the newest ones is what it was, however many new ones there are."""
    calls = [
        missed_call(f"CA{number}", offered_at=OFFERED_AT + timedelta(seconds=number))
        for number in range(6)
    ]
    await recorded(settings, *calls[:4])
    async with open_reader(settings) as reader:
        assert reader is not None
        _, cursor = await reader.page(CallFilter(limit=2))
    await recorded(settings, *calls[4:])
    async with open_reader(settings) as reader:
        assert reader is not None
        rows, _ = await reader.page(CallFilter(limit=2, after=cursor))
    assert [row["call_sid"] for row in rows] == ["CA1", "CA0"]


MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@given(
    st.sampled_from(SORTS),
    st.none() | st.floats(allow_nan=False),
    st.none() | MOMENTS,
    st.text("CA0123abc_-", max_size=40),
)
def test_a_cursor_is_read_as_it_was_written(
    sort: Sort, value: float | None, at: datetime | None, call_sid: str
) -> None:
    """To the last digit, in letters that need no escaping in an address."""
    cursor = Cursor(sort, value, at, call_sid)
    text = cursor.text()
    assert Cursor.read(text, sort) == cursor
    assert text.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda each: each.hex()))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """Whatever it is."""
    with pytest.raises(ValueError, match="is no cursor of this list"):
        Cursor.read(text, "newest")


@pytest.mark.parametrize(
    "content",
    [
        '["newest", null, "2026-11-20", 5]',
        '["newest", null, 5, "CA1"]',
        '["newest", "x", null, "CA1"]',
        '["newest", [], null, "CA1"]',
        '["newest", null, "0001-01-01T00:00:00+14:00", "CA1"]',
        '["newest", null, null, "CA\\u0000"]',
        '["newest", null, null, "CA\\ud800"]',
        '["newest", null, null]',
        "{}",
        "5",
        "[" * 5000,
    ],
)
def test_a_forged_cursor_is_refused(content: str) -> None:
    """Its encoding is right and its content is not."""
    with pytest.raises(ValueError, match="is no cursor of this list"):
        Cursor.read(base64.urlsafe_b64encode(content.encode()).decode(), "newest")


def test_a_cursor_of_another_order_is_refused() -> None:
    """It would skip some calls and repeat others."""
    text = Cursor("newest", None, OFFERED_AT, "CA1").text()
    with pytest.raises(ValueError, match="another order"):
        Cursor.read(text, "cost")
