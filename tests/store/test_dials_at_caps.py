"""Caps are exact, however many ask at once: in one process and in several, on both databases."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.settings import Settings
from gateway.store.database import open_database
from gateway.store.dials import Dials
from tests.store.asks import BERLIN, OPEN, PATIENCE_S, many
from tests.store.databases import made

AT_ONCE = 100
CAP = 7


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that has other things to do a hundred take their time, one by one."""
    monkeypatch.setattr("gateway.store.dials.PATIENCE_S", PATIENCE_S)


@pytest_asyncio.fixture
async def engines(settings: Settings) -> AsyncIterator[list[AsyncEngine]]:
    """Several gateways' ways to one database."""
    found = [await made(settings), *(open_database(settings) for _ in range(3))]
    yield found
    for engine in found:
        await engine.dispose()


@pytest.mark.asyncio
@pytest.mark.parametrize("cap", ["per_number", "per_minute", "per_day", "at_once"])
async def test_a_hundred_at_a_cap(engines: list[AsyncEngine], cap: str) -> None:
    """Exactly the cap gets in; the others are told which one it was."""
    caps: dict[str, Any] = {cap: CAP}
    rules = replace(OPEN, **caps)
    to = BERLIN if cap == "per_number" else ""
    assert await many(engines, AT_ONCE, rules, to) == {"in": CAP, cap: AT_ONCE - CAP}
    assert len(await Dials(engines[0]).open()) == CAP


@pytest.mark.asyncio
async def test_of_several_caps_the_tightest_holds(engines: list[AsyncEngine]) -> None:
    """Twice the same hundred: nothing more gets in."""
    rules = replace(OPEN, per_minute=CAP, per_day=CAP + 1, at_once=CAP + 2)
    assert (await many(engines, AT_ONCE, rules))["in"] == CAP
    assert await many(engines, AT_ONCE, rules) == {"per_minute": AT_ONCE}


def test_several_processes_share_a_cap(settings: Settings) -> None:
    """Four that ask for twenty-five calls each, all at once."""
    asyncio.run(_make(settings))
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    words = [str(settings.data_dir), url, "25", str(CAP), "1000", "1000", "1000"]
    running = [
        subprocess.Popen([sys.executable, "-m", "tests.store.asks", *words], stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    answers: Counter[str] = Counter()
    for process in running:
        out, _ = process.communicate(timeout=50)
        assert process.returncode == 0
        answers.update(json.loads(out))
    assert answers == {"in": CAP, "per_number": AT_ONCE - CAP}


async def _make(settings: Settings) -> None:
    await (await made(settings)).dispose()
