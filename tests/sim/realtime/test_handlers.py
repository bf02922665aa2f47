"""Conversation items are created, cut, deleted and shown on request."""

from pathlib import Path

import pytest

from tests.sim.realtime.harness import PCMU, TOOL, Peer, offline, silence


@pytest.mark.asyncio
async def test_created_items_are_announced_and_done(tmp_path: Path) -> None:
    """added and done, the same item, linked to where it was put; live items have no `object`."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.say("one")
        one = await peer.until("conversation.item.done")
        item = {
            "id": "msg_mine",
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": "gold"}],
        }
        await peer.send("conversation.item.create", previous_item_id="root", item=item)
        added = await peer.until("conversation.item.added")
        added = await peer.until("conversation.item.added")
        done = await peer.until("conversation.item.done")
    assert one["previous_item_id"] is None
    assert added["item"] == done["item"] == {**item, "status": "completed"}
    assert (added["previous_item_id"], done["previous_item_id"]) == (None, None)
    session = server.sessions[0]
    assert [entry.text for entry in session.conversation] == ["gold", "one"]


@pytest.mark.asyncio
async def test_a_replayed_conversation_is_taken_over(tmp_path: Path) -> None:
    """A client that reconnects restores items of every kind, and the script goes on behind them."""
    said = {"type": "output_text", "text": "One moment, please."}
    asked = {"type": "input_text", "text": "Where is my order?"}
    items = [
        {"id": "a", "type": "message", "role": "user", "content": [asked]},
        {"id": "b", "type": "message", "role": "assistant", "content": [said]},
        {
            "id": "c",
            "type": "function_call",
            "name": "lookup_order",
            "call_id": "call_x",
            "arguments": "{}",
        },
        {"id": "d", "type": "function_call_output", "call_id": "call_x", "output": "{}"},
        {"id": "e", "type": "message", "role": "assistant", "content": [said]},
    ]
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(tools=[TOOL])
        for item in items:
            await peer.send("conversation.item.create", item=item)
        await peer.say("Sorry?")
        await peer.send("response.create")
        done = (await peer.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"].startswith("Once upon a time")
    assert "error" not in peer.kinds()


@pytest.mark.asyncio
async def test_deleting_and_retrieving(tmp_path: Path) -> None:
    """deleted repeats the id; what is gone cannot be shown; neighbours are linked anew."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        for text in ("one", "two"):
            await peer.say(text)
        one = (await peer.until("conversation.item.added"))["item"]["id"]
        two = (await peer.until("conversation.item.added"))["item"]["id"]
        await peer.send("conversation.item.delete", item_id=two)
        assert (await peer.until("conversation.item.deleted"))["item_id"] == two
        wrong = await peer.error("conversation.item.retrieve", item_id=two)
        assert wrong["code"] == "item_retrieve_invalid_item_id"
        await peer.say("three")
        await peer.until("conversation.item.added")
        assert peer.events[-1]["previous_item_id"] == one
        await peer.send("conversation.item.retrieve", item_id=one)
        shown = (await peer.until("conversation.item.retrieved"))["item"]
        assert shown["content"] == [{"type": "input_text", "text": "one"}]


@pytest.mark.asyncio
async def test_audio_items_of_a_client_are_caller_turns(tmp_path: Path) -> None:
    """input_audio in an item is as good as a commit."""
    part = {"type": "input_audio", "audio": "////////"}
    item = {"type": "message", "role": "user", "content": [part]}
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(tools=[TOOL])
        await peer.send("conversation.item.create", item=item)
        await peer.send("response.create")
        done = (await peer.until("response.done"))["response"]
        assert done["output"][1]["name"] == "lookup_order"


@pytest.mark.asyncio
async def test_truncation_works_while_the_answer_runs(tmp_path: Path) -> None:
    """Only what has left counts; what follows is sent and not remembered."""
    off = {"input": {**PCMU, "turn_detection": None}, "output": PCMU}
    async with offline(tmp_path, speed=4.5) as server, await Peer.open(server) as peer:
        await peer.configure(audio=off)
        await peer.say("Caller pressed 5")
        await peer.send("response.create")
        delta = await peer.until("response.output_audio.delta")
        cut = {"item_id": delta["item_id"], "content_index": 0}
        wrong = await peer.error("conversation.item.truncate", audio_end_ms=57340, **cut)
        assert wrong["message"].endswith("ms is already shorter than 57340ms")
        await peer.send("conversation.item.truncate", audio_end_ms=20, **cut)
        await peer.until("conversation.item.truncated")
        done = (await peer.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert len(peer.audio()) == 400 * 8
        item = server.sessions[0].conversation.find(delta["item_id"])
        assert item is not None
        assert (item.audio_ms, item.transcript) == (20, "")


@pytest.mark.asyncio
async def test_append_takes_any_amount(tmp_path: Path) -> None:
    """Nothing, one byte, and ten seconds at once."""
    off = {"input": {**PCMU, "turn_detection": None}, "output": PCMU}
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(audio=off)
        await peer.send("input_audio_buffer.append", audio="")
        await peer.speak(silence(10_000), b"\xff", chunk=80_000)
        await peer.send("input_audio_buffer.commit")
        await peer.until("input_audio_buffer.committed")
        assert server.sessions[0].conversation[0].audio_ms == 10_000
        assert bytes(server.sessions[0].input_audio) == silence(10_000) + b"\xff"
