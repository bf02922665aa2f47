"""A client's JSON becomes conversation items; audio is decoded strictly."""

from typing import Any

import pytest

from gateway.sim.realtime.errors import ClientFault
from gateway.sim.realtime.formats import PCM, PCMU
from gateway.sim.realtime.items import client_item, decode_audio


def test_a_message_of_all_parts() -> None:
    """The id is minted when it is missing; sound, pictures and words keep their order."""
    content: list[dict[str, Any]] = [
        {"type": "input_audio", "audio": "AAAA"},
        {"type": "input_image", "image_url": "data:,"},
        {"type": "input_text", "text": "look"},
    ]
    item = {"type": "message", "role": "user", "content": content}
    made = client_item(item, PCM, lambda prefix: f"{prefix}_1")
    assert made.id == "item_1"
    assert made.text == "look"
    assert made.spoken is not None
    assert made.spoken.audio is not None
    assert made.spoken.audio.data == bytes(3)
    assert made.wire()["content"] == [{"type": "input_audio", "transcript": None}, *content[1:]]


def test_calls_and_their_outputs() -> None:
    """A call without an id gets one; an output names the call it answers."""
    call = client_item({"type": "function_call", "name": "f", "arguments": "{}"}, PCM, str.upper)
    assert call.wire() == {
        "id": "ITEM",
        "type": "function_call",
        "status": "completed",
        "name": "f",
        "call_id": "CALL",
        "arguments": "{}",
    }
    output = {"id": "o", "type": "function_call_output", "call_id": "CALL", "output": "1"}
    assert client_item(output, PCM, str).wire() == output


@pytest.mark.parametrize("data", ["*", "AAA", "AA==\n", "AA==AA==", "é", 'AA==","type":"x'])
def test_audio_that_is_no_base64(data: str) -> None:
    """Nothing is skipped or guessed; the fault names the format."""
    for form, named in ((PCM, "mono PCM16 at 24kHz"), (PCMU, "audio/pcmu")):
        with pytest.raises(ClientFault) as caught:
            decode_audio(data, form)
        assert named in caught.value.message
        assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")


def test_no_audio_is_audio() -> None:
    """An empty append is allowed."""
    assert decode_audio("", PCM) == b""
