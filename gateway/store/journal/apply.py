"""Entries into rows: each once, in order, whatever was applied before.

A call's ``seq`` is the newest entry of it that was applied; what is not newer is left out, and so
is everything of a call that was erased. What is of no call is always new: its key makes it one.
Changes of the same row become one, so a batch is a few
statements however many entries it has.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Dialect, Integer, Table, bindparam, func, literal, select, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler

from gateway.store.entry import BESIDE, Change, Entry
from gateway.store.journal.fit import Unfit, fitted, fitted_key
from gateway.store.tables import BESIDE_CALLS, OF_CALLS, calls, erased
from gateway.store.trouble import cause, of_content

_TABLES = {table.name: table for table in OF_CALLS}
_BESIDE = {table.name: table for table in BESIDE_CALLS}
_ALL = (*OF_CALLS, *BESIDE_CALLS)
_INSERTS: dict[str, Callable[[Table], "postgresql.Insert | sqlite.Insert"]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}

_LAST = 2**31 - 1
_NONE: frozenset[str] = frozenset()

Row = tuple[Table, tuple[Any, ...]]
"""A table, and the values of a primary key."""

_KEYS = {table: tuple(table.primary_key.columns) for table in _ALL}
_REST = {table: {each.name: each for each in _KEYS[table][1:]} for table in OF_CALLS}
"""The primary key without the call."""
_REST |= {table: {each.name: each for each in _KEYS[table]} for table in BESIDE_CALLS}
_VALUES = {
    table: {each.name: each for each in table.columns if not each.primary_key} for table in _ALL
}
_KNOWN = union_all(
    select(calls.c.call_sid, calls.c.seq).where(
        calls.c.call_sid.in_(bindparam("sids", expanding=True))
    ),
    select(erased.c.call_sid, literal(_LAST, Integer)).where(
        erased.c.call_sid.in_(bindparam("sids", expanding=True))
    ),
)


class Applied(NamedTuple):
    """What became of entries."""

    fresh: int
    """So many were new."""
    unknown: dict[str, int]
    """Tables and columns that were left out, and how often: a newer version wrote them, perhaps."""


async def apply(connection: AsyncConnection, entries: Sequence[Entry]) -> Applied:
    """Applies what is new of these entries. The transaction is the caller's.

    Raises Unfit when no database will ever take one of the entries; whatever else is raised is the
    database's trouble, and the same entries may be tried again.
    """
    sids = {fitted_key(calls.c.call_sid, entry.call_sid) for entry in entries}
    fresh = _fresh(entries, await _newest(connection, sids))
    rows, unknown = _gathered(fresh)
    try:
        for upsert, group in _upserts(connection.dialect, rows):
            told = [upsert.told(*changed) for changed in group]
            await connection.exec_driver_sql(upsert.sql, told)
    except StatementError as error:
        if not of_content(error):
            raise
        # Its own words quote what people said.
        raise Unfit(f"the database refused it ({cause(error)})") from None
    return Applied(len(fresh), unknown)


async def _newest(connection: AsyncConnection, sids: set[str]) -> dict[str, int]:
    """The newest entry of each call that was applied; of one that was erased, the last of all."""
    newest: dict[str, int] = {}
    for sid, seq in await connection.execute(_KNOWN, {"sids": list(sids)}):
        newest[sid] = max(seq or 0, newest.get(sid, 0))
    return newest


def _fresh(entries: Iterable[Entry], newest: dict[str, int]) -> list[Entry]:
    fresh = []
    for entry in entries:
        if entry.call_sid == BESIDE:
            fresh.append(entry)
        elif entry.seq > newest.get(entry.call_sid, 0):
            newest[entry.call_sid] = entry.seq
            fresh.append(entry)
    return fresh


def _gathered(entries: Iterable[Entry]) -> tuple[dict[Row, dict[str, Any]], dict[str, int]]:
    """What becomes of each row, later values winning; and what is not known here."""
    rows: dict[Row, dict[str, Any]] = {}
    unknown: Counter[str] = Counter()
    for entry in entries:
        for change in entry.changes:
            if (row := _row(entry.call_sid, change)) is None:
                unknown[change.table] += 1
                continue
            columns = rows.setdefault(row, {})
            known = _VALUES[row[0]]
            for name, value in change.values.items():
                if (column := known.get(name)) is not None:
                    columns[name] = fitted(column, value)
                else:
                    unknown[f"{change.table}.{name}"] += 1
        if entry.call_sid != BESIDE:
            seq = fitted(calls.c.seq, entry.seq)
            rows.setdefault((calls, (entry.call_sid,)), {})["seq"] = seq
    return rows, dict(unknown)


def _row(call_sid: str, change: Change) -> Row | None:
    beside = call_sid == BESIDE
    table = (_BESIDE if beside else _TABLES).get(change.table)
    if table is None:
        return None
    rest = _REST[table]
    if change.key.keys() != rest.keys():
        return None
    key = change.key
    values = [fitted_key(each, key[name]) for name, each in rest.items()]
    return table, tuple(values) if beside else (call_sid, *values)


def _upserts(
    dialect: Dialect, rows: dict[Row, dict[str, Any]]
) -> Iterable[tuple["_Upsert", list[tuple[Row, dict[str, Any]]]]]:
    """One statement for all rows of a table that change, but for those that lose a value.

    A statement costs more than the rows it has: about ten times through both drivers.
    """
    groups: dict[tuple[Table, frozenset[str]], list[tuple[Row, dict[str, Any]]]] = {}
    for row, values in rows.items():
        emptied = _NONE
        if None in values.values():
            emptied = frozenset(name for name, value in values.items() if value is None)
        groups.setdefault((row[0], emptied), []).append((row, values))
    return [(_upsert(dialect, *group), changed) for group, changed in groups.items()]


class _Upsert:
    """One statement as the driver takes it, and what it is told of a row.

    SQLAlchemy makes statement and values out of what it knows of database and columns. Having it do
    so for each row again would take half of what applying takes, in one piece.
    """

    def __init__(self, dialect: Dialect, table: Table, emptied: frozenset[str]) -> None:
        insert = _INSERTS[dialect.name](table)
        # Of what a row is not told, and what is not among those emptied, it keeps what it has.
        new = {
            name: excluded if name in emptied else func.coalesce(excluded, column)
            for name, column in _VALUES[table].items()
            for excluded in [insert.excluded[name]]
        }
        statement = insert.on_conflict_do_update(index_elements=_KEYS[table], set_=new)
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        assert compiled.positiontup is not None  # both drivers number what they are told
        names = compiled.positiontup
        self.sql = compiled.string
        self._untold = [None] * len(names)
        self._keys = [names.index(column.name) for column in _KEYS[table]]
        self._places = {
            name: (place, table.c[name].type.dialect_impl(dialect).bind_processor(dialect))
            for place, name in enumerate(names)
        }

    def told(self, row: Row, values: dict[str, Any]) -> tuple[Any, ...]:
        """All columns of a row in their order, as the driver takes them."""
        whole: list[Any] = self._untold.copy()
        for place, key in zip(self._keys, row[1], strict=True):
            whole[place] = key
        for name, value in values.items():
            place, made = self._places[name]
            whole[place] = value if made is None or value is None else made(value)
        return tuple(whole)


_UPSERTS: dict[tuple[str, Table, frozenset[str]], _Upsert] = {}


def _upsert(dialect: Dialect, table: Table, emptied: frozenset[str]) -> _Upsert:
    key = dialect.name, table, emptied
    if (found := _UPSERTS.get(key)) is None:
        found = _UPSERTS[key] = _Upsert(dialect, table, emptied)
    return found
