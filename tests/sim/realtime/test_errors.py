"""Every entry of the error catalogue is answered as documented, and the session stays open."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.realtime.check import ROOT, load_trace
from tests.sim.realtime.harness import KEY, PCMU, TOOL, Peer, offline

CONNECTING = {  # answered before there is a session: test_server.py, test_session.py
    "beta_api_shape_disabled",
    "invalid_api_key",
    "invalid_model",
    "invalid_request_error_nocode",
    "missing_model",
    "session_expired",
}
ELSEWHERE = {"server_error_nocode"}  # a failed response, below
USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}


def golden(name: str) -> dict[str, Any]:
    error: dict[str, Any] = json.loads((ROOT / "errors" / f"{name}.json").read_text())["error"]
    return error


async def spoken_to(peer: Peer) -> str:
    """A session with one answer in it; the id of the answer's item."""
    await peer.configure(tools=[TOOL])
    await peer.send("response.create")
    await peer.until("response.created")
    done = (await peer.until("response.done"))["response"]
    return str(done["output"][0]["id"])


SIMPLE: dict[str, tuple[str, dict[str, Any]]] = {
    "cannot_update_voice": (
        "session.update",
        {"session": {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}},
    ),
    "input_audio_buffer_commit_empty": ("input_audio_buffer.commit", {"event_id": "commit_1"}),
    "integer_below_min_value": (
        "session.update",
        {
            "session": {
                "type": "realtime",
                "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}},
            }
        },
    ),
    "invalid_value": ("nope", {}),
    "item_delete_invalid_item_id": ("conversation.item.delete", {"item_id": "yo"}),
    "item_retrieve_invalid_item_id": ("conversation.item.retrieve", {"item_id": "yo"}),
    "item_truncate_invalid_item_id": (
        "conversation.item.truncate",
        {"item_id": "yo", "content_index": 0, "audio_end_ms": 10},
    ),
    "missing_required_parameter": (
        "conversation.item.create",
        {
            "item": {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_audio", "transcript": "x"}],
            }
        },
    ),
    "response_cancel_not_active": ("response.cancel", {"event_id": "cancel_2"}),
    "unknown_parameter": ("session.update", {"session": {"type": "realtime", "bogus_field": 1}}),
    "unsupported_content_type": (
        "conversation.item.truncate",
        {"item_id": "item_user", "content_index": 0, "audio_end_ms": 0},
    ),
}
SPECIAL = {"conversation_already_has_active_response", "invalid_event", "invalid_json"}


def test_the_catalogue_is_covered() -> None:
    """No golden error is left out of these tests."""
    names = {path.stem for path in (ROOT / "errors").glob("*.json")}
    assert names == set(SIMPLE) | SPECIAL | CONNECTING | ELSEWHERE


