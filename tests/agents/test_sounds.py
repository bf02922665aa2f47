"""Recordings beside the agents' files: played as they are, or refused with what to do."""

import wave
from pathlib import Path

import pytest

from gateway.agents import sounds
from gateway.agents.sounds import SoundFault, read_sound
from gateway.core.g711 import from_pcm16

SAMPLES = b"\x10\x20" * 160


def wav(path: Path, *, channels: int = 1, width: int = 2, rate: int = 8000) -> Path:
    """A WAV file of that shape."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(SAMPLES)
    return path


def test_both_kinds_become_whole_frames(tmp_path: Path) -> None:
    """Raw mu-law as it is, a WAV file converted; the last frame is filled with silence."""
    raw = tmp_path / "a.ulaw"
    raw.write_bytes(b"U" * 200)
    assert read_sound(raw) == b"U" * 200 + b"\xff" * 120
    assert read_sound(wav(tmp_path / "b.wav")) == from_pcm16(SAMPLES)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"channels": 2}, r"2 channel\(s\) of 16 bits at 8000 Hz"),
        ({"rate": 44100}, "at 44100 Hz"),
        ({"width": 1}, "of 8 bits"),
    ],
)
def test_a_wav_of_another_shape_is_told_how_to_make_one(
    tmp_path: Path, shape: dict[str, int], words: str
) -> None:
    """What it has, what a line needs, and a command that makes it."""
    with pytest.raises(SoundFault, match=words) as caught:
        read_sound(wav(tmp_path / "a.wav", **shape))
    assert "sox a.wav -r 8000 -c 1 -b 16" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.mp3", b"x", "must be a .wav or .ulaw file"),
        ("a.ulaw", b"", "is empty"),
        ("a.wav", b"RIFF", "is no WAV file"),
        ("a.wav", b"nothing of the kind", "is no WAV file"),
        ("nowhere.ulaw", None, "no file"),
    ],
)
def test_what_cannot_be_played_is_refused(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    """In a sentence that names the file."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SoundFault, match=words):
        read_sound(tmp_path / name)


def test_a_wav_that_was_cut_within_a_sample_is_refused(tmp_path: Path) -> None:
    """An upload that broke off."""
    path = wav(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SoundFault, match="is no WAV file"):
        read_sound(path)


def test_a_recording_has_its_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens to a greeting of many minutes, and every call keeps it in memory."""
    monkeypatch.setattr(sounds, "LONGEST_S", 1)
    (tmp_path / "a.ulaw").write_bytes(b"U" * 8001)
    with pytest.raises(SoundFault, match="longer than 1 seconds"):
        read_sound(tmp_path / "a.ulaw")
