"""Changes of rows that every database takes, whatever a model, a tool or a carrier wrote.

PostgreSQL refuses a text that is longer than its column or has a NUL in it and a number of more
than 31 bits, and one refused row would hold up all that come after it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import Column, Float, Integer, String

from gateway.store.entry import Change
from gateway.store.tables import metadata

_Fit = Callable[[Any], Any]

_LARGEST = 2**31 - 1


def row(table: str, key: dict[str, Any], values: dict[str, Any]) -> Change:
    """One row of a table, made or changed; ``values`` become what its columns can hold."""
    return Change(table, key, fitted(table, values))


def fitted(table: str, values: dict[str, Any]) -> dict[str, Any]:
    """The same values as the columns of that table can hold them, milliseconds to a hundredth."""
    fits = _FITS[table]
    return {
        name: value if value is None or name not in fits else fits[name](value)
        for name, value in values.items()
    }


def storable(text: str) -> str:
    """The text without what cannot be kept: NULs and halves of surrogate pairs."""
    if "\0" not in text and text.isascii():
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _storable_fields(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: storable(value) if isinstance(value, str) else value for name, value in fields.items()
    }


def _short(most: int, text: str) -> str:
    return storable(text[:most])


def _bounded(number: int) -> int:
    return min(number, _LARGEST)


def _hundredths(value: float) -> float:
    return round(value, 2)


def _fit(column: Column[Any]) -> _Fit | None:
    if isinstance(column.type, String):
        return storable if column.type.length is None else partial(_short, column.type.length)
    if isinstance(column.type, Float) and column.name.endswith("_ms"):
        return _hundredths
    if isinstance(column.type, Integer):
        return _bounded
    return _storable_fields if column.name == "fields" else None


_FITS: dict[str, dict[str, _Fit]] = {
    table.name: {column.name: fit for column in table.columns if (fit := _fit(column))}
    for table in metadata.sorted_tables
}
