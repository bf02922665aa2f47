"""Errors of a database: about the values, or its own trouble; named, never quoted."""

import sqlite3

import pytest
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, StatementError

from gateway.errors import ConfigError
from gateway.store.trouble import cause, of_content

WORDS = "what the caller said"


class Postgres(Exception):
    """What asyncpg's errors look like by the time they arrive."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__(WORDS)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    "error",
    [
        IntegrityError(WORDS, {}, sqlite3.IntegrityError()),
        DataError(WORDS, {}, sqlite3.DataError()),
        StatementError(WORDS, WORDS, {}, TypeError()),
        DBAPIError(WORDS, {}, Postgres("22001")),
        DBAPIError(WORDS, {}, Postgres("23505")),
    ],
)
def test_some_errors_are_about_the_values(error: StatementError) -> None:
    """The same values are refused the next time."""
    assert of_content(error)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(WORDS, {}, sqlite3.OperationalError("database is locked")),
        DBAPIError(WORDS, {}, Postgres("57P01")),
        DBAPIError(WORDS, {}, Postgres("42P01")),
        DBAPIError(WORDS, {}, Postgres(None)),
    ],
)
def test_all_others_may_pass(error: StatementError) -> None:
    """A lock, a restart, a table somebody moves: the same values may be taken then."""
    assert not of_content(error)


def test_a_cause_is_a_name() -> None:
    """The most telling one there is; only our own errors speak for themselves."""
    connection = sqlite3.connect(":memory:")
    with pytest.raises(sqlite3.OperationalError) as refused:
        connection.execute("SELECT * FROM nothing")
    connection.close()
    assert cause(OperationalError(WORDS, {}, refused.value)) == "SQLITE_ERROR"
    adapted = Postgres("57P01")
    adapted.__cause__ = ConnectionResetError(WORDS)
    assert cause(DBAPIError(WORDS, {}, adapted)) == "ConnectionResetError"
    assert cause(DBAPIError(WORDS, {}, Postgres(None))) == "Postgres"
    assert cause(ConnectionRefusedError(WORDS)) == "ConnectionRefusedError"
    assert cause(ConfigError("GATEWAY_DATABASE_URL: no")) == "GATEWAY_DATABASE_URL: no"
