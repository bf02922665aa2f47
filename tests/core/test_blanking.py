"""Tones of keys are taken out of the caller's audio, speech is not."""

from pathlib import Path

import pytest

from gateway.core.blanking import ToneFilter, blank, has_tone
from gateway.core.g711 import FRAME_BYTES, SILENCE_FRAME, audioop, from_pcm16, to_pcm16
from gateway.core.tones import dtmf

CALLS = Path(__file__).parents[1] / "fixtures" / "calls"
KEYS = "0123456789*#ABCD"


def frames(payload: bytes) -> list[bytes]:
    """Whole frames."""
    return [payload[at : at + FRAME_BYTES] for at in range(0, len(payload), FRAME_BYTES)]


def quieter(payload: bytes, factor: float) -> bytes:
    """The same sound with a smaller amplitude."""
    return from_pcm16(audioop.mul(to_pcm16(payload), 2, factor))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("factor", [1.0, 0.1])
@pytest.mark.parametrize("shift", [0, 50, 110])
def test_every_key_is_recognised(key: str, factor: float, shift: int) -> None:
    """Loud or 20 dB below, wherever the frames lie: in every frame the tone fills."""
    sound = quieter(dtmf(key, 100, 100), factor)[shift:800]
    assert all(has_tone(frame) for frame in frames(sound)[:4])


@pytest.mark.parametrize("name", ["order_question", "interruption", "thanks_goodbye"])
def test_speech_is_hardly_ever_taken_for_a_key(name: str) -> None:
    """Less than one frame in fifty."""
    spoken = frames((CALLS / f"{name}.ulaw").read_bytes())
    assert sum(map(has_tone, spoken)) <= len(spoken) / 50


@pytest.mark.parametrize("payload", [b"", SILENCE_FRAME, b"\xff", b"\x00" * 160, b"\x80\x00" * 80])
def test_what_is_no_tone(payload: bytes) -> None:
    """Nothing, silence, a constant and a square wave."""
    assert not has_tone(payload)


def test_blank_is_as_long() -> None:
    """The model's clock goes on."""
    assert blank(b"\x55" * 123) == b"\xff" * 123


def test_the_filter_begins_shut_and_opens() -> None:
    """Twenty frames are taken out whatever they are, the next one passes."""
    through = ToneFilter()
    passed = [through(b"\x55" * FRAME_BYTES) for _ in range(21)]
    assert passed[:20] == [SILENCE_FRAME] * 20
    assert passed[20] == b"\x55" * FRAME_BYTES


def test_the_filter_takes_out_keys_and_leaves_speech() -> None:
    """Each key that is pressed later; what is said before and behind it passes whole."""
    through = ToneFilter()
    for _ in range(20):
        through(SILENCE_FRAME)
    word = (CALLS / "order_question.ulaw").read_bytes()[3200:8000]
    before = [through(frame) for frame in frames(word)]
    tone = [through(frame) for frame in frames(dtmf("5", 200, 40)[50:1600])]
    for _ in range(5):
        through(SILENCE_FRAME)
    behind = [through(frame) for frame in frames(word)]
    assert b"".join(before) == b"".join(behind) == word
    assert all(payload == b"\xff" * len(payload) for payload in tone)


def test_a_tone_that_lasts_is_taken_out_to_its_end() -> None:
    """A key held down for a second after the entry is over."""
    through = ToneFilter()
    sound = dtmf("9", 1000, 100)
    assert {through(frame) for frame in frames(sound)} == {SILENCE_FRAME}
