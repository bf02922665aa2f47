"""What a softphone on the terminal hears from and plays to: devices, files, nothing.

Owns the clock of the call: a device's own where there is one, else time itself.
"""

import asyncio
import importlib
import time
import wave
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gateway.core.g711 import FRAME_BYTES, FRAME_MS, SAMPLE_RATE, SILENCE_FRAME, to_pcm16
from gateway.core.g711 import from_pcm16 as to_mulaw
from gateway.errors import GatewayError

Talk = Callable[[bytes], bytes]
"""20 ms pass: takes what is said, gives what is heard."""
_MOST_READY = 4
"""Frames a loudspeaker may be behind; more is not latency any more but a device that stalled."""
_ELSE = "or give --input and --output files"


class Tape:
    """What the caller says, from a recording, frame by frame; silence behind it."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    @property
    def over(self) -> bool:
        """True when all of it was said."""
        return self._at >= len(self._payload)

    def next(self) -> bytes:
        """The next 20 ms."""
        frame = self._payload[self._at : self._at + FRAME_BYTES]
        self._at += FRAME_BYTES
        return frame.ljust(FRAME_BYTES, SILENCE_FRAME[:1])


class Sound:
    """Both ends of one caller's ear and mouth."""

    def __init__(
        self,
        tape: Tape | None,
        kept_in: Path | None,
        microphone: str | None = None,
        speaker: str | None = None,
    ) -> None:
        """Without a tape, the microphone; without a file to keep it in, the loudspeaker."""
        self._tape = tape
        self._kept_in = kept_in
        self._devices = (microphone, speaker)
        self._ready: deque[bytes] = deque(maxlen=_MOST_READY)

    async def run(self, talk: Talk) -> None:
        """Lets time pass, until it is cancelled. Raises GatewayError when there is no device."""
        with ExitStack() as open_:
            keep: Callable[[bytes], None] = self._ready.append
            if self._kept_in is not None:
                keep = open_.enter_context(_file(self._kept_in)).writeframes
            if self._tape is not None and self._kept_in is not None:
                await self._by_time(talk, keep)
            await self._by_device(talk, keep)

    def cut(self) -> None:
        """What is on its way to the loudspeaker is not heard any more."""
        self._ready.clear()

    async def _by_time(self, talk: Talk, keep: Callable[[bytes], None]) -> None:
        assert self._tape is not None
        due = time.monotonic()
        while True:
            keep(to_pcm16(talk(self._tape.next())))
            due += FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _by_device(self, talk: Talk, keep: Callable[[bytes], None]) -> None:
        sounddevice = devices_of()
        loop = asyncio.get_running_loop()

        def passed(heard: bytes | None) -> None:
            said = to_mulaw(heard) if heard is not None else SILENCE_FRAME
            keep(to_pcm16(talk(said if self._tape is None else self._tape.next())))

        def block(*buffers: Any) -> None:
            # In the device's own thread; the call's business is done on the loop.
            *sides, _frames, _time, _status = buffers
            heard = None if self._tape is not None else bytes(sides[0])
            if self._kept_in is None:
                sides[-1][:] = self._ready.popleft() if self._ready else bytes(2 * FRAME_BYTES)
            loop.call_soon_threadsafe(passed, heard)

        try:
            with self._stream(sounddevice, block):
                await asyncio.Event().wait()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise GatewayError(f"no sound on this machine: {error}; {_ELSE}") from None

    def _stream(self, sounddevice: Any, block: Callable[..., None]) -> Any:
        """The microphone, the loudspeaker or both, as far as no file stands for them."""
        microphone, speaker = map(_number_or_name, self._devices)
        form: dict[str, Any] = {"samplerate": SAMPLE_RATE, "blocksize": FRAME_BYTES}
        form |= {"channels": 1, "dtype": "int16", "callback": block}
        if self._tape is not None:
            return sounddevice.RawOutputStream(device=speaker, **form)
        if self._kept_in is not None:
            return sounddevice.RawInputStream(device=microphone, **form)
        return sounddevice.RawStream(device=(microphone, speaker), **form)


def devices_of() -> Any:
    """The library of devices. Raises GatewayError, which says what to install."""
    try:
        # By name, because it is an extra: without it nothing else here may fail.
        return importlib.import_module("sounddevice")
    except ModuleNotFoundError:
        needs = "pip install -e '.[audio]'"
        raise GatewayError(f"talking needs sounddevice: {needs}; {_ELSE}") from None
    except OSError:
        needs = "apt install libportaudio2, or brew install portaudio"
        raise GatewayError(f"talking needs PortAudio: {needs}; {_ELSE}") from None


def _number_or_name(device: str | None) -> int | str | None:
    return int(device) if device is not None and device.isdecimal() else device


@contextmanager
def _file(path: Path) -> Iterator[wave.Wave_write]:
    try:
        content = path.open("wb")
    except OSError as error:
        raise GatewayError(f"--output: {path}: {error.strerror or error}") from None
    with content, wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        yield file
