"""Responses are generated, paced, cancelled and counted like the real ones."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.sim.realtime.harness import LINES, SCRIPT, TOOL, Peer, offline, tone

HEAD = 'name = "test"\nvoice = "tones"\n'


async def answered(peer: Peer, text: str = "Caller pressed 1", **response: Any) -> dict[str, Any]:
    """Asks for a response to a written message; the `response` of its response.done."""
    await peer.say(text)
    fields: dict[str, Any] = {"response": response} if response else {}
    await peer.send("response.create", **fields)
    done: dict[str, Any] = (await peer.until("response.done"))["response"]
    return done


@pytest.mark.asyncio
async def test_an_answer_is_the_recorded_line(tmp_path: Path) -> None:
    """Mu-law passes through unchanged; transcript deltas begin before the first audio."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure()
        await peer.send("response.create")
        done = (await peer.until("response.done"))["response"]
        await peer.until("rate_limits.updated")
    assert peer.audio() == tone(600, hz=300)
    assert done["output"][0]["content"] == [
        {"type": "output_audio", "transcript": LINES["hello"][0]}
    ]
    kinds = peer.kinds()[2:]
    assert kinds[:6] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
    ]
    assert kinds[-7:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]


@pytest.mark.asyncio
async def test_audio_is_ahead_of_real_time_and_irregular(tmp_path: Path) -> None:
    """The stream takes about its length divided by the speed, in deltas off the frame grid."""
    script = HEAD + '[greeting]\nsay = "story"\n'
    slow: dict[str, Any] = {"speed": 10, "first_audio_ms": 50}
    async with offline(tmp_path, script, **slow) as server, await Peer.open(server) as peer:
        await peer.configure()
        await peer.send("response.create")
        await peer.until("response.done")
        rows = server.sessions[0].trace
    at = {
        kind: [r["t_ms"] for r in rows if r.get("event", {}).get("type") == f"response.{kind}"]
        for kind in ("created", "output_item.added", "output_audio.delta", "done")
    }
    deltas = at["output_audio.delta"]
    assert deltas[0] - at["created"][0] >= 49
    assert 20 <= at["output_item.added"][0] - at["created"][0] < deltas[0] - at["created"][0]
    assert at["done"][0] - deltas[0] >= LINES["story"][1] / 10 * 0.94
    assert max(b - a for a, b in pairwise(deltas)) >= 15


@pytest.mark.asyncio
async def test_an_instant_answer_leaves_at_once(tmp_path: Path) -> None:
    """No pacing behind the first delta, however slow the server is otherwise."""
    script = HEAD + '[greeting]\nsay = "story"\ninstant = true\n'
    async with offline(tmp_path, script, speed=0.1) as server, await Peer.open(server) as peer:
        await peer.configure()
        await peer.send("response.create")
        await peer.until("response.done")
        assert len(peer.audio()) == 8 * LINES["story"][1]


@pytest.mark.asyncio
async def test_several_items_and_calls_in_one_response(tmp_path: Path) -> None:
    """Output indexes count up, items are linked one behind the other."""
    script = (
        HEAD
        + """
    [greeting]
    items = [{ say = "wait" }, { say = "bye" }]
    call = [{ name = "lookup_order", arguments = { order_id = "1" } }, { name = "lookup_order" }]
    """
    )
    async with offline(tmp_path, script) as server, await Peer.open(server) as peer:
        await peer.configure(tools=[TOOL])
        await peer.send("response.create")
        done = (await peer.until("response.done"))["response"]
        session = await server.wait_session()
    assert [item["type"] for item in done["output"]] == ["message"] * 2 + ["function_call"] * 2
    assert [item["arguments"] for item in done["output"][2:]] == ['{"order_id":"1"}', "{}"]
    assert [item.id for item in session.conversation] == [item["id"] for item in done["output"]]
    added = [e for e in peer.events if e["type"] == "response.output_item.added"]
    assert [event["output_index"] for event in added] == [0, 1, 2, 3]
    arguments = [e for e in peer.events if e["type"] == "response.function_call_arguments.done"]
    assert {event["name"] for event in arguments} == {"lookup_order"}
    assert peer.audio(done["output"][1]["id"]) == tone(300, hz=450)


