"""What whole phone calls leave behind, held against the truth of the twin and of the model."""

from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import ApprovalAsked
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import Network, TwinCall
from tests.e2e.harness import House, house
from tests.e2e.scenes import live_call
from tests.e2e.test_frontdesk import QUICK, STORY

pytestmark = pytest.mark.timeout(120)

FRAME = 160
SILENCE = b"\xff"


def shift(track: bytes, truth: bytes, piece: bytes) -> int:
    """How much later (bytes) a piece of sound is on a track than it truly was."""
    assert piece in truth
    assert piece in track
    return track.index(piece) - truth.index(piece)


def pieces(truth: bytes, ms: int = 400) -> list[bytes]:
    """Pieces of a track that are speech and occur once in it."""
    size = ms * 8
    found = [truth[at : at + size] for at in range(0, len(truth) - size, size)]
    return [each for each in found if each.count(SILENCE) < size // 20 and truth.count(each) == 1]


async def story(running: House, network: Network | None = None) -> tuple[TwinCall, dict[str, Any]]:
    """One call of the front desk, approved; what is kept of it."""
    call = running.place(*STORY, network=network)
    await running.until(lambda: bool(running.of(ApprovalAsked, call.sid)))
    (waiting,) = await running.api("GET", "/api/approvals")
    path = f"/api/approvals/{waiting['tool_call_id']}"
    await running.api("POST", path, json={"decision": "approve"})
    await running.ended(call)
    return call, await running.record(call)


@pytest.mark.asyncio
@pytest.mark.parametrize("ms", [0, 60])
async def test_a_call_is_kept_as_it_was(tmp_path: Path, ms: int) -> None:
    """One row, the turns in the order spoken, what was heard of each, tools, handoffs, costs; and
    its sound, each side on its channel, where it truly was to within a frame.
    """
    network = Network(delay_ms=ms) if ms else None
    async with house(QUICK, kept_in=tmp_path, agent="frontdesk", recordings=True) as running:
        call, record = await story(running, network)
        caller, agent = running.recording(record)
    row = record["call"]
    assert (row["state"], row["outcome"], row["reason"]) == (
        "ended",
        "completed",
        "agent_hung_up",
    )
    assert [turn["number"] for turn in record["turns"]] == list(range(1, len(record["turns"]) + 1))
    assert [tool["tool"] for tool in record["tools"]] == [
        "faq_lookup",
        "find_booking",
        "update_seat",
        "end_call",
    ]
    assert [each["to_agent"] for each in record["handoffs"]] == ["faq", "frontdesk", "booking"]
    (cut,) = [t for t in record["turns"] if t["who"] == "agent" and t["interrupted"]]
    assert cut["cause"] == "caller"
    assert cut["heard_text"]
    assert cut["unheard_text"]
    assert 0 < cut["heard_ms"] < cut["audio_ms"]
    assert row["cost_usd"] > 0
    assert not row["unpriced"]
    # The sound.
    assert row["recording_incomplete"] in (None, "")
    assert abs(len(caller) - len(call.said)) <= 200 * 8
    assert abs(row["recording_from_ms"] + row["recording_ms"] - row["duration_ms"]) <= 200
    said, heard = pieces(call.said), pieces(call.heard)
    assert len(said) > 3
    assert len(heard) > 8
    for piece in said:
        assert abs(shift(caller, call.said, piece)) <= FRAME
    for piece in heard:
        assert abs(shift(agent, call.heard, piece)) <= FRAME
    check_turns(record, {"caller": caller, "agent": agent})
    # What was cut off is not on it: the agent's channel has no more speech than was heard.
    assert len(agent.replace(SILENCE, b"")) <= len(call.heard.replace(SILENCE, b"")) + FRAME


def check_turns(record: dict[str, Any], tracks: dict[str, bytes]) -> None:
    """A turn's times are those of its sound on the recording."""
    from_ms = record["call"]["recording_from_ms"]
    for turn in record["turns"]:
        begin, end = (max(0, int((turn[key] - from_ms) * 8)) for key in ("from_ms", "to_ms"))
        assert begin < end
        inside = tracks[turn["who"]][begin:end]
        assert inside.count(SILENCE) < len(inside) * 0.7, turn
        if turn["who"] == "agent":  # the caller's begins with the model's padding
            assert inside[:2400].strip(SILENCE), turn


@pytest.mark.asyncio
async def test_without_a_wish_nothing_is_recorded(tmp_path: Path) -> None:
    """Records are kept, recordings are not: no byte of audio is on the disk."""
    options = RealtimeOptions(script="assistant", first_audio_ms=50)
    async with house(options, kept_in=tmp_path) as running:
        call = await live_call(running)
        call.hang_up()
        await running.ended(call)
        record = await running.record(call)
    assert record["call"]["outcome"] == "completed"
    assert record["call"]["recording"] is None
    assert not (tmp_path / "recordings").exists()
