"""``/api/records`` and ``/api/stats``: the same as the command line shows, page by page."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.core.transcript import as_list, as_text, as_vtt
from gateway.settings import Settings
from gateway.store.records.reader import CallFilter, open_reader
from gateway.store.records.views import lines_of
from gateway.web.api.records import _json
from tests.store.databases import settings_in
from tests.store.sample import OFFERED_AT, missed_call, recorded, sample_call
from tests.web.api.desk import TOKEN, desk, reading

pytestmark = pytest.mark.asyncio


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a gateway with a token."""
    return settings_in(tmp_path, api_token=TOKEN, public_url="https://voice.example.com")


async def seven_calls(settings: Settings) -> None:
    """One with everything in it, and six that were missed, an hour apart."""
    missed = [
        missed_call(f"CA{number}", offered_at=OFFERED_AT - timedelta(hours=number))
        for number in range(1, 7)
    ]
    await recorded(settings, sample_call("CA0"), *missed)


async def test_the_list_is_that_of_the_command_line(settings: Settings) -> None:
    """Row by row, page by page, until there is no next one."""
    await seven_calls(settings)
    async with open_reader(settings) as reader:
        assert reader is not None
        expected = await reader.calls(CallFilter())
    found: list[Any] = []
    async with reading(settings) as http:
        path: str | None = "/api/records?limit=3&sort=worst&since=2020-01-01T00:00:00%2B00:00"
        pages = 0
        while path is not None:
            answer = await http.get(path)
            assert answer.headers["cache-control"] == "no-store"
            found += answer.json()
            link = answer.headers.get("link")
            assert link is None or link.endswith('>; rel="next"')
            path = link and link.removeprefix("<").partition(">")[0]
            pages += 1
    assert (found, pages) == (expected, 3)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["CA0", "CA1", "CA2", "CA3", "CA4", "CA5", "CA6"]),
        ("agent=frontdesk&outcome=completed", ["CA0"]),
        ("number=%2B12025550143", ["CA0"]),
        ("number=+12025550143", ["CA0"]),
        ("since=2026-11-20T05:00&until=2026-11-20T08:00:00Z", ["CA2", "CA3", "CA4"]),
        ("worse_than_ms=1000", ["CA0"]),
        ("search=Seat%2014C", ["CA0"]),
        ("search=aisle", ["CA0"]),
        ("search=CA", ["CA0", "CA1", "CA2", "CA3", "CA4", "CA5", "CA6"]),
        ("search=nobody+said+that", []),
    ],
)
async def test_filters_are_those_of_the_command_line(
    settings: Settings, query: str, found: list[str]
) -> None:
    """Each by itself and together."""
    await seven_calls(settings)
    async with reading(settings) as http:
        rows = (await http.get(f"/api/records?{query}")).json()
    assert [row["call_sid"] for row in rows] == found


@pytest.mark.parametrize(
    "path",
    [
        "/api/records?limit=0",
        "/api/records?limit=201",
        "/api/records?sort=best",
        "/api/records?since=soon",
        "/api/records?worse_than_ms=-1",
        "/api/records?search=x",
        "/api/records?after=x",
        "/api/records?agents=x",
        "/api/records/CA0?x=1",
        "/api/records/CA0/transcript?format=srt",
        "/api/stats?by=hour",
    ],
)
async def test_a_wrong_query_is_refused(settings: Settings, path: str) -> None:
    """Naming the key."""
    async with reading(settings) as http:
        answer = await http.get(path)
    key = path.partition("?")[2].partition("=")[0]
    assert answer.status_code == 400
    assert key in answer.json()["error"]


async def test_one_record_is_that_of_the_command_line(settings: Settings) -> None:
    """Everything there is of it; its transcript in every form."""
    await seven_calls(settings)
    async with open_reader(settings) as reader:
        assert reader is not None
        record = await reader.record("CA0")
    assert record is not None
    lines = lines_of(record)
    async with reading(settings) as http:
        assert (await http.get("/api/records/CA0")).json() == record
        text, vtt, turns = [
            await http.get(f"/api/records/CA0/transcript?format={form}")
            for form in ("text", "vtt", "json")
        ]
    assert (text.text, vtt.text, turns.json()) == (as_text(lines), as_vtt(lines), as_list(lines))
    kinds = [each.headers["content-type"].partition(";")[0] for each in (text, vtt, turns)]
    assert kinds == ["text/plain", "text/vtt", "application/json"]


async def test_what_is_not_there_is_not_found(settings: Settings) -> None:
    """An unknown call; and before anything is recorded lists are empty."""
    async with reading(settings) as http:
        assert (await http.get("/api/records")).json() == []
        assert (await http.get("/api/stats")).json() == []
        assert (await http.get("/api/records/CA0")).status_code == 404
        await seven_calls(settings)
        for path in ("/api/records/CA9", "/api/records/CA9/transcript", "/api/records/%25"):
            answer = await http.get(path)
            assert (answer.status_code, list(answer.json())) == (404, ["error"])


async def test_figures_are_those_of_the_command_line(settings: Settings) -> None:
    """By day and agent, or one of them."""
    await seven_calls(settings)
    async with open_reader(settings) as reader:
        assert reader is not None
        expected = [await reader.stats(by=by) for by in (("day", "agent"), ("agent",))]
        later = await reader.stats(since=OFFERED_AT)
    async with reading(settings) as http:
        assert (await http.get("/api/stats")).json() == expected[0]
        assert (await http.get("/api/stats?by=agent")).json() == expected[1]
        since = OFFERED_AT.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert (await http.get(f"/api/stats?since={since}")).json() == later


async def test_a_database_that_is_away_is_503(tmp_path: Path) -> None:
    """In one line without a password; so is a gateway without records."""
    url = "postgresql://somebody:secret@127.0.0.1:1/calls"
    away = settings_in(tmp_path, api_token=TOKEN, database_url=url)
    async with reading(away) as http:
        answer = await http.get("/api/records")
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("cannot read the records in 127.0.0.1:1/calls")
    assert "secret" not in answer.text
    async with desk(away) as http:
        assert (await http.get("/api/records/CA1/audio")).status_code == 503


@pytest.mark.parametrize(
    "value",
    [[], {}, {"a": []}, {"a": 1, "b": [{"c": "\ud800"}, 2], "d": {"e": [1]}}, [{"a": [1, 2]}], 5],
)
async def test_json_in_pieces_is_the_same_json(value: Any) -> None:
    """Whatever lies in what."""
    assert json.loads(_json(value)) == json.loads(json.dumps(value))
