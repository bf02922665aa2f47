"""Recordings of any rate as mu-law."""

import math
import struct
from pathlib import Path

import pytest

from gateway.core.g711 import audioop, level_dbfs, ms_of, silence
from gateway.errors import ConfigError
from gateway.ops.load.sound import load_sound, threshold_of

CALLS = Path(__file__).parents[2] / "fixtures" / "calls"


def tone(rate: int, hertz: float, seconds: float = 0.5, amplitude: int = 8000) -> list[int]:
    """Samples of a sine."""
    step = 2 * math.pi * hertz / rate
    return [round(amplitude * math.sin(step * number)) for number in range(int(rate * seconds))]


def wav(kind: int, channels: int, rate: int, bits: int, data: bytes, extra: bytes = b"") -> bytes:
    """A WAV file, put together by hand."""
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits) + extra
    chunks = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks += b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def strength(payload: bytes, hertz: float) -> float:
    """How much of a frequency is in it, 1 for a full tone."""
    samples = struct.unpack(f"<{len(payload)}h", audioop.ulaw2lin(payload, 2))
    power = math.sqrt(2 * sum(s * s for s in samples) / len(samples)) or 1.0
    step = 2 * math.pi * hertz / 8000
    real = sum(s * math.cos(step * n) for n, s in enumerate(samples))
    imaginary = sum(s * math.sin(step * n) for n, s in enumerate(samples))
    return 2 * math.hypot(real, imaginary) / len(samples) / power


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 44100, 48000])
def test_a_tone_stays_what_it_is(tmp_path: Path, rate: int) -> None:
    """Its pitch, its length and (to 1 dB) its level, at any rate."""
    path = tmp_path / "tone.wav"
    samples = tone(rate, 1000)
    path.write_bytes(wav(1, 1, rate, 16, struct.pack(f"<{len(samples)}h", *samples)))
    payload = load_sound(path)
    assert abs(ms_of(len(payload)) - 500) < 5
    middle = payload[400:3600]
    assert strength(middle, 1000) > 0.98
    assert level_dbfs(middle) == pytest.approx(20 * math.log10(8000 / 32768 / math.sqrt(2)), abs=1)


def test_what_the_line_cannot_carry_is_filtered_out(tmp_path: Path) -> None:
    """A whistle of 7 kHz does not come back as one of 1 kHz."""
    path = tmp_path / "whistle.wav"
    samples = tone(48000, 7000)
    path.write_bytes(wav(1, 1, 48000, 16, struct.pack(f"<{len(samples)}h", *samples)))
    assert level_dbfs(load_sound(path)[400:3600]) < -50


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_linear_samples_of_any_width(tmp_path: Path, bits: int) -> None:
    """Unsigned in eight bits, signed in more."""
    pcm = struct.pack("<800h", *tone(8000, 500, 0.1))
    width = bits // 8
    data = audioop.lin2lin(pcm, 2, width)
    path = tmp_path / "a.wav"
    path.write_bytes(wav(1, 1, 8000, bits, audioop.bias(data, 1, 128) if bits == 8 else data))
    assert strength(load_sound(path), 500) > 0.95


def test_two_channels_become_one(tmp_path: Path) -> None:
    """Their mean."""
    left = struct.pack("<800h", *tone(8000, 500, 0.1))
    both = audioop.add(audioop.tostereo(left, 2, 1, 0), audioop.tostereo(left, 2, 0, 0), 2)
    path = tmp_path / "a.wav"
    path.write_bytes(wav(0xFFFE, 2, 8000, 16, both, struct.pack("<HHIH", 22, 16, 3, 1) + bytes(14)))
    payload = load_sound(path)
    assert len(payload) == 800
    assert strength(payload, 500) > 0.98


def test_g711_in_any_dress(tmp_path: Path) -> None:
    """Raw, and in a WAV file."""
    pcm = struct.pack("<800h", *tone(8000, 500, 0.1))
    mulaw, alaw = audioop.lin2ulaw(pcm, 2), audioop.lin2alaw(pcm, 2)
    for name, content in {
        "a.ulaw": mulaw,
        "a.alaw": alaw,
        "u.wav": wav(7, 1, 8000, 8, mulaw),
        "l.wav": wav(6, 1, 8000, 8, alaw),
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert strength(load_sound(path), 500) > 0.95, name
    assert load_sound(tmp_path / "a.ulaw") == load_sound(tmp_path / "u.wav") == mulaw


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.mp3", b"ID3", r"\.ulaw, \.alaw or \.wav"),
        ("a.ulaw", b"", "no sound"),
        ("a.wav", b"RIFF", "no WAV file"),
        ("a.wav", b"RIFF\4\0\0\0WAVE", "no sound"),
        ("a.wav", wav(1, 6, 8000, 16, bytes(24)), "6 channels"),
        ("a.wav", wav(1, 1, 500, 16, bytes(24)), "500 Hz"),
        ("a.wav", wav(85, 1, 8000, 16, bytes(24)), "format 85"),
        ("a.wav", wav(1, 1, 8000, 16, b""), "no sound"),
        ("a.wav", wav(1, 1, 8000, 16, bytes(8)).replace(b"fmt ", b"xxxx"), "does not say"),
    ],
)
def test_what_cannot_be_played_is_named(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    """File and reason, in one line."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as raised:
        load_sound(path)
    assert str(path) in str(raised.value)
    with pytest.raises(ConfigError, match="No such file"):
        load_sound(tmp_path / "none.ulaw")


def test_noise_behind_a_voice_is_no_speech() -> None:
    """Silence is the quietest there is; a noisy line has its threshold above the noise."""
    assert threshold_of(silence(200)) == 100
    noisy = threshold_of((CALLS / "very_noisy_question.ulaw").read_bytes())
    clean = threshold_of((CALLS / "order_question.ulaw").read_bytes())
    assert clean < noisy
