"""The formats a model may speak: the caller's voice survives the way there and back."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.g711 import audioop, from_pcm16, level_dbfs, silence, to_pcm16
from gateway.core.transcode import Decoder, Encoder, decoder, encoder

OTHERS = pytest.mark.parametrize("wire_format", ["audio/pcma", "audio/pcm"])
EDGE = 40


def tone(hz: float = 1000.0, n: int = 8000, peak: float = 8000.0) -> bytes:
    """Payload of a tone."""
    turn = 2 * math.pi * hz / 8000
    return from_pcm16(array("h", (round(peak * math.sin(turn * i)) for i in range(n))).tobytes())


def pair(wire_format: str) -> tuple[Encoder, Decoder]:
    """Both ways of a format that is not the line's own."""
    there, back = encoder(wire_format), decoder(wire_format)
    assert there is not None
    assert back is not None
    return there, back


def pieces(audio: bytes, longest: int, seed: int) -> Iterable[bytes]:
    """The audio cut anywhere."""
    chance = random.Random(seed)
    while audio:
        n = chance.randint(1, longest)
        yield audio[:n]
        audio = audio[n:]


def there_and_back(wire_format: str, payload: bytes, seed: int | None = None) -> bytes:
    """Payload on its way to the model and back; cut anywhere, twice, if there is a seed."""
    there, back = pair(wire_format)
    longest = len(payload) if seed is None else 500
    sent = b"".join(map(there.feed, pieces(payload, longest, seed or 0)))
    longest = len(sent) if seed is None else 3000
    return b"".join(map(back.feed, pieces(sent, longest, seed or 0))) + back.flush()


def sinad_db(payload: bytes, hz: float) -> float:
    """How far a tone stands above all that is not it, clicks included."""
    samples = array("h", to_pcm16(payload))[EDGE:-EDGE]
    samples = samples[: len(samples) // 8 * 8]
    turn = 2 * math.pi * hz / 8000
    sines = [math.sin(turn * i) for i in range(len(samples))]
    cosines = [math.cos(turn * i) for i in range(len(samples))]
    a = 2 * sum(map(float.__mul__, sines, map(float, samples))) / len(samples)
    b = 2 * sum(map(float.__mul__, cosines, map(float, samples))) / len(samples)
    left = (x - a * s - b * c for x, s, c in zip(samples, sines, cosines, strict=True))
    noise = sum(x * x for x in left) / len(samples)
    return 10 * math.log10((a * a + b * b) / 2 / noise)


def test_the_format_of_the_line_needs_no_way() -> None:
    """Mu-law passes untouched, so there is nothing that could touch it."""
    assert decoder("audio/pcmu") is None
    assert encoder("audio/pcmu") is None


@pytest.mark.parametrize("make", [decoder, encoder])
def test_another_format_is_refused_by_name(make: object) -> None:
    """A format nobody knows is an error, not silence."""
    assert callable(make)
    with pytest.raises(ValueError, match="audio/opus"):
        make("audio/opus")


@OTHERS
@pytest.mark.parametrize("hz", [400, 1000, 3000])
def test_a_tone_keeps_its_level(wire_format: str, hz: int) -> None:
    """Both ways together change it by less than a tenth of a decibel."""
    payload = tone(hz)
    back = there_and_back(wire_format, payload)
    assert level_dbfs(back[EDGE:-EDGE]) == pytest.approx(level_dbfs(payload[EDGE:-EDGE]), abs=0.1)


@OTHERS
@pytest.mark.parametrize("seed", range(3))
def test_pieces_leave_no_clicks(wire_format: str, seed: int) -> None:
    """Cut anywhere the audio is the same, and the tone as pure as mu-law allows (38 dB)."""
    payload = tone()
    back = there_and_back(wire_format, payload, seed)
    assert back == there_and_back(wire_format, payload)
    assert sinad_db(payload, 1000) > 37
    assert sinad_db(back, 1000) > 33


def test_a_law_is_the_standard_one() -> None:
    """Both tables agree with the standard's own two steps, by way of linear samples."""
    every = bytes(range(256))
    there, back = pair("audio/pcma")
    assert there.feed(every) == audioop.lin2alaw(audioop.ulaw2lin(every, 2), 2)
    assert back.feed(every) == audioop.lin2ulaw(audioop.alaw2lin(every, 2), 2)


@OTHERS
def test_silence_stays_silent(wire_format: str) -> None:
    """The caller hears no hiss between the words."""
    assert level_dbfs(there_and_back(wire_format, silence(100))) < -70


@given(st.integers(0, 3000))
def test_payload_never_outlasts_the_audio(n_bytes: int) -> None:
    """To the byte as long as the item, so that what is truncated always lies within it."""
    _, back = pair("audio/pcm")
    ms = n_bytes // 2 / 24
    assert len(back.feed(bytes(n_bytes)) + back.flush()) == math.ceil(round(ms * 8, 6))


@OTHERS
@given(st.integers(0, 2000))
def test_the_model_hears_no_more_than_was_said(wire_format: str, n_bytes: int) -> None:
    """A frame gives a frame, but for the 1.5 ms the filter looks ahead."""
    there, _ = pair(wire_format)
    heard = there.feed(silence(250)[:n_bytes])
    lasting = len(heard) / (8 if wire_format == "audio/pcma" else 48)
    assert n_bytes / 8 - 1.5 <= lasting <= n_bytes / 8


@OTHERS
def test_a_decoder_is_ready_for_another_item(wire_format: str) -> None:
    """After the end of an item nothing of it is left."""
    there, back = pair(wire_format)
    audio = there.feed(tone())
    first = back.feed(audio) + back.flush()
    assert back.feed(audio) + back.flush() == first
