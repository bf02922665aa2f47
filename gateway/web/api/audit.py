"""``/api/audit``: who did what, for those who may change the gateway."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.ops.placing.book import DATABASE_FAULTS
from gateway.settings import Settings
from gateway.store.audit import MOST_AT_ONCE, lines
from gateway.store.database import open_database
from gateway.web.api.answers import answered
from gateway.web.api.endpoint import Endpoint

_PATH = "/api/audit"
_USUAL = 100
_QUERY = {
    "limit": f"how many at most, 1 to {MOST_AT_ONCE}; {_USUAL} if nothing is said",
    "after": "those older than the line of this ID",
    "since": "those from this moment on (ISO 8601 with its zone)",
    "who": "those of one name",
}


class Line(msgspec.Struct):
    """One line of the audit trail."""

    id: str
    at: datetime
    who: str
    role: str
    action: str
    call_sid: str | None = None
    detail: str | None = None


class AuditHandlers:
    """The audit trail."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: AsyncEngine | None = None

    def endpoints(self) -> list[Endpoint]:
        """The address."""
        about = "Who did what, the newest first"
        return [Endpoint("GET", _PATH, "admin", self.list, about, query=_QUERY, answer=list[Line])]

    async def list(self, request: Request) -> Response:
        """A page of the trail; the header ``Link`` says where the next one is."""
        asked = request.query_params
        if unknown := asked.keys() - _QUERY.keys():
            raise HTTPException(400, f"unknown: {', '.join(sorted(unknown))}")
        limit, since = _limit(asked.get("limit")), _moment(asked.get("since"))
        if self._engine is None:  # without a pool: asked seldom, and there is nothing to be closed
            self._engine = open_database(self._settings, pooled=False)
        who, after = asked.get("who", ""), asked.get("after", "")
        try:
            found = await lines(self._engine, limit=limit, after=after, since=since, who=who)
        except DATABASE_FAULTS:
            raise HTTPException(503, "the database does not answer") from None
        return answered(found, headers=_next(dict(asked), found) if len(found) == limit else {})


def _next(asked: dict[str, str], found: list[dict[str, Any]]) -> dict[str, str]:
    query = urlencode({**asked, "after": found[-1]["id"]})
    return {"Link": f'<{_PATH}?{query}>; rel="next"'}


def _limit(text: str | None) -> int:
    if text is None:
        return _USUAL
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MOST_AT_ONCE):
        raise HTTPException(400, f"`limit` is a number from 1 to {MOST_AT_ONCE}")
    return int(text)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise HTTPException(400, "`since` is a moment with its zone: 2026-11-01T14:30:00Z")
    return moment
