"""Which database is opened, and how."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.store.database import database_url
from tests.store.databases import settings_in


def test_the_default_is_a_file_in_the_data_dir(tmp_path: Path) -> None:
    """No server is needed."""
    url = database_url(settings_in(tmp_path))
    assert url.drivername == "sqlite+aiosqlite"
    assert url.database == str(tmp_path / "calls.db")


@pytest.mark.parametrize(
    ("given", "driver", "database"),
    [
        ("postgresql://u:p@db:5433/calls", "postgresql+asyncpg", "calls"),
        ("sqlite:////var/lib/x.db", "sqlite+aiosqlite", "/var/lib/x.db"),
    ],
)
def test_the_driver_is_ours_to_choose(
    tmp_path: Path, given: str, driver: str, database: str
) -> None:
    """A person writes the database, not the Python package."""
    url = database_url(settings_in(tmp_path, database_url=given))
    assert (url.drivername, url.database) == (driver, database)


def test_a_wrong_address_is_refused_without_its_password(tmp_path: Path) -> None:
    """The line names the variable and nothing of its value."""
    with pytest.raises(ConfigError, match=r"^GATEWAY_DATABASE_URL: ") as wrong:
        database_url(settings_in(tmp_path, database_url="postgresql://u:hunter2@db:port/x"))
    assert "hunter2" not in str(wrong.value)
