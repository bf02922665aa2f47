"""Caller audio is held while the model connects, then goes straight through, whole and in order."""

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.call.inbound import HOLD_MS, Inbound


def audio_of(messages: list[bytes]) -> list[bytes]:
    """The payloads of append messages; fails for any other message."""
    events = [json.loads(message) for message in messages]
    assert {event["type"] for event in events} <= {"input_audio_buffer.append"}
    return [base64.b64decode(event["audio"]) for event in events]


def test_frames_are_held_until_the_model_is_ready_and_then_leave_first() -> None:
    """Held frames leave in order before the first live one; nothing is batched."""
    inbound, sent = Inbound(), list[bytes]()
    frames = [bytes([n]) * 160 for n in range(5)]
    for payload in frames[:3]:
        inbound.frame(payload)
    assert (sent, inbound.is_open) == ([], False)
    assert inbound.open(sent.append) == 60
    for payload in frames[3:]:
        inbound.frame(payload)
    assert audio_of(sent) == frames
    assert (inbound.is_open, inbound.frames, inbound.appended) == (True, 5, 800)
    assert inbound.dropped == 0


@given(st.lists(st.binary(max_size=400)), st.integers(0, 100))
def test_no_frame_is_lost_doubled_or_reordered(payloads: list[bytes], ready_after: int) -> None:
    """Whatever the lengths of the frames and the moment the model is ready."""
    inbound, sent = Inbound(), list[bytes]()
    for n, payload in enumerate(payloads):
        if n == ready_after:
            inbound.open(sent.append)
        inbound.frame(payload)
    if not inbound.is_open:
        inbound.open(sent.append)
    assert audio_of(sent) == payloads
    assert inbound.appended == sum(map(len, payloads))


def test_what_is_held_is_bounded_and_the_oldest_goes() -> None:
    """Beyond 15 s the oldest frames are dropped and counted: the last words matter most."""
    inbound, sent = Inbound(), list[bytes]()
    for n in range(HOLD_MS // 20 + 10):
        inbound.frame(bytes([n % 256]) * 160)
    assert inbound.dropped == 10 * 160
    assert inbound.open(sent.append) == HOLD_MS
    assert audio_of(sent)[0] == bytes([10]) * 160


def test_after_the_model_is_gone_frames_are_held_again() -> None:
    """A second model would get what was said meanwhile; the first gets nothing more."""
    inbound, first, second = Inbound(), list[bytes](), list[bytes]()
    inbound.open(first.append)
    inbound.frame(b"one")
    inbound.close()
    inbound.frame(b"two")
    inbound.open(second.append)
    assert (audio_of(first), audio_of(second)) == ([b"one"], [b"two"])
