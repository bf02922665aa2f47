"""Telephone audio: sizes, silence, levels and the way to linear samples and back."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway
from gateway.core import g711


def test_constants_describe_one_format() -> None:
    """Eight thousand one-byte samples a second make 160 bytes in a frame of 20 ms."""
    assert g711.BYTES_PER_MS * 1000 == g711.SAMPLE_RATE
    assert g711.FRAME_MS * g711.BYTES_PER_MS == g711.FRAME_BYTES == 160
    assert bytes([g711.SILENCE]) * g711.FRAME_BYTES == g711.SILENCE_FRAME == g711.silence(20)


def test_silence_has_no_amplitude() -> None:
    """The silence codeword decodes to zero."""
    assert g711.to_pcm16(g711.silence(5)) == bytes(2 * 40)


@pytest.mark.parametrize(
    ("n_bytes", "whole"), [(0, 0), (1, 0), (159, 0), (160, 160), (161, 160), (480, 480)]
)
def test_whole_frames_rounds_down(n_bytes: int, whole: int) -> None:
    """A part of a frame does not count."""
    assert g711.whole_frames(n_bytes) == whole


@given(st.binary(max_size=700))
def test_padding_completes_the_last_frame_with_silence(payload: bytes) -> None:
    """Nothing is cut, only silence is added, and less than a frame of it."""
    padded = g711.pad_to_frame(payload)
    assert padded.startswith(payload)
    assert g711.whole_frames(len(padded)) == len(padded) < len(payload) + g711.FRAME_BYTES
    assert set(padded[len(payload) :]) <= {g711.SILENCE}


@given(st.integers(0, 10**6))
def test_bytes_and_milliseconds_are_inverse(ms: int) -> None:
    """A duration survives the way through bytes, and so does silence of that duration."""
    assert g711.ms_of(g711.bytes_of(ms)) == ms
    assert len(g711.silence(ms % 1000)) == g711.bytes_of(ms % 1000)


def test_a_part_of_a_millisecond_is_kept() -> None:
    """Single bytes are an eighth of a millisecond."""
    assert g711.ms_of(1) == 0.125


@pytest.mark.parametrize("payload", [b"", g711.SILENCE_FRAME, b"\x7f" * 160])
def test_silence_and_nothing_have_the_floor_level(payload: bytes) -> None:
    """No amplitude is minus 96 dB, not minus infinity."""
    assert g711.level_dbfs(payload) == -96.0


def test_level_of_a_known_tone() -> None:
    """A sine of half the full scale lies 9 dB below it."""
    tone = [round(16384 * math.sin(2 * math.pi * 400 * i / 8000)) for i in range(8000)]
    pcm = b"".join(sample.to_bytes(2, "little", signed=True) for sample in tone)
    level = g711.level_dbfs(g711.from_pcm16(pcm))
    assert level == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.1)


def test_the_loudest_codewords_stay_below_full_scale() -> None:
    """Mu-law ends at 32124, just under full scale."""
    assert g711.level_dbfs(b"\x00\x80" * 80) == pytest.approx(20 * math.log10(32124 / 32768))


def test_every_codeword_survives_linear_samples() -> None:
    """Only the two zeros of mu-law become one."""
    every = bytes(range(256))
    there_and_back = g711.from_pcm16(g711.to_pcm16(every))
    assert there_and_back == every.replace(b"\x7f", b"\xff")


def test_half_a_sample_is_refused() -> None:
    """An odd number of bytes is not linear audio."""
    with pytest.raises(g711.audioop.error):
        g711.from_pcm16(b"\x00\x00\x00")


def test_audioop_is_imported_nowhere_else() -> None:
    """The module that disappears from the standard library has one door in the whole package."""
    imports = re.compile(r"^\s*(import audioop|from audioop)", re.MULTILINE)
    package = Path(gateway.__file__).parent
    files = [path for path in package.rglob("*.py") if imports.search(path.read_text("utf-8"))]
    assert [path.relative_to(package).as_posix() for path in files] == ["core/g711.py"]
