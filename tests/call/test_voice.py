"""The agent's audio on its way to mu-law: converted per item, looked at once."""

import math
from array import array
from pathlib import Path

import pytest

from gateway.call.voice import Voice
from gateway.core.g711 import from_pcm16
from gateway.core.ledger import Item
from gateway.core.transcode import decoder, encoder

GREETING = Path(__file__).parents[2] / "gateway/sim/speech/assistant/greeting.ulaw"


def tone(ms: int, rate: int, hz: float = 440.0) -> bytes:
    """16-bit linear samples of a tone."""
    count = ms * rate // 1000
    samples = (round(8000 * math.sin(2 * math.pi * hz * n / rate)) for n in range(count))
    return array("h", samples).tobytes()


def voice(wire_format: str) -> tuple[Voice, list[str]]:
    """A voice, and what it finds wrong."""
    wrong: list[str] = []
    return Voice(wire_format, wrong.append), wrong


def test_mulaw_passes_untouched() -> None:
    """The very same bytes, of any length, and nothing is held back."""
    it, wrong = voice("audio/pcmu")
    item, audio = Item("a"), from_pcm16(tone(333, 8000))
    assert it.payload(item, audio) is audio
    assert it.rest(item) == b""
    assert it.length(audio) == len(audio)
    assert wrong == []


def test_linear_audio_is_converted_per_item() -> None:
    """Each item sounds as if it were alone, however its audio was cut."""
    audio = tone(400, 24000)
    for parts in ([audio], [audio[:999], audio[999:]]):
        it, wrong = voice("audio/pcm")
        for name in ("a", "b"):
            item = Item(name)
            made = b"".join(it.payload(item, part) for part in parts) + it.rest(item)
            alone = decoder("audio/pcm")
            assert alone is not None
            assert made == alone.feed(audio) + alone.flush()
            assert len(made) == 3200
        assert wrong == []


def test_an_item_that_was_left_is_not_finished_later() -> None:
    """What is held back belongs to the item that is being spoken."""
    it, _ = voice("audio/pcm")
    first, second = Item("a"), Item("b")
    it.payload(first, tone(100, 24000))
    it.payload(second, tone(100, 24000))
    assert it.rest(first) == b""
    assert it.rest(second) != b""
    assert it.rest(second) == b""


@pytest.mark.parametrize(
    ("wire_format", "length"), [("audio/pcmu", 961), ("audio/pcma", 961), ("audio/pcm", 160)]
)
def test_lengths_are_told_in_mulaw(wire_format: str, length: int) -> None:
    """What was dropped unconverted still counts in milliseconds."""
    assert voice(wire_format)[0].length(bytes(961)) == length


def test_audio_of_another_format_is_noticed_once() -> None:
    """Linear audio where mu-law was promised is noise."""
    it, wrong = voice("audio/pcmu")
    linear = encoder("audio/pcm")
    assert linear is not None
    noise = linear.feed(GREETING.read_bytes())
    item = Item("a")
    for begin in range(0, len(noise), 9600):
        played = it.payload(item, noise[begin : begin + 9600])
    assert wrong == ["the audio looks like pcm16, not audio/pcmu"]
    assert played == b""
