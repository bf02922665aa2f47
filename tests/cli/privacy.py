"""What the tests of purging and erasing need: the commands as main runs them, over some records."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.cli.calls_privacy import add_commands
from gateway.settings import Settings
from tests.store.canaries import Canary, fill
from tests.store.databases import made, settings_in

T = TypeVar("T")
AGES_AGO, AGES_AHEAD = 20_000.0, -20_000.0
"""Days: due whenever the tests are run, and never."""


def use_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has main know the commands, as it knows the group they belong to."""
    app = typer.Typer(pretty_exceptions_enable=False)
    add_commands(app)
    monkeypatch.setattr("gateway.cli.main.app", app)


def record(settings: Settings, *canaries: Canary) -> None:
    """Makes records of these calls."""
    with_records(settings, lambda engine: fill(engine, settings.data_dir, *canaries))


def with_records(settings: Settings, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    """What some work with the database gives."""

    async def live() -> T:
        engine = await made(settings)
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    return asyncio.run(live())


def settings_of_commands(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Settings:
    """The settings that commands have from now on."""
    use_commands(monkeypatch)
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(folder))
    return settings_in(folder)