@pytest.mark.asyncio
async def test_the_catalogue(tmp_path: Path) -> None:
    """Each mistake on one socket: code, text, param and event id equal the golden error."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await spoken_to(peer)
        item = {"id": "item_user", **USER}
        await peer.send("conversation.item.create", item=item)
        for name, (kind, fields) in SIMPLE.items():
            assert await peer.error(kind, **fields) == golden(name), name
        await peer.ws.send("not json")
        assert await peer.fault() == golden("invalid_json")
        await peer.ws.send(b"\x00" * 64)
        assert await peer.fault() == golden("invalid_event")
        await peer.send("response.create")
        active = (await peer.until("response.created"))["response"]
        wrong = await peer.error("response.create", event_id="dup_1")
        expected = golden("conversation_already_has_active_response")
        expected["message"] = expected["message"].replace(
            "resp_EmF4mhqSIjOugM1yTMAd7", active["id"]
        )
        assert wrong == expected
        await peer.until("response.done")
        rows = server.sessions[0].trace
        assert any(row.get("text") == "not json" for row in rows)
        assert any(row.get("binary_len") == 64 for row in rows)


@pytest.mark.asyncio
async def test_the_golden_list_of_shape_errors(tmp_path: Path) -> None:
    """The client rows of the golden trace, sent here, get the golden answers."""
    rows = load_trace(ROOT / "sequences" / "a_client_shape_errors.jsonl")[1:]
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await spoken_to(peer)
        await peer.send("conversation.item.create", item={"id": "item_user", **USER})
        for row, answer in zip(rows[::2], rows[1::2], strict=True):
            if "text" in row:
                await peer.ws.send(row["text"])
            elif "binary_len" in row:
                await peer.ws.send(bytes(row["binary_len"]))
            else:
                await peer.send(row["event"]["type"], valid=False, **_fields(row["event"]))
            assert await peer.fault() == answer["event"]["error"]


def _fields(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "type"}


def session(**fields: Any) -> dict[str, Any]:
    return {"session": {"type": "realtime", **fields}}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "fields", "code", "param"),
    [
        ("session.update", {}, "missing_required_parameter", "session"),
        ("session.update", {"session": {}}, "missing_required_parameter", "session.type"),
        ("session.update", {"session": []}, "invalid_type", "session"),
        ("session.update", {"session": {"type": "x"}}, "invalid_value", "session.type"),
        ("session.update", session(modalities=[]), "unknown_parameter", "session.modalities"),
        (
            "session.update",
            session(audio={"input": {"format": {"type": "g711_ulaw"}}}),
            "invalid_value",
            "session.audio.input.format.type",
        ),
        (
            "session.update",
            session(audio={"output": {"format": {"type": "audio/pcmu", "rate": 8000}}}),
            "unknown_parameter",
            "session.audio.output.format.rate",
        ),
        (
            "session.update",
            session(audio={"output": {"voice": "nobody"}}),
            "invalid_value",
            "session.audio.output.voice",
        ),
        (
            "session.update",
            session(audio={"input": {"turn_detection": {"threshold": 0.5}}}),
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
        ),
        (
            "session.update",
            session(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}),
            "decimal_above_max_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            "session.update",
            session(
                audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 1000}}}
            ),
            "integer_below_min_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            "session.update",
            session(tools=[{"type": "function", "name": "a b"}]),
            "invalid_value",
            "session.tools[0].name",
        ),
        (
            "session.update",
            session(max_output_tokens=5000),
            "integer_above_max_value",
            "session.max_output_tokens",
        ),
        ("session.update", session(model="gpt-realtime"), "cannot_update_model", None),
        ("input_audio_buffer.append", {}, "missing_required_parameter", "audio"),
        ("input_audio_buffer.append", {"audio": "*"}, "invalid_value", "audio"),
        ("input_audio_buffer.append", {"audio": "AAA"}, "invalid_value", "audio"),
        ("input_audio_buffer.append", {"audio": "AA==\n"}, "invalid_value", "audio"),
        ("input_audio_buffer.append", {"audio": 1}, "invalid_type", "audio"),
        ("input_audio_buffer.append", {"audio": "", "x": 1}, "unknown_parameter", "x"),
        ("conversation.item.create", {}, "missing_required_parameter", "item"),
        (
            "conversation.item.create",
            {"item": {"type": "message"}},
            "missing_required_parameter",
            "item.role",
        ),
        (
            "conversation.item.create",
            {"item": {"type": "thing"}},
            "invalid_value",
            "item.type",
        ),
        (
            "conversation.item.create",
            {"item": {**USER, "id": "x" * 33}},
            "string_above_max_length",
            "item.id",
        ),
        (
            "conversation.item.create",
            {"item": {"type": "function_call_output", "call_id": "call_1", "output": ""}},
            "invalid_tool_call_id",
            None,
        ),
        (
            "conversation.item.create",
            {"item": {"type": "function_call_output", "call_id": "a/b", "output": ""}},
            "invalid_value",
            "item.call_id",
        ),
        (
            "conversation.item.create",
            {"item": USER, "previous_item_id": "yo"},
            "item_create_invalid_previous_item_id",
            None,
        ),
        (
            "conversation.item.truncate",
            {"item_id": "a", "content_index": 0, "audio_end_ms": 1.5},
            "invalid_type",
            "audio_end_ms",
        ),
        (
            "conversation.item.truncate",
            {"item_id": "a", "content_index": 0, "audio_end_ms": -1},
            "integer_below_min_value",
            "audio_end_ms",
        ),
        ("conversation.item.delete", {}, "missing_required_parameter", "item_id"),
        ("response.create", {"response": {"modalities": []}}, "unknown_parameter", None),
        (
            "response.create",
            {"response": {"conversation": "conv_1"}},
            "invalid_value",
            "response.conversation",
        ),
        (
            "response.create",
            {"response": {"output_modalities": ["text", "audio"]}},
            "invalid_value",
            "response.output_modalities",
        ),
        (
            "response.create",
            {"response": {"audio": {"output": {"voice": "cedar"}}}},
            "cannot_update_voice",
            None,
        ),
        ("response.cancel", {"event_id": 5}, "invalid_type", "event_id"),
        ("output_audio_buffer.clear", {}, "invalid_value", "type"),
        ("session.close", {}, "invalid_value", "type"),
        ("session.input_audio_buffer.append", {}, "invalid_value", "type"),
    ],
)
async def test_other_mistakes(
    tmp_path: Path, kind: str, fields: dict[str, Any], code: str, param: str | None
) -> None:
    """Refused with the path of the field; nothing changes, and the session goes on."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        await spoken_to(peer)
        before = server.sessions[0].config.wire()
        wrong = await peer.error(kind, **fields)
        assert wrong["code"] == code
        assert wrong["type"] == "invalid_request_error"
        assert param is None or wrong["param"] == param
        assert wrong["message"]
        assert server.sessions[0].config.wire() == before
        await peer.send("response.create")
        assert (await peer.until("response.done"))["response"]["status"] == "completed"