@pytest.mark.asyncio
async def test_a_tool_that_is_not_offered_is_not_called(tmp_path: Path) -> None:
    """Without the tool, and with tool_choice none, `otherwise` answers instead."""
    script = HEAD + '[greeting]\ncall = {name = "lookup_order"}\n[otherwise]\nsay = "else"\n'
    async with offline(tmp_path, script) as server, await Peer.open(server) as peer:
        await peer.configure()
        for extra in ({}, {"tools": [TOOL], "tool_choice": "none"}):
            await peer.send("response.create", response=extra)
            output = (await peer.until("response.done"))["response"]["output"]
            assert output[0]["content"][0]["transcript"] == "Anything else?"
        await peer.send("response.create", response={"tools": [TOOL]})
        output = (await peer.until("response.done"))["response"]["output"]
        assert output[0]["type"] == "function_call"


@pytest.mark.asyncio
async def test_a_tool_call_and_its_answer(tmp_path: Path) -> None:
    """The output item is linked and answered by the script's after_tool."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(tools=[TOOL])
        call = (await answered(peer, "where?"))["output"][1]
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "{}"}
        await peer.send("conversation.item.create", item=output)
        await peer.send("response.create")
        done = (await peer.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"] == LINES["story"][0]
        added = [e for e in peer.events if e["type"] == "conversation.item.added"]
        assert added[-2]["item"] == {"id": added[-2]["item"]["id"], **output}
        assert added[-2]["previous_item_id"] == call["id"]


@pytest.mark.asyncio
async def test_text_answers_carry_no_audio(tmp_path: Path) -> None:
    """Modality text: parts of type text, items of type output_text, as in golden trace (g)."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(output_modalities=["text"])
        done = await answered(peer)
        assert done["output"][0]["content"] == [
            {"type": "output_text", "text": "One moment, please."}
        ]
        assert done["usage"]["output_token_details"]["audio_tokens"] == 0
        assert peer.audio() == b""
        part = await peer.until("response.content_part.added")
        assert part["part"] == {"type": "text", "text": ""}
        assert (await peer.until("response.output_text.done"))["text"] == "One moment, please."
        mixed = await answered(peer, output_modalities=["audio"])
        assert mixed["output"][0]["content"][0]["type"] == "output_audio"


@pytest.mark.asyncio
async def test_a_response_can_be_asked_for_with_its_own_settings(tmp_path: Path) -> None:
    """Metadata, limit, format and voice are echoed and leave the session as it was."""
    asked: dict[str, Any] = {
        "instructions": "Be brief.",
        "metadata": {"topic": "x"},
        "max_output_tokens": 400,
        "audio": {"output": {"format": {"type": "audio/pcma"}, "voice": "echo"}},
    }
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        before = await peer.configure()
        done = await answered(peer, **asked)
        assert done["metadata"] == asked["metadata"]
        assert done["max_output_tokens"] == 400
        assert done["audio"] == asked["audio"]
        assert await peer.configure() == before


