"""``gateway calls play``: a recording on this machine's loudspeakers, caller left, agent right."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from gateway.cli.calls import record_of
from gateway.cli.calls_audio import PCM_BYTES_PER_MS, Side, pcm_of, sound_of
from gateway.cli.calls_text import console, length, offset
from gateway.core.g711 import SAMPLE_RATE
from gateway.errors import GatewayError
from gateway.settings import load_settings

STEP_MS = 100
"""How much is handed to the loudspeakers at a time: the position is shown, and Ctrl-C obeyed."""
_ELSE = "`gateway calls export ID --audio` writes a file that every player plays"


def run_play(call_id: str, *, from_s: float, only: Side | None) -> int:
    """Plays a call from a moment of it (s, as ``calls show`` counts) until it is over or Ctrl-C.

    Raises GatewayError when there is no such call, recording, loudspeaker or moment.
    """
    settings = load_settings()
    call = record_of(settings, call_id)["call"]
    pcm = pcm_of(sound_of(settings, call), only)
    begun_ms = call["recording_from_ms"] or 0.0
    start = max(0, round(from_s * 1000 - begun_ms)) * PCM_BYTES_PER_MS
    if start >= len(pcm):
        ends = length(begun_ms + len(pcm) / PCM_BYTES_PER_MS)
        raise GatewayError(f"--from: the recording ends at {ends}")
    with speaker() as write:
        play(write, pcm[start:], begun_ms + start / PCM_BYTES_PER_MS, console())
    return 0


def play(write: Callable[[bytes], None], pcm: bytes, at_ms: float, out: Console) -> None:
    """Plays stereo PCM16, and shows where in the call it is; ``at_ms`` is where it begins."""
    end = offset(at_ms + len(pcm) / PCM_BYTES_PER_MS)
    columns = (TextColumn("{task.fields[at]}"), BarColumn(), TextColumn(end))
    step = STEP_MS * PCM_BYTES_PER_MS
    with Progress(*columns, console=out, disable=not out.is_terminal) as progress:
        task = progress.add_task("", total=len(pcm), at=offset(at_ms))
        try:
            for begin in range(0, len(pcm), step):
                write(pcm[begin : begin + step])
                here = offset(at_ms + min(begin + step, len(pcm)) / PCM_BYTES_PER_MS)
                progress.update(task, advance=step, at=here)
        except KeyboardInterrupt:
            out.print("stopped")


@contextmanager
def speaker() -> Iterator[Callable[[bytes], None]]:
    """The loudspeakers: what plays stereo PCM16 at 8 kHz, and returns when there is room for more.

    Raises GatewayError, which says what to install.
    """
    try:
        # By name, because it is an extra: without it nothing else here may fail.
        sounddevice = importlib.import_module("sounddevice")
    except ModuleNotFoundError:
        needs = "pip install 'gateway[audio]'"
        raise GatewayError(f"playing needs sounddevice: {needs}; {_ELSE}") from None
    except OSError:
        needs = "apt install libportaudio2, or brew install portaudio"
        raise GatewayError(f"playing needs PortAudio: {needs}; {_ELSE}") from None
    try:
        with sounddevice.RawOutputStream(SAMPLE_RATE, channels=2, dtype="int16") as stream:
            yield stream.write
    except sounddevice.PortAudioError as error:
        raise GatewayError(f"cannot play on this machine: {error}; {_ELSE}") from None
