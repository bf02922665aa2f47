"""Recording after consent, over whole calls: what is on the disk when, and what never is."""

from pathlib import Path

import pytest

from gateway.core.events import ConsentChanged, Noted, RecordingEnded, RecordingStarted
from gateway.sim.realtime import RealtimeOptions
from tests.e2e.harness import CALLS, House, heard_whole, house
from tests.e2e.scenes import agents_in, calls, line, live_call, on_key, scene

SCRIPT = "".join(
    [
        on_key("1", f'say = "wait"\n{calls("recording_consent", granted=True)}'),
        on_key("2", f'say = "wait"\n{calls("recording_consent", granted=False)}'),
        on_key("3", f'say = "wait"\n{calls("note", text="wants a window seat")}'),
        on_key("4", f'say = "bye"\n{calls("end_call")}'),
        '[otherwise]\nsay = "else"\n',
    ]
)
TOOLS = 'tools = ["recording_consent", "note", "end_call"]'
ASKS = '[default]\nrecording = "consent"\n'


def staged(folder: Path, routes: str = ASKS) -> tuple[RealtimeOptions, Path]:
    """The model and the agents of these tests."""
    return scene(folder, SCRIPT), agents_in(folder, a_toml=TOOLS, routes_toml=routes)


def on_disk(kept: Path) -> list[Path]:
    """Whatever there is of recordings."""
    return sorted(each for each in (kept / "recordings").rglob("*") if each.is_file())


def states(running: House, call_sid: str) -> list[str]:
    """What became of the question, in order."""
    return [event.state for event in running.of(ConsentChanged, call_sid)]


@pytest.mark.asyncio
async def test_nothing_is_on_the_disk_before_the_caller_agrees(tmp_path: Path) -> None:
    """From that moment on the call is recorded, to its end; the record says from when."""
    options, agents = staged(tmp_path)
    kept = tmp_path / "kept"
    async with house(options, kept_in=kept, agents_dir=agents, agent="a") as running:
        call = await live_call(running)
        call.press("3#")
        await running.until(lambda: bool(running.of(Noted, call.sid)))
        assert states(running, call.sid) == ["asked"]
        before = on_disk(kept)
        call.press("1#")
        await running.until(lambda: bool(running.of(RecordingStarted, call.sid)))
        call.press("4#")
        await running.ended(call)
        record = await running.record(call)
        caller, agent = running.recording(record)
    assert before == []
    row = record["call"]
    assert row["consent"] == "granted"
    assert row["recording_from_ms"] > 0
    assert len(caller) == len(agent)
    assert abs(row["recording_from_ms"] + row["recording_ms"] - row["duration_ms"]) <= 200
    assert line("bye") in agent
    assert [note["text"] for note in record["notes"]] == ["wants a window seat"]


@pytest.mark.asyncio
async def test_who_declines_leaves_no_sound(tmp_path: Path) -> None:
    """The call goes on, its record is kept, and not a byte of audio was ever on the disk."""
    options, agents = staged(tmp_path)
    kept = tmp_path / "kept"
    async with house(options, kept_in=kept, agents_dir=agents, agent="a") as running:
        call = await live_call(running)
        call.press("2#")
        await running.until(lambda: states(running, call.sid) == ["asked", "declined"])
        call.press("4#")
        await running.ended(call)
        record = await running.record(call)
    assert not (kept / "recordings").exists()
    assert (record["call"]["consent"], record["call"]["recording"]) == ("declined", None)
    assert record["call"]["outcome"] == "completed"


@pytest.mark.asyncio
async def test_who_changes_their_mind_takes_everything_back(tmp_path: Path) -> None:
    """What was recorded is gone from the disk, and the record has no recording."""
    options, agents = staged(tmp_path)
    kept = tmp_path / "kept"
    async with house(options, kept_in=kept, agents_dir=agents, agent="a") as running:
        call = await live_call(running)
        call.press("1#")
        await running.until(lambda: bool(running.of(RecordingStarted, call.sid)))
        call.press("2#")
        await running.until(lambda: bool(running.of(RecordingEnded, call.sid)))
        after = on_disk(kept)
        call.press("4#")
        await running.ended(call)
        record = await running.record(call)
    assert after == []
    assert on_disk(kept) == []
    assert [event.kept for event in running.of(RecordingEnded, call.sid)] == [False]
    assert (record["call"]["consent"], record["call"]["recording"]) == ("withdrawn", None)


@pytest.mark.asyncio
async def test_an_announcement_is_heard_first_and_is_not_on_the_recording(tmp_path: Path) -> None:
    """To its last byte, before a word of the agent's; the recording begins behind it."""
    said = (CALLS / "thanks_goodbye.ulaw").read_bytes()
    routes = '[default]\nrecording = "on"\nrecording_announcement = "notice.ulaw"\n'
    options, agents = staged(tmp_path, routes + 'recording_text = "This is recorded."\n')
    (agents / "notice.ulaw").write_bytes(said)
    async with house(options, kept_in=tmp_path / "kept", agents_dir=agents, agent="a") as running:
        call = await live_call(running)
        await running.until(lambda: bool(running.of(RecordingStarted, call.sid)))
        call.press("4#")
        await running.ended(call)
        record = await running.record(call)
        _, agent = running.recording(record)
    (notice,), (goodbye,) = heard_whole(call, said), heard_whole(call, line("bye"))
    assert notice.end <= goodbye.begin
    assert 0 <= record["call"]["recording_from_ms"] - len(said) / 8 < 200
    assert said[:800] not in agent
    assert line("bye") in agent
    assert record["turns"][0]["heard_text"] == "This is recorded."
