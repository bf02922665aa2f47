"""Steps as data: from JSON, and the sound files they name."""

import wave
from pathlib import Path
from typing import Any

import pytest

from gateway.core.g711 import audioop
from gateway.errors import ConfigError
from gateway.sim.twilio.steps import (
    Drop,
    Dtmf,
    HangUp,
    Mute,
    Pause,
    Play,
    WaitForAgent,
    WaitForSilence,
    WaitUntil,
    checked,
    load_payload,
    steps_from_json,
)


def test_every_step_can_be_written_in_json(tmp_path: Path) -> None:
    """The JSON names are the steps' own in small letters; paths are below the folder."""
    script: list[dict[str, Any]] = [
        {"step": "wait_for_agent", "heard_ms": 300},
        {"step": "play", "path": "hello.ulaw"},
        {"step": "wait_for_silence", "ms": 800, "timeout_ms": 5000},
        {"step": "pause", "ms": 100},
        {"step": "wait_until", "at_ms": 9000},
        {"step": "mute", "ms": 60},
        {"step": "dtmf", "digits": "12#"},
        {"step": "hang_up"},
        {"step": "drop"},
    ]
    assert steps_from_json(script, tmp_path) == (
        WaitForAgent(300),
        Play(tmp_path / "hello.ulaw"),
        WaitForSilence(800, 5000),
        Pause(100),
        WaitUntil(9000),
        Mute(60),
        Dtmf("12#"),
        HangUp(),
        Drop(),
    )


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({}, "step 1: 'step' must be one of"),
        ({"step": "sing"}, "step 1: 'step' must be one of"),
        ({"step": "pause"}, "a field is missing"),
        ({"step": "pause", "ms": "long"}, "ms must be int"),
        ({"step": "pause", "ms": True}, "ms must be int"),
        ({"step": "pause", "ms": 1, "seconds": 1}, "unknown field 'seconds'"),
        ({"step": "play"}, "path is missing"),
        ({"step": "play", "payload": "AA=="}, "unknown field 'payload'"),
        ({"step": "dtmf", "digits": "x"}, "digits"),
    ],
)
def test_a_wrong_step_is_named(item: dict[str, Any], complaint: str) -> None:
    """The error says which step and what about it."""
    with pytest.raises(ConfigError, match=complaint):
        steps_from_json([item])


def test_files_are_mulaw_or_wav(tmp_path: Path) -> None:
    """A WAV file is converted, anything else is taken as it is."""
    raw, sound = tmp_path / "a.ulaw", tmp_path / "b.wav"
    payload = bytes(range(128, 255))
    raw.write_bytes(payload)
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(audioop.ulaw2lin(payload, 2))
    assert load_payload(Play(raw)) == payload
    assert load_payload(Play(sound)) == payload
    assert load_payload(Play(payload=b"abc")) == b"abc"


def test_a_file_that_cannot_be_played_is_named(tmp_path: Path) -> None:
    """Missing, broken and stereo files are mistakes of the script."""
    broken, stereo = tmp_path / "broken.wav", tmp_path / "stereo.wav"
    broken.write_bytes(b"RIFF")
    with wave.open(str(stereo), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
    for path in (tmp_path / "none.ulaw", broken, stereo):
        with pytest.raises(ConfigError, match=path.name):
            load_payload(Play(path))


def test_only_keys_of_a_telephone_can_be_pressed() -> None:
    """An empty or strange digit string is refused."""
    assert checked(Dtmf("0*#A")) == Dtmf("0*#A")
    for digits in ("", "E", "1 2"):
        with pytest.raises(ConfigError):
            checked(Dtmf(digits))
