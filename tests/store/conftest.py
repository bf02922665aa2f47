"""Databases that a test runs on: SQLite always, PostgreSQL where its server is installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.settings import Settings
from tests.store.databases import settings_in
from tests.store.postgres import Postgres, postgres


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server for all tests of a run."""
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with an empty database of either kind."""
    if request.param == "sqlite":
        return settings_in(tmp_path)
    return settings_in(tmp_path, database_url=request.getfixturevalue("server").empty())