@pytest.mark.asyncio
async def test_a_limit_makes_the_answer_incomplete(tmp_path: Path) -> None:
    """max_output_tokens cuts sound and words; item and response say incomplete."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(max_output_tokens=8)
        done = await answered(peer)
    assert done["status"] == "incomplete"
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert done["output"][0]["status"] == "incomplete"
    assert 0 < len(peer.audio()) < 400 * 8
    assert done["usage"]["output_tokens"] <= 8


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fail", "code"),
    [
        ("server_error", None),
        ("insufficient_quota", "insufficient_quota"),
        ("rate_limit", "rate_limit_exceeded"),
    ],
)
async def test_failures_are_no_error_events(tmp_path: Path, fail: str, code: str | None) -> None:
    """response.done says failed, with zero usage; the session lives and goes on."""
    script = HEAD + f'[[turn]]\nfail = "{fail}"\n[otherwise]\nsay = "else"\n'
    async with offline(tmp_path, script) as server, await Peer.open(server) as peer:
        await peer.configure()
        failed = await answered(peer, "a")
        assert failed["status"] == "failed"
        assert failed["status_details"]["error"]["code"] == code
        assert failed["usage"]["total_tokens"] == 0
        assert failed["output"] == []
        assert (await answered(peer, "b"))["status"] == "completed"
    assert "error" not in peer.kinds()
    assert len([e for e in peer.events if e["type"] == "rate_limits.updated"]) <= 1


@pytest.mark.asyncio
async def test_an_answer_of_nothing_is_a_completed_response(tmp_path: Path) -> None:
    """A script without words for it gives a response without output."""
    async with offline(tmp_path, HEAD) as server, await Peer.open(server) as peer:
        await peer.send("response.create")
        done = (await peer.until("response.done"))["response"]
        assert (done["status"], done["output"]) == ("completed", [])


@pytest.mark.asyncio
async def test_cancel_before_anything_was_said(tmp_path: Path) -> None:
    """Golden trace (e): done cancelled, no output; a second cancel and create are answered."""
    async with offline(tmp_path, first_audio_ms=60_000) as server, await Peer.open(server) as peer:
        await peer.configure()
        await peer.send("response.create")
        created = (await peer.until("response.created"))["response"]
        duplicate = await peer.error("response.create", event_id="dup_1")
        assert duplicate["event_id"] == "dup_1"
        assert created["id"] in duplicate["message"]
        await peer.send("response.cancel", event_id="cancel_1")
        done = (await peer.until("response.done"))["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert done["output"] == []
        assert (await peer.error("response.cancel", event_id="cancel_2"))["event_id"] == "cancel_2"


@pytest.mark.asyncio
@pytest.mark.parametrize("modality", ["audio", "text"])
async def test_cancel_closes_what_is_open(tmp_path: Path, modality: str) -> None:
    """By id, in mid-answer: every part is done, the item incomplete and its words kept."""
    async with offline(tmp_path, speed=1) as server, await Peer.open(server) as peer:
        await peer.configure(output_modalities=[modality], tools=[TOOL])
        for text in ("a", "b"):
            await peer.say(text)
        call = {"type": "function_call", "name": "lookup_order", "arguments": "{}"}
        await peer.send("conversation.item.create", item={**call, "call_id": "call_1"})
        output = {"type": "function_call_output", "call_id": "call_1", "output": "{}"}
        await peer.send("conversation.item.create", item=output)
        await peer.send("response.create")
        kind = "output_audio" if modality == "audio" else "output_text"
        delta = await peer.until(f"response.{kind}.delta")
        wrong = await peer.error("response.cancel", response_id="resp_none")
        assert wrong["code"] == "response_cancel_not_active"
        await peer.send("response.cancel", response_id=delta["response_id"])
        done = (await peer.until("response.done"))["response"]
        assert done["status_details"]["reason"] == "client_cancelled"
        assert done["output"][0]["status"] == "incomplete"
        said = done["output"][0]["content"][0]["transcript" if modality == "audio" else "text"]
        assert LINES["story"][0].startswith(said)
        assert said
        assert peer.kinds()[-2:] == ["response.output_item.done", "response.done"]


@pytest.mark.asyncio
async def test_cancel_in_mid_call_leaves_it_incomplete(tmp_path: Path) -> None:
    """The arguments so far are closed; nobody may act on them."""
    long = ", ".join(f'k{n} = "{"v" * 20}"' for n in range(60))
    script = HEAD + f'[greeting]\ncall = {{ name = "lookup_order", arguments = {{ {long} }} }}\n'
    async with offline(tmp_path, script) as server, await Peer.open(server) as peer:
        await peer.configure(tools=[TOOL])
        await peer.send("response.create")
        await peer.until("response.function_call_arguments.delta")
        await peer.send("response.cancel")
        done = (await peer.until("response.done"))["response"]
        assert done["output"][0]["type"] == "function_call"
        assert done["output"][0]["status"] == "incomplete"


@pytest.mark.asyncio
async def test_out_of_band_responses_run_beside(tmp_path: Path) -> None:
    """No items in the conversation, no conversation id; only their own id cancels them."""
    asked = {
        "conversation": "none",
        "output_modalities": ["text"],
        "metadata": {"topic": "summary"},
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "was 5 pressed?"}],
            }
        ],
    }
    async with offline(tmp_path, speed=0.5) as server, await Peer.open(server) as peer:
        await peer.configure()
        await peer.say("Caller pressed 5")
        await peer.send("response.create")
        main = (await peer.until("response.created"))["response"]
        await peer.send("response.create", response=asked)
        beside = (await peer.until("response.created"))["response"]
        assert (main["conversation_id"] is None, beside["conversation_id"]) == (False, None)
        await peer.send("response.cancel")
        done = [(await peer.until("response.done"))["response"] for _ in range(2)]
        assert [response["id"] for response in done] == [main["id"], beside["id"]]
        assert [response["status"] for response in done] == ["cancelled", "completed"]
        assert done[1]["metadata"] == asked["metadata"]
        assert done[1]["output"][0]["content"][0]["text"] == "One moment, please."
        session = await server.wait_session()
        assert done[1]["output"][0]["id"] not in [item.id for item in session.conversation]
        await peer.send("response.create", response={**asked, "output_modalities": ["audio"]})
        third = (await peer.until("response.created"))["response"]
        await peer.send("response.cancel", response_id=third["id"])
        assert (await peer.until("response.done"))["response"]["status"] == "cancelled"


@pytest.mark.asyncio
async def test_speech_does_not_interrupt_out_of_band(tmp_path: Path) -> None:
    """interrupt_response concerns the conversation only."""
    async with offline(tmp_path, speed=1) as server, await Peer.open(server) as peer:
        await peer.configure()
        await peer.send("response.create", response={"conversation": "none"})
        await peer.until("response.output_audio.delta")
        await peer.speak(tone(320))
        await peer.until("input_audio_buffer.speech_started")
        assert (await peer.until("response.done"))["response"]["status"] == "completed"


@pytest.mark.asyncio
async def test_a_reference_must_exist(tmp_path: Path) -> None:
    """`input` may point to items of the conversation, and only to those."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure()
        await peer.say("Caller pressed 5")
        item = (await peer.until("conversation.item.added"))["item"]
        reference = {"type": "item_reference", "id": item["id"]}
        asked = {"conversation": "none", "input": [reference]}
        await peer.send("response.create", valid=False, response=asked)
        done = (await peer.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"] == "One moment, please."
        asked = {"conversation": "none", "input": [{**reference, "id": "yo"}]}
        wrong = await peer.error("response.create", response=asked)
        assert "'yo' does not exist" in wrong["message"]


@pytest.mark.asyncio
async def test_usage_grows_with_the_conversation(tmp_path: Path) -> None:
    """Each response is billed for everything before it, the known part as cached."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await peer.configure(instructions="Be kind. " * 60)
        first = (await answered(peer))["usage"]
        second = (await answered(peer))["usage"]
        assert second["input_tokens"] > first["input_tokens"]
        assert first["input_token_details"]["cached_tokens"] == 0
        assert second["input_token_details"]["cached_tokens"] == 128
        assert first["output_token_details"]["audio_tokens"] == 8
        limits = await peer.until("rate_limits.updated")
        assert limits["rate_limits"][0]["name"] == "tokens"


@pytest.mark.asyncio
async def test_the_same_seed_gives_the_same_deltas(tmp_path: Path) -> None:
    """Sizes repeat with the seed and differ without it."""

    async def sizes(seed: int) -> list[int]:
        async with offline(tmp_path, SCRIPT, seed=seed) as server, await Peer.open(server) as peer:
            await peer.configure()
            await answered(peer)
            deltas = (e for e in peer.events if e["type"] == "response.output_audio.delta")
            return [len(event["delta"]) for event in deltas]

    assert await sizes(1) == await sizes(1)
    assert await sizes(1) != await sizes(2)


@pytest.mark.asyncio
async def test_no_task_outlives_its_session(tmp_path: Path) -> None:
    """A client that leaves in mid-answer takes the response with it."""
    async with offline(tmp_path, speed=0.1) as server:
        peer = await Peer.open(server)
        await peer.configure()
        before = len(asyncio.all_tasks())
        await peer.send("response.create")
        await peer.until("response.output_audio.delta")
        assert len(asyncio.all_tasks()) == before + 1
        await peer.ws.close()
        session = await server.wait_session()
        await asyncio.wait_for(session.closed.wait(), 5)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) < before
