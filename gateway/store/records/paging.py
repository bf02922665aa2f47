"""Pages of the list of calls: where one ends, and what comes after it.

By key, not by number: a call that comes or goes meanwhile moves nothing. What is not known stands
last in every order, as it does on the page.
"""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import Column, ColumnElement, and_, or_
from sqlalchemy.engine import RowMapping

from gateway.store.tables import calls

Sort = Literal["newest", "worst", "cost"]

SORTED: Final[dict[str, Column[Any]]] = {
    "newest": calls.c.offered_at,
    "worst": calls.c.response_worst_ms,
    "cost": calls.c.cost_usd,
}
ORDER_OF_TIES: Final = calls.c.offered_at


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last call of a page."""

    sort: Sort
    value: float | None
    """What was sorted by, when it is not the time."""
    offered_at: datetime | None
    call_sid: str

    def text(self) -> str:
        """As it stands in an address; nobody else needs to understand it."""
        at = None if self.offered_at is None else self.offered_at.isoformat()
        content = json.dumps([self.sort, self.value, at, self.call_sid], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, sort: Sort) -> "Cursor":
        """The cursor of such a text. Raises ValueError for one of another order, or of nobody's."""
        try:
            content = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
            of, value, at, call_sid = json.loads(content)
            offered_at = None if at is None else datetime.fromisoformat(at).astimezone(UTC)
            value = None if value is None else float(value)
            if not (call_sid.isascii() and call_sid.isprintable()):
                raise ValueError
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            raise ValueError("is no cursor of this list") from None
        if of != sort:
            raise ValueError("is a cursor of another order")
        return cls(sort, value, offered_at, call_sid)


def cursor_of(row: RowMapping | dict[str, Any], sort: Sort) -> Cursor:
    """Where a page ends whose last call is this one."""
    value = None if sort == "newest" else row[SORTED[sort].name]
    return Cursor(sort, value, row["offered_at"], row["call_sid"])


def after(cursor: Cursor) -> ColumnElement[bool]:
    """The calls that come after a page, in its order."""
    by_sid = calls.c.call_sid > cursor.call_sid
    by_time = _after(ORDER_OF_TIES, cursor.offered_at, by_sid)
    if cursor.sort == "newest":
        return by_time
    return _after(SORTED[cursor.sort], cursor.value, by_time)


def _after(column: Column[Any], value: Any, ties: ColumnElement[bool]) -> ColumnElement[bool]:
    """Lower, not known, or the same and after it by what decides ties."""
    if value is None:
        return and_(column.is_(None), ties)
    return or_(column < value, column.is_(None), and_(column == value, ties))