@pytest.mark.asyncio
async def test_messages_that_are_no_events(tmp_path: Path) -> None:
    """JSON that is no object, an object without a type, a type that is no string."""
    async with offline(tmp_path) as server, await Peer.open(server) as peer:
        for text, code in [
            ("[]", "invalid_event"),
            ("null", "invalid_event"),
            ('{"event_id": "e1"}', "missing_required_parameter"),
            ('{"type": 5, "event_id": "e1"}', "invalid_value"),
            ('{"type": "response.create"', "invalid_json"),
            ('{"type": NaN}', "invalid_json"),
            ("", "invalid_json"),
        ]:
            await peer.ws.send(text)
            wrong = await peer.fault()
            assert wrong["code"] == code
            assert wrong["event_id"] == ("e1" if "e1" in text else None)


@pytest.mark.asyncio
async def test_an_append_has_a_limit(tmp_path: Path) -> None:
    """15 MiB of base64 pass, one block more is refused, and far more closes with 1009."""
    limit = 15 * 1024 * 1024
    off = {"input": {**PCMU, "turn_detection": None}}
    async with offline(tmp_path, trace=False) as server:
        peer = await Peer.open(server, compression=None)
        await peer.configure(audio=off)
        await peer.send("input_audio_buffer.append", valid=False, audio="A" * limit)
        wrong = await peer.error("input_audio_buffer.append", audio="A" * (limit + 4))
        assert wrong["code"] == "string_above_max_length"
        assert len(server.sessions[0].input_audio) == limit // 4 * 3
        await peer.ws.send("x" * (33 * 1024 * 1024))
        assert (await peer.closing())[0] == 1009


@pytest.mark.asyncio
async def test_the_generation_failure_text(tmp_path: Path) -> None:
    """server_error names the session, as the golden failure does."""
    script = 'name = "t"\nvoice = "tones"\n[greeting]\nfail = "server_error"\n'
    async with offline(tmp_path, script) as server, await Peer.open(server) as peer:
        created = await peer.next()
        await peer.send("response.create")
        done = (await peer.until("response.done"))["response"]
        path = ROOT / "server" / "response.done.failed.server_error.json"
        theirs = json.loads(path.read_text())["response"]["status_details"]
        error = theirs["error"]
        error["message"] = error["message"].replace(
            "sess_EmF4iKy9Pf34qY6Nb3wWD", created["session"]["id"]
        )
        assert done["status_details"] == theirs
    assert KEY not in json.dumps(peer.events)
