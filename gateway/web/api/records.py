"""``/api/records`` and ``/api/stats``: what calls left behind, as ``gateway calls`` shows it."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, TypeVar, cast, get_args
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.transcript import as_list, as_text, as_vtt
from gateway.store.records.figures import LIMIT_S as STATS_S
from gateway.store.records.figures import Group
from gateway.store.records.paging import Cursor, Sort
from gateway.store.records.reader import CallFilter, Reader
from gateway.store.records.readingroom import LIMIT_S, ReadingRoom, RecordsAway
from gateway.store.records.searching import LONGEST, SHORTEST
from gateway.store.records.views import View, lines_of
from gateway.web.api.answers import answered_text
from gateway.web.api.endpoint import Endpoint
from gateway.web.api.queries import Query

MOST_ROWS = 200
USUAL_ROWS = 50
_PATH = "/api/records"
_NO_RECORDS = "this gateway keeps no records"
_TIMES = {
    "since": "from this moment on (ISO 8601; UTC if no zone is said; or 7d, 2h ago)",
    "until": "before this moment",
}
_LIST = {
    "agent": "the one that answered",
    "outcome": "completed, transferred, missed or failed",
    "number": "the caller's or the called one",
    **_TIMES,
    "worse_than_ms": "the longest wait for an answer was over this",
    "search": "what was said or noted, or how a number or a call_sid begins",
    "sort": "newest, worst (wait) or cost",
    "limit": f"how many at most, 1 to {MOST_ROWS}; {USUAL_ROWS} if nothing is said",
    "after": "what comes after a page: from its header `Link`",
}
_STATS = {**_TIMES, "by": "day, agent or day,agent"}
_TRANSCRIPT = {"format": "text, vtt or json"}

T = TypeVar("T")


class RecordHandlers:
    """The records of past calls."""

    def __init__(self, records: ReadingRoom | None) -> None:
        """None = there are no records."""
        self._records = records

    def endpoints(self) -> list[Endpoint]:
        """The addresses."""
        one = f"{_PATH}/{{call_sid}}"
        return [
            Endpoint("GET", _PATH, "viewer", self.list, "Calls that were recorded", query=_LIST),
            Endpoint("GET", one, "viewer", self.show, "Everything there is of one"),
            Endpoint(
                "GET",
                f"{one}/transcript",
                "viewer",
                self.transcript,
                "What was said in it",
                query=_TRANSCRIPT,
            ),
            Endpoint(
                "GET", "/api/stats", "viewer", self.stats, "What calls add up to", query=_STATS
            ),
        ]

    async def list(self, request: Request) -> Response:
        """A page of calls; the header ``Link`` says where the next one is."""
        query = Query(request, _LIST)
        wanted = _filter(query)

        async def page(reader: Reader) -> tuple[str, Cursor | None]:
            rows, more = await reader.page(wanted)
            return _json(rows), more

        text, more = await self._asked(page) or ("[]", None)
        if more is None:
            return answered_text(text)
        following = urlencode({**query.given(), "after": more.text()})
        return answered_text(text, headers={"Link": f'<{_PATH}?{following}>; rel="next"'})

    async def show(self, request: Request) -> Response:
        """One record."""
        Query(request, {})
        return answered_text(await self._of(request, _json))

    async def transcript(self, request: Request) -> Response:
        """The words of a call: plain text, captions (WebVTT), or turns as JSON."""
        form = Query(request, _TRANSCRIPT).choice("format", _FORMS, "text")
        make, kind = _FORMS[form]
        text = await self._of(request, make)
        return Response(text, headers={"Cache-Control": "no-store"}, media_type=kind)

    async def stats(self, request: Request) -> Response:
        """Sums and waits, by day and agent."""
        query = Query(request, _STATS)
        since, until = query.moment("since"), query.moment("until")
        by = query.choice("by", _GROUPS, "day,agent").split(",")

        async def figures(reader: Reader) -> str:
            return _json(await reader.stats(since, until, cast(list[Group], by)))

        return answered_text(await self._asked(figures, STATS_S) or "[]")

    async def _of(self, request: Request, make: Callable[[View], str]) -> str:
        """What is made of a call's record, over there on the records' own thread."""
        call_sid = request.path_params["call_sid"]

        async def made(reader: Reader) -> str | None:
            record = await reader.record(call_sid)
            return None if record is None else make(record)

        text = await self._asked(made)
        if text is None:
            raise HTTPException(404, "no such call is recorded")
        return text

    async def _asked(
        self, question: Callable[[Reader], Awaitable[T]], limit_s: float = LIMIT_S
    ) -> T | None:
        return await asked(self._records, question, limit_s)


async def asked(
    records: ReadingRoom | None,
    question: Callable[[Reader], Awaitable[T]],
    limit_s: float = LIMIT_S,
) -> T | None:
    """What the records answer; None while nothing was ever recorded. HTTPException 503 when they
    cannot be read.
    """
    if records is None:
        raise HTTPException(503, _NO_RECORDS)
    try:
        return await records.ask(question, limit_s)
    except RecordsAway as error:
        raise HTTPException(503, str(error)) from None


def _filter(query: Query) -> CallFilter:
    sort = cast(Sort, query.choice("sort", get_args(Sort), "newest"))
    after = query.text("after")
    try:
        cursor = None if after is None else Cursor.read(after, sort)
    except ValueError as error:
        raise HTTPException(400, f"after: {error}") from None
    return CallFilter(
        agent=query.text("agent"),
        outcome=query.text("outcome"),
        number=query.number("number"),
        since=query.moment("since"),
        until=query.moment("until"),
        worse_than_ms=query.amount("worse_than_ms"),
        search=query.text("search", SHORTEST, LONGEST),
        sort=sort,
        limit=query.count("limit", USUAL_ROWS, MOST_ROWS),
        after=cursor,
    )


def _json(value: Any) -> str:
    """JSON in pieces: the encoder lets nobody else run, and a long call has megabytes."""
    return "".join(_pieces(value))


def _pieces(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and any(isinstance(each, list) for each in value.values()):
        for number, (name, each) in enumerate(value.items()):
            yield f"{', ' if number else '{'}{json.dumps(name)}: "
            yield from _pieces(each)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for number, each in enumerate(value):
            yield f"{', ' if number else ''}{json.dumps(each)}"
        yield "]"
    else:
        yield json.dumps(value)


_GROUPS = ("day", "agent", "day,agent", "agent,day")
_FORMS: dict[str, tuple[Callable[[View], str], str]] = {
    "text": (lambda record: as_text(lines_of(record)), "text/plain"),
    "vtt": (lambda record: as_vtt(lines_of(record)), "text/vtt"),
    "json": (lambda record: _json(as_list(lines_of(record))), "application/json"),
}
