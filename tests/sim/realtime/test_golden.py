"""What the server sends has the very fields of the golden examples, in their order."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.realtime import check
from tests.sim.realtime.harness import PCMU, TOOL, Peer, offline, silence, tone

TURN = silence(320) + tone(640) + silence(600)
WORDS = {"model": "gpt-4o-mini-transcribe", "language": "en"}
VAD = {"type": "server_vad", "idle_timeout_ms": 5000}


def shape(value: Any, name: str = "") -> Any:
    """Keys and kinds of values; what an object holds freely is left out."""
    if name in ("parameters", "metadata", "variables") or value is None:
        return "anything"
    if isinstance(value, dict):
        return {key: shape(entry, key) for key, entry in value.items()}
    if isinstance(value, list):
        return [shape(entry) for entry in value[:1]]
    return "number" if isinstance(value, int | float) else type(value).__name__


def fits(ours: Any, golden: Any) -> bool:
    """The same keys in the same order, as deep as both go; null and empty lists fit anything."""
    if "anything" in (ours, golden) or [] in (ours, golden):
        return True
    if isinstance(ours, dict) and isinstance(golden, dict):
        return list(ours) == list(golden) and all(fits(ours[k], golden[k]) for k in ours)
    if isinstance(ours, list) and isinstance(golden, list):
        return fits(ours[0], golden[0])
    return bool(ours == golden)


def golden_shapes() -> dict[str, list[Any]]:
    """The shapes of each server event type, over files and sequences."""
    shapes: dict[str, list[Any]] = {}
    paths = sorted((check.ROOT / "server").glob("*.json"))
    events = [json.loads(path.read_text()) for path in paths]
    for path in sorted((check.ROOT / "sequences").glob("*.jsonl")):
        rows = (row for row in check.load_trace(path) if row["dir"] == "S")
        events += [row["event"] for row in rows if "event" in row]
    for event in events:
        shapes.setdefault(event["type"], []).append(shape(event))
    return shapes


async def whole_call(peer: Peer) -> None:
    """Every kind of event the server has."""
    audio = {"input": {**PCMU, "turn_detection": VAD, "transcription": WORDS}, "output": PCMU}
    await peer.configure(audio=audio, tools=[TOOL])
    await peer.send("response.create")
    await peer.until("response.done")
    await peer.speak(TURN)
    call = (await peer.until("response.done"))["response"]["output"][1]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "{}"}
    await peer.send("conversation.item.create", item=output)
    await peer.send("response.create")
    for _ in range(12):  # so far into the long answer that words are out
        delta = await peer.until("response.output_audio.delta")
    await peer.speak(tone(640))
    await peer.until("response.done")
    cut = {"item_id": delta["item_id"], "content_index": 0, "audio_end_ms": 20}
    await peer.send("conversation.item.truncate", **cut)
    await peer.send("conversation.item.retrieve", item_id=delta["item_id"])
    await peer.send("conversation.item.delete", item_id=delta["item_id"])
    await peer.send("input_audio_buffer.clear")
    await peer.speak(silence(600))
    await peer.until("response.done")
    await peer.until("input_audio_buffer.timeout_triggered")
    await peer.until("response.done")
    await peer.say("hi")
    await peer.send("response.create", response={"output_modalities": ["text"]})
    await peer.until("response.done")
    await peer.error("nope")


@pytest.mark.asyncio
async def test_every_event_has_the_golden_fields(tmp_path: Path) -> None:
    """A call with everything in it: no field more, none less, none out of place."""
    async with (
        offline(tmp_path, idle_scale=0.01, speed=12) as server,
        await Peer.open(server) as peer,
    ):
        await whole_call(peer)
        rows = server.sessions[0].trace
    shapes = golden_shapes()
    seen = set()
    for row in rows:
        if row["dir"] == "S" and "event" in row:
            event = row["event"]
            seen.add(event["type"])
            assert any(fits(shape(event), golden) for golden in shapes[event["type"]]), event
    never = check.NOT_SENT_BY_GA | {
        "conversation.item.input_audio_transcription.failed",
        "conversation.item.input_audio_transcription.segment",
        "input_audio_buffer.dtmf_event_received",
    }
    others = {kind for kind in shapes if "mcp" in kind or kind.startswith("output_audio_buffer")}
    assert seen == set(shapes) - never - others


@pytest.mark.asyncio
async def test_the_trace_passes_the_stock_sdk(tmp_path: Path) -> None:
    """Replayed through the SDK's model, the call raises no complaint."""
    async with (
        offline(tmp_path, idle_scale=0.01, speed=12) as server,
        await Peer.open(server) as peer,
    ):
        await whole_call(peer)
        rows = server.sessions[0].trace
    problems, sent, kinds = await check.replay_through_sdk(rows)
    assert problems == []
    assert {"audio", "audio_interrupted", "function_call", "turn_ended"} <= set(kinds)
    assert "response.cancel" not in sent


def test_the_examples_are_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    """The golden set itself passes its own check."""
    assert check.main([]) == 0
    assert "FAILURES: 0" in capsys.readouterr().out
