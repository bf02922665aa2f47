"""`gateway sim record`: a WAV file becomes a caller."""

import json
import wave
from pathlib import Path

import pytest

from gateway.ops.load.fixtures import load_fixture
from gateway.sim.twilio.steps import Play
from tests.cli.conftest import Command


@pytest.fixture
def recording(nothing_set: None, tmp_path: Path) -> Path:
    """Half a second at 16 kHz."""
    path = tmp_path / "hello.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"\x00\x10\x00\xf0" * 4000)
    return path


def test_a_recording_becomes_mulaw(command: Command, recording: Path) -> None:
    """Beside it, in whole frames."""
    done = command("sim", "record", str(recording))
    assert (done.code, done.err) == (0, "")
    content = recording.with_suffix(".ulaw").read_bytes()
    assert len(content) % 160 == 0
    assert abs(len(content) - 4000) <= 160
    assert f"{recording.with_suffix('.ulaw')}: 0.5" in done.out


def test_a_timeline_has_its_sound_beside_it(command: Command, recording: Path) -> None:
    """And can be played by the load test."""
    out = recording.parent / "caller.json"
    assert command("sim", "record", str(recording), "-o", str(out)).code == 0
    assert json.loads(out.read_text())["name"] == "caller"
    (play,) = (step for step in load_fixture(out).steps if isinstance(step, Play))
    assert play.payload == out.with_suffix(".ulaw").read_bytes()


def test_what_cannot_be_meant_is_refused(command: Command, recording: Path) -> None:
    """One line, exit 2."""
    for words, said in (
        (("none.wav",), "none.wav: No such file"),
        ((str(recording), "-o", "a.mp3"), "a.mp3: a fixture is"),
        ((str(recording), "-o", "nowhere/a.ulaw"), "nowhere/a.ulaw: No such file"),
    ):
        done = command("sim", "record", *words)
        assert done.code in (1, 2)
        assert said in done.err
        assert len(done.err.splitlines()) == 1
    command("sim", "record", str(recording))
    again = command("sim", "record", str(recording.with_suffix(".ulaw")))
    assert (again.code, "a fixture already" in again.err) == (2, True)
