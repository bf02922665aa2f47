"""Calls by a few words, on either database."""

from datetime import timedelta

import pytest

from gateway.settings import Settings
from gateway.store.records.reader import CallFilter, open_reader
from tests.store.sample import OFFERED_AT, Rows, missed_call, recorded


def said(call_sid: str, number: int, *texts: str, note: str | None = None) -> Rows:
    """A call in which that was said, and perhaps noted; the lower its number, the newer."""
    rows = missed_call(
        call_sid,
        offered_at=OFFERED_AT - timedelta(hours=number),
        caller=f"+1202555010{number}",
        called="+4930123456",
    )
    rows["turns"] = [
        {"call_sid": call_sid, "number": at, "who": "caller", "text": text}
        for at, text in enumerate(texts, 1)
    ]
    if note is not None:
        rows["notes"] = [{"call_sid": call_sid, "number": 1, "text": note}]
    return rows


CALLS = [
    said("CAaaaa1", 1, "I want to book a Table", "at eight"),
    said("CAaaab2", 2, "100% sure", note="prefers a table outside"),
    said("CAbbbb3", 3, "it is under_score", "and a back\\slash"),
    said("CAbbbb4", 4, "it's 'quoted' -- really; DROP TABLE calls"),
    said("CAcccc5", 5),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("table", ["CAaaaa1", "CAaaab2", "CAbbbb4"]),
        ("TABLE", ["CAaaaa1", "CAaaab2", "CAbbbb4"]),
        ("book a table", ["CAaaaa1"]),
        ("outside", ["CAaaab2"]),
        ("100%", ["CAaaab2"]),
        ("%", ["CAaaab2"]),
        ("%%", []),
        ("under_score", ["CAbbbb3"]),
        ("under%score", []),
        ("under.score", []),
        ("back\\slash", ["CAbbbb3"]),
        ("/", []),
        ("'quoted' --", ["CAbbbb4"]),
        ("' OR 1=1 --", []),
        ("CAaaa", ["CAaaaa1", "CAaaab2"]),
        ("CAaaaa1", ["CAaaaa1"]),
        ("aaaa1", []),
        ("+12025550103", ["CAbbbb3"]),
        ("12025550103", ["CAbbbb3"]),
        ("+1 (202) 555-0103", ["CAbbbb3"]),
        ("+1202", ["CAaaaa1", "CAaaab2", "CAbbbb3", "CAbbbb4", "CAcccc5"]),
        ("4930", ["CAaaaa1", "CAaaab2", "CAbbbb3", "CAbbbb4", "CAcccc5"]),
        ("0103", []),
        ("49", []),
    ],
)
async def test_calls_are_found_by_words_numbers_and_ids(
    settings: Settings, text: str, found: list[str]
) -> None:
    """Every sign means itself; words are found anywhere, numbers and IDs by their beginning."""
    await recorded(settings, *CALLS)
    async with open_reader(settings) as reader:
        assert reader is not None
        rows, more = await reader.page(CallFilter(search=text))
    assert [row["call_sid"] for row in rows] == found
    assert more is None


@pytest.mark.asyncio
async def test_a_search_goes_with_all_else(settings: Settings) -> None:
    """Filters, order and pages."""
    await recorded(settings, *CALLS)
    async with open_reader(settings) as reader:
        assert reader is not None
        wanted = CallFilter(search="table", until=OFFERED_AT - timedelta(hours=1), limit=1)
        rows, more = await reader.page(wanted)
        assert [row["call_sid"] for row in rows] == ["CAaaab2"]
        assert more is not None
        rows, more = await reader.page(CallFilter(search="table", after=more))
        assert [row["call_sid"] for row in rows] == ["CAbbbb4"]
        assert more is None
