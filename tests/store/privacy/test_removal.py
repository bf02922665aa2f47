"""Taking things of calls away: wherever it is cut off, nothing is left that nobody knows of."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.settings import Settings
from gateway.store.privacy import removal as module
from gateway.store.privacy.evidence import Evidence, read
from gateway.store.privacy.leftovers import Unlinked, unlink
from gateway.store.privacy.removal import RECORDINGS, ROWS, Removal, Step, texts
from tests.store.asks import ids, write_down
from tests.store.canaries import NOW, WHOLE, Canary, column, counted, files, fill
from tests.store.databases import made

OURS, OTHERS = Canary(1), Canary(2)


class Cut(Exception):
    """The process is gone, here."""


@pytest_asyncio.fixture
async def engine(settings: Settings, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """A database with two calls, both recorded."""
    engine = await made(settings)
    await fill(engine, tmp_path, OURS, OTHERS)
    yield engine
    await engine.dispose()


def removal(engine: AsyncEngine, folder: Path, steps: tuple[Step, ...]) -> Removal:
    """A purge by some rule."""
    return Removal(engine, folder / "recordings", NOW, "purge", "a rule", steps)


@pytest.mark.asyncio
async def test_all_rows_of_a_call_go(engine: AsyncEngine, tmp_path: Path) -> None:
    """With its recording; every row of another call stays."""
    act = removal(engine, tmp_path, ROWS)
    await act.take([OURS.call_sid])
    assert await counted(engine, OURS.call_sid) == {}
    assert await counted(engine, OTHERS.call_sid) == WHOLE
    assert files(tmp_path) == {OTHERS.recording}
    assert +act.counts == {"recordings": 1, **WHOLE}
    assert await read(engine) == [Evidence(NOW, "purge", "a rule", dict(+act.counts))]


@pytest.mark.asyncio
async def test_calls_we_placed_go_in_the_same_act(engine: AsyncEngine, tmp_path: Path) -> None:
    """That of the call with it, others by their own IDs; one line of evidence tells of all."""
    for dial_id, values in {
        "its": {"call_sid": OURS.call_sid},
        "busy": {},
        "waits": {"state": "waiting"},
        "rings": {"state": "ringing"},
        "theirs": {"call_sid": OTHERS.call_sid},
    }.items():
        await write_down(engine, dial_id, **values)
    act = removal(engine, tmp_path, ROWS)
    await act.take([OURS.call_sid])
    for _ in range(2):
        await act.take_dials(["busy", "its", "rings", "waits"])
    assert await ids(engine) == ["rings", "theirs"]
    assert act.counts["dials"] == 3
    assert await read(engine) == [Evidence(NOW, "purge", "a rule", dict(+act.counts))]


@pytest.mark.asyncio
async def test_a_recording_goes_and_the_call_says_when(engine: AsyncEngine, tmp_path: Path) -> None:
    """Nothing else of it."""
    await removal(engine, tmp_path, RECORDINGS).take([OURS.call_sid])
    assert files(tmp_path) == {OTHERS.recording}
    assert await column(engine, "calls.recording", OURS) == [None]
    assert await column(engine, "calls.recording_purged_at", OURS) == [NOW]
    assert await column(engine, "calls.recording_purged_at", OTHERS) == [None]
    assert await counted(engine, OURS.call_sid) == WHOLE


@pytest.mark.asyncio
async def test_texts_go_and_the_call_says_when(engine: AsyncEngine, tmp_path: Path) -> None:
    """What both said, tools were told and answered, notes, delivered messages; nothing else."""
    act = removal(engine, tmp_path, texts(NOW))
    await act.take([OURS.call_sid])
    for name in (
        *("turns.text", "turns.heard_text", "turns.unheard_text"),
        *("tools.arguments", "tools.result", "notes.text", "deliveries.body"),
    ):
        assert await column(engine, name, OURS) == [None, None]
        assert None not in await column(engine, name, OTHERS)
    assert await column(engine, "calls.text_purged_at", OURS) == [NOW]
    assert await column(engine, "tools.tool", OURS) == [f"{OURS.word} tool"] * 2
    assert act.counts == {"calls": 1, "turns": 2, "tools": 2, "notes": 2, "deliveries": 2}
    assert files(tmp_path) == {OURS.recording, OTHERS.recording}


@pytest.mark.asyncio
async def test_nothing_taken_is_no_evidence(engine: AsyncEngine, tmp_path: Path) -> None:
    """A second time finds nothing, and says nothing."""
    for _ in range(2):
        await removal(engine, tmp_path, texts(NOW)).take([OURS.call_sid])
    assert len(await read(engine)) == 1


@pytest.mark.asyncio
async def test_batches_of_one_act_are_one_line(engine: AsyncEngine, tmp_path: Path) -> None:
    """With the sum of what they took."""
    act = removal(engine, tmp_path, RECORDINGS)
    await act.take([OURS.call_sid])
    await act.take([OTHERS.call_sid])
    assert [line.counts for line in await read(engine)] == [{"recordings": 2}]


@pytest.mark.asyncio
async def test_a_file_that_stays_keeps_its_row(engine: AsyncEngine, tmp_path: Path) -> None:
    """Else nobody would know of it; nobody is offered it any more. The rest goes on."""
    path = tmp_path / "recordings" / str(OURS.recording)
    path.unlink()
    path.mkdir()
    act = removal(engine, tmp_path, ROWS)
    await act.take([OURS.call_sid, OTHERS.call_sid])
    assert list(act.failed) == [OURS.recording]
    assert await counted(engine, OURS.call_sid) == WHOLE
    assert await column(engine, "calls.recording_purged_at", OURS) == [NOW]
    assert await counted(engine, OTHERS.call_sid) == {}


@pytest.mark.asyncio
async def test_a_file_that_was_not_there_is_counted(engine: AsyncEngine, tmp_path: Path) -> None:
    """Its row goes: whoever has the file on another disk finds it as one no call knows of."""
    (tmp_path / "recordings" / str(OURS.recording)).unlink()
    act = removal(engine, tmp_path, RECORDINGS)
    await act.take([OURS.call_sid, OTHERS.call_sid])
    assert (act.missing, act.counts) == (1, {"recordings": 2})


@pytest.mark.asyncio
@pytest.mark.parametrize("steps", [ROWS, RECORDINGS])
@pytest.mark.parametrize("unlinked", [False, True])
async def test_a_crash_leaves_nothing_unknown(
    engine: AsyncEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: tuple[Step, ...],
    unlinked: bool,
) -> None:
    """Whether the file is gone or not: the row names it, is marked, and is found again."""

    def cut_off(folder: Path, names: Sequence[str]) -> Unlinked:
        if unlinked:
            unlink(folder, names)
        raise Cut

    monkeypatch.setattr(module, "unlink", cut_off)
    with pytest.raises(Cut):
        await removal(engine, tmp_path, steps).take([OURS.call_sid])
    assert await counted(engine, OURS.call_sid) == WHOLE
    assert await column(engine, "calls.recording", OURS) == [OURS.recording]
    assert await column(engine, "calls.recording_purged_at", OURS) == [NOW]
    assert (OURS.recording in files(tmp_path)) is not unlinked
    assert await read(engine) == []

    monkeypatch.undo()
    await removal(engine, tmp_path, steps).take([OURS.call_sid])
    assert files(tmp_path) == {OTHERS.recording}
    assert await column(engine, "calls.recording", OURS) in ([], [None])
    assert len(await read(engine)) == 1


@pytest.mark.asyncio
async def test_rows_and_evidence_are_one_transaction(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the line of evidence nothing was taken."""

    async def cut_off(*_: Any) -> int:
        raise Cut

    monkeypatch.setattr(module, "write", cut_off)
    with pytest.raises(Cut):
        await removal(engine, tmp_path, ROWS).take([OURS.call_sid])
    assert await counted(engine, OURS.call_sid) == WHOLE
