"""What a column takes: values of entries made fit for both databases, or refused.

PostgreSQL is the stricter one: no NUL in a text, no text beyond its length, no integer beyond its
size. Nothing here depends on which database it is, so both keep the same.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Float, Integer, String, Text
from sqlalchemy.types import TypeEngine

from gateway.errors import GatewayError
from gateway.store.tables import Utc

_UNKEPT = "\N{REPLACEMENT CHARACTER}"
_LEAST, _MOST = -(2**31), 2**31 - 1


class Unfit(GatewayError):
    """No database will ever take it; the message names table and column, never the value."""


def storable(value: Any) -> Any:
    """The same JSON value without what no text may hold: NUL and halves of surrogate pairs."""
    if isinstance(value, str):
        return _storable_text(value)
    if isinstance(value, dict):
        return {storable(key): storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [storable(each) for each in value]
    return value


def fitted(column: Column[Any], value: Any) -> Any:
    """The value as the column takes it: moments from ISO texts, texts cut to their length.

    Raises Unfit.
    """
    if value is None:
        return None
    try:
        return _KINDS[type(column.type)](value, column.type)
    except (ValueError, TypeError, OverflowError):
        raise Unfit(f"{column.table.name}.{column.name}: takes no such value") from None


def fitted_key(column: Column[Any], value: Any) -> Any:
    """The value, if the column takes it as it is: a key that was changed is another row's."""
    if value is None or fitted(column, value) != value:
        raise Unfit(f"{column.table.name}.{column.name}: takes no such key")
    return value


def _storable_text(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", _UNKEPT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(_UNKEPT if "\ud800" <= each <= "\udfff" else each for each in text)
    return text


def _text(value: Any, kind: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return _storable_text(value)[: kind.length]


def _integer(value: Any, _kind: Any) -> int:
    if type(value) is not int:
        raise TypeError
    if not _LEAST <= value <= _MOST:
        raise OverflowError
    return value


def _float(value: Any, _kind: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _boolean(value: Any, _kind: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _moment(value: Any, _kind: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _json(value: Any, _kind: Any) -> Any:
    return storable(value)


_KINDS: dict[type[TypeEngine[Any]], Callable[[Any, Any], Any]] = {
    String: _text,
    Text: _text,
    Integer: _integer,
    Float: _float,
    Boolean: _boolean,
    Utc: _moment,
    JSON: _json,
}
