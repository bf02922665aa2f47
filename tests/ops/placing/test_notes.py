"""What was written down in an earlier call, for whoever calls back."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError

from gateway.ops.placing.errands import errand_of
from gateway.ops.placing.notes import MOST_NOTE_CHARS, with_notes
from gateway.store.tables import notes
from tests.ops.placing.room import Room, room

ABOUT = {"callback": "yes", "callback_of": "CA1", "callback_notes": ""}


async def write(here: Room, *texts: str) -> None:
    """Notes of that call."""
    rows = [{"call_sid": "CA1", "number": n, "text": text} for n, text in enumerate(texts, 1)]
    async with here.engine.begin() as connection:
        await connection.execute(insert(notes), rows)


@pytest.mark.asyncio
async def test_the_notes_are_read_when_it_is_answered(tmp_path: Path) -> None:
    """In their order; the last ones of very many."""
    async with room(tmp_path) as here:
        dial = await here.waiting(by="callback", data=ABOUT)
        assert (await with_notes(dial, errand_of(dial), here.dials)).data == ABOUT
        await write(here, "wants an offer", "in writing")
        errand = await with_notes(dial, errand_of(dial), here.dials)
        assert errand.data["callback_notes"] == "wants an offer\nin writing"
    async with room(tmp_path / "more") as here:
        dial = await here.waiting(by="callback", data=ABOUT)
        await write(here, "first", "x" * MOST_NOTE_CHARS)
        errand = await with_notes(dial, errand_of(dial), here.dials)
        assert errand.data["callback_notes"] == "x" * MOST_NOTE_CHARS


@pytest.mark.asyncio
async def test_other_calls_know_nothing_of_it(tmp_path: Path) -> None:
    """Whatever their data say."""
    async with room(tmp_path) as here:
        await write(here, "a secret")
        dial = await here.waiting(by="api", data=ABOUT)
        assert (await with_notes(dial, errand_of(dial), here.dials)).data == ABOUT


@pytest.mark.asyncio
async def test_without_a_database_somebody_calls_back_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has answered does not wait for it."""
    async with room(tmp_path) as here:
        dial = await here.waiting(by="callback", data=ABOUT)

        async def away(_call_sid: Any) -> list[str]:
            raise OperationalError("", {}, OSError())

        monkeypatch.setattr(here.dials, "notes_of", away)
        assert (await with_notes(dial, errand_of(dial), here.dials)).data == ABOUT
