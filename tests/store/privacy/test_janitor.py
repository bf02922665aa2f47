"""What is due goes while the gateway runs, and trouble with it ends nothing."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from gateway.settings import Settings
from gateway.store.privacy import janitor as module
from gateway.store.privacy.busy import Busy
from gateway.store.privacy.janitor import Janitor
from gateway.store.privacy.retention import STRAYS, Purged
from tests.store.canaries import Canary, files, fill
from tests.store.databases import made, settings_in

Purge = Callable[[Any, Settings, datetime], Awaitable[list[Purged]]]


async def cleaned(settings: Settings, times: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is logged until so many purges are over."""
    pauses: list[float] = []

    async def pause(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == times:
            raise asyncio.CancelledError

    monkeypatch.setattr("gateway.store.privacy.janitor.asyncio.sleep", pause)
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await Janitor(settings).run()
    assert pauses == [3600.0] * times
    return logs


@pytest.mark.asyncio
async def test_what_is_due_goes_at_once_and_every_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what went, and nothing where nothing did."""
    settings = settings_in(tmp_path)
    engine = await made(settings)
    call = Canary(1, age_days=10_000)
    await fill(engine, tmp_path, call)
    logs = await cleaned(settings, 2, monkeypatch)
    assert [(each["event"], each["rule"]) for each in logs] == [
        ("purge.done", "calls older than 400 days")
    ]
    assert (logs[0]["calls"], logs[0]["recordings"]) == (1, 1)
    assert files(tmp_path) == set()
    await engine.dispose()


@pytest.mark.asyncio
async def test_without_records_nothing_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none are made."""
    assert await cleaned(settings_in(tmp_path), 1, monkeypatch) == []
    assert os.listdir(tmp_path) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "error", [Busy(), OSError(5, "Input/output error"), OperationalError(None, None, OSError())]
)
async def test_a_purge_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """It is a warning; the next one does what this one did not."""
    settings = settings_in(tmp_path)
    await (await made(settings)).dispose()
    outcomes: list[Exception | list[Purged]] = [error, [Purged(STRAYS, {"recordings": 2})]]

    async def purge(*_: Any) -> list[Purged]:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(module, "purge", purge)
    logs = await cleaned(settings, 2, monkeypatch)
    assert [each["event"] for each in logs] == ["purge.failed", "purge.done"]
    assert logs[0]["log_level"] == "warning"
    assert logs[1]["recordings"] == 2


@pytest.mark.asyncio
async def test_files_that_stay_are_told_without_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many, and why."""
    settings = settings_in(tmp_path)
    await (await made(settings)).dispose()

    async def purge(*_: Any) -> list[Purged]:
        return [Purged(STRAYS, {}, {"a.wav": "Is a directory", "b.wav": "Is a directory"})]

    monkeypatch.setattr(module, "purge", purge)
    (told,) = await cleaned(settings, 1, monkeypatch)
    assert (told["event"], told["files"]) == ("purge.stuck", 2)
    assert told["reasons"] == ["Is a directory"]
