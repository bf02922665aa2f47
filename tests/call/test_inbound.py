"""Caller audio is made whole, held while the model connects, then goes straight through."""

import asyncio
import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call.inbound import HOLD_MS, LOOK_S, Inbound, Microphone
from gateway.core.blanking import blank
from gateway.core.gaps import AWAY_MS, SLACK_MS
from tests.call.calls import media
from tests.call.talk import CLOCK
from tests.call.watching import Chronicle, turns

WORD = b"\x55" * 160


def audio_of(messages: list[bytes]) -> list[bytes]:
    """The payloads of append messages; fails for any other message."""
    events = [json.loads(message) for message in messages]
    assert {event["type"] for event in events} <= {"input_audio_buffer.append"}
    return [base64.b64decode(event["audio"]) for event in events]


def on_our_clock(monkeypatch: pytest.MonkeyPatch) -> tuple[Microphone, Chronicle[bytes]]:
    """A microphone that is open, and what it delivers; time is what `CLOCK` says."""
    monkeypatch.setattr("gateway.call.inbound.time", CLOCK)
    audio: Chronicle[bytes] = Chronicle()
    microphone = Microphone(audio.add)
    microphone.start()
    return microphone, audio


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
    assert (inbound.is_open, inbound.appended) == (True, 800)
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


# The carrier's end


def heard(rows: list[bytes]) -> bytes:
    """What was delivered, in one piece."""
    return b"".join(rows)


@pytest.mark.asyncio
async def test_frames_pass_at_once_and_untouched() -> None:
    """Each in the callback that brought it; frames are counted, silence is not."""
    audio: Chronicle[bytes] = Chronicle()
    microphone = Microphone(audio.add)
    microphone.start()
    for number in range(3):
        microphone.frame(media(bytes([number]) * 160, 340 + 20 * number), number * 0.02)
    assert audio.rows == [bytes([number]) * 160 for number in range(3)]
    microphone.frame(media(WORD, 500), 0.16)
    assert audio.rows[3:] == [b"\xff" * 800, WORD]
    assert microphone.frames == 4
    microphone.stop()


@pytest.mark.asyncio
async def test_silence_comes_by_itself_while_frames_stay_away() -> None:
    """In real time, and the frame behind it brings exactly what is missing."""
    audio: Chronicle[bytes] = Chronicle()
    microphone = Microphone(audio.add)
    microphone.start()
    microphone.frame(media(WORD, 340), asyncio.get_running_loop().time())
    await audio.until(lambda rows: len(heard(rows)) >= 160 + 1600)
    assert set(heard(audio.rows[1:])) == {0xFF}
    microphone.frame(media(WORD, 340 + 2000), asyncio.get_running_loop().time())
    assert len(heard(audio.rows)) == 2020 * 8
    microphone.stop()


@pytest.mark.asyncio
async def test_one_timer_looks_rarely_while_frames_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame sets none when there is one; each look sets the next one, soon only in a gap."""
    microphone, audio = on_our_clock(monkeypatch)
    begin = CLOCK.now
    microphone.frame(media(WORD, 0), CLOCK.now)
    first = microphone._timer
    CLOCK.now = begin + LOOK_S
    microphone.frame(media(WORD, 100), CLOCK.now)
    assert microphone._timer is first
    microphone._look()
    assert microphone._look_at == pytest.approx(CLOCK.now + LOOK_S)
    CLOCK.now = begin + 2 * LOOK_S
    assert 2 * LOOK_S - LOOK_S > AWAY_MS / 1000
    microphone._look()
    assert microphone._look_at == pytest.approx(CLOCK.now + 0.02)
    assert audio.rows == [WORD, b"\xff" * 80 * 8, WORD]
    CLOCK.now += 0.03  # in the middle of a frame: no rounding decides
    microphone._look()
    assert audio.rows[-1] == b"\xff" * round((LOOK_S + 0.02 - SLACK_MS / 1000) * 8000)
    microphone.stop()


@pytest.mark.asyncio
async def test_a_loop_that_was_held_up_takes_nobody_for_muted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A look that is late itself waits for what the socket holds; the next one counts again."""
    microphone, audio = on_our_clock(monkeypatch)
    microphone.frame(media(WORD, 0), CLOCK.now)
    CLOCK.now += 1.0
    microphone._look()
    assert audio.rows == [WORD]
    CLOCK.now += 0.03  # in the middle of a frame: no rounding decides
    microphone._look()
    assert len(audio.rows[1]) == 980 * 8
    microphone.stop()


@pytest.mark.asyncio
async def test_frames_a_held_up_machine_has_not_read_yet_are_not_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stall that ends just before a look leaves the look on time and the frames in the socket."""
    microphone, audio = on_our_clock(monkeypatch)
    microphone.frame(media(WORD, 0), CLOCK.now)
    CLOCK.now += LOOK_S + 0.03
    microphone._look()
    for timestamp_ms in range(20, 540, 20):
        microphone.frame(media(WORD, timestamp_ms), CLOCK.now)
    CLOCK.now += 0.02
    microphone._look()
    assert audio.rows == [WORD] * 27
    assert microphone._look_at == pytest.approx(CLOCK.now + LOOK_S)
    microphone.stop()


@pytest.mark.asyncio
async def test_nothing_is_missing_where_no_stream_is() -> None:
    """Before the first stream, after the last, and between two of them."""
    audio: Chronicle[bytes] = Chronicle()
    microphone = Microphone(audio.add)
    microphone.frame(media(WORD, 20), 1.0)
    timers = [microphone._timer]
    microphone.start()
    microphone.frame(media(WORD, 9000), 1.0)
    timers.append(microphone._timer)
    microphone.stop()
    assert [timer and timer.cancelled() for timer in timers] == [None, True]
    microphone.start()
    microphone.frame(media(WORD, 340), 60.0)
    microphone.frame(media(WORD, 360), 60.02)
    microphone.stop()
    await turns()
    assert audio.rows == [WORD] * 4


@pytest.mark.asyncio
async def test_a_veil_is_as_long_as_what_it_covers() -> None:
    """The model's clock goes on; without it the audio is the caller's again."""
    audio: Chronicle[bytes] = Chronicle()
    microphone = Microphone(audio.add)
    microphone.veil = blank
    microphone.frame(media(WORD[:100], 20), 0.0)
    microphone.veil = None
    microphone.frame(media(WORD, 40), 0.02)
    assert audio.rows == [b"\xff" * 100, WORD]
