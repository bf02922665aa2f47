"""What a softphone on the terminal hears from and plays to; there are no devices here."""

import asyncio
import importlib
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.talk_sound import Sound, Tape, devices_of
from gateway.core.g711 import to_pcm16
from gateway.errors import GatewayError

QUIET = b"\xff" * 160
TONE = bytes(range(160))


def test_a_tape_is_said_in_frames_with_silence_behind() -> None:
    """The last one is filled up."""
    tape = Tape(TONE + TONE[:10])
    assert [tape.next(), tape.over] == [TONE, False]
    assert [tape.next(), tape.over] == [TONE[:10] + QUIET[10:], True]
    assert tape.next() == QUIET


@pytest.mark.asyncio
async def test_files_need_no_device(tmp_path: Path) -> None:
    """What is heard is in the file, frame for frame."""
    path, said = tmp_path / "out.wav", []
    enough = asyncio.Event()

    def talk(frame: bytes) -> bytes:
        said.append(frame)
        if len(said) == 3:
            enough.set()
        return TONE

    running = asyncio.create_task(Sound(Tape(TONE), path).run(talk))
    async with asyncio.timeout(10):
        await enough.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert said[:3] == [TONE, QUIET, QUIET]
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        assert file.readframes(480)[:960] == to_pcm16(TONE * 3)


@pytest.mark.asyncio
async def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(GatewayError, match=r"--output: .*no-folder"):
        await Sound(Tape(TONE), tmp_path / "no-folder" / "x.wav").run(lambda _: QUIET)


class Device:
    """A sound card that is driven by hand."""

    PortAudioError = OSError

    def __init__(self) -> None:
        self.callback: Callable[..., None] | None = None
        self.form: dict[str, Any] = {}
        self.opened = asyncio.Event()

    def stream(self, **form: Any) -> Any:
        """Opened like one of sounddevice's."""
        self.form, self.callback = form, form["callback"]
        self.opened.set()
        return _Open()

    RawStream = RawInputStream = RawOutputStream = property(lambda self: self.stream)


class _Open:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.asyncio
async def test_a_device_is_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its blocks are what is said; what is heard is played with the next, unless it was cut."""
    device = Device()
    monkeypatch.setattr(importlib, "import_module", lambda _name: device)
    said: list[bytes] = []

    def talk(frame: bytes) -> bytes:
        said.append(frame)
        return TONE

    sound = Sound(None, None, "2", "Big loudspeaker")
    running = asyncio.create_task(sound.run(talk))
    async with asyncio.timeout(10):
        await device.opened.wait()
    assert device.form["device"] == (2, "Big loudspeaker")
    assert (device.form["samplerate"], device.form["blocksize"]) == (8000, 160)
    assert device.callback is not None
    played: list[bytes] = []
    for cut in (False, False, True):
        out = bytearray(320)
        device.callback(to_pcm16(TONE), out, 160, None, None)
        played.append(bytes(out))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if cut:
            sound.cut()
    out = bytearray(b"x" * 320)
    device.callback(to_pcm16(TONE), out, 160, None, None)
    played.append(bytes(out))
    assert played == [bytes(320), to_pcm16(TONE), to_pcm16(TONE), bytes(320)]
    assert to_pcm16(said[0]) == to_pcm16(TONE)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    ("fault", "words"),
    [(ModuleNotFoundError, r"install -e .\.\[audio\]"), (OSError, "libportaudio2")],
)
def test_what_is_missing_is_told(
    monkeypatch: pytest.MonkeyPatch, fault: type[Exception], words: str
) -> None:
    """And how to do without."""

    def missing(_name: str) -> Any:
        raise fault

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(GatewayError, match=words) as told:
        devices_of()
    assert "--input and --output" in str(told.value)
