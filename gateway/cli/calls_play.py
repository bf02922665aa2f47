"""``gateway calls play``: a recording on this machine's loudspeakers, caller left, agent right."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from gateway.cli.calls import record_of
from gateway.cli.calls_audio import stereo_of
from gateway.cli.calls_text import console, offset
from gateway.core.g711 import SAMPLE_RATE, to_pcm16
from gateway.errors import GatewayError
from gateway.settings import load_settings
from gateway.store.recordings.audio import agent, caller

Side = Literal["left", "right"]
"""The caller is left, the agent right."""
STEP_MS = 100
"""How much is handed to the loudspeakers at a time: the position is shown, and Ctrl-C obeyed."""
_BYTES_PER_MS = 16
"""Of stereo mu-law."""
_ELSE = "`gateway calls export ID --audio` writes a file that every player plays"


def run_play(call_id: str, *, from_s: float, only: Side | None) -> int:
    """Plays a call from a moment of it (s, as ``calls show`` counts) until it is over or Ctrl-C.

    Raises GatewayError when there is no such call, recording, loudspeaker or moment.
    """
    settings = load_settings()
    call = record_of(settings, call_id)["call"]
    stereo = stereo_of(settings, call)
    begun_ms = call["recording_from_ms"] or 0.0
    start_ms = max(0, round(from_s * 1000 - begun_ms))
    rest = stereo[start_ms * _BYTES_PER_MS :]
    if not rest:
        raise GatewayError(f"--from: the recording ends at {offset(_end(stereo, begun_ms))}")
    with speaker() as write:
        play(write, rest if only is None else one_side(rest, only), begun_ms + start_ms, console())
    return 0


def one_side(stereo: bytes, side: Side) -> bytes:
    """One side of the call on both ears."""
    chosen = caller(stereo) if side == "left" else agent(stereo)
    both = bytearray(2 * len(chosen))
    both[0::2] = both[1::2] = chosen
    return bytes(both)


def play(write: Callable[[bytes], None], stereo: bytes, at_ms: float, out: Console) -> None:
    """Plays mu-law, and shows where in the call it is; ``at_ms`` is where it begins."""
    columns = (
        TextColumn("{task.fields[at]}"),
        BarColumn(),
        TextColumn(offset(_end(stereo, at_ms))),
    )
    step = STEP_MS * _BYTES_PER_MS
    with Progress(*columns, console=out, disable=not out.is_terminal) as progress:
        task = progress.add_task("", total=len(stereo), at=offset(at_ms))
        try:
            for begin in range(0, len(stereo), step):
                part = stereo[begin : begin + step]
                write(to_pcm16(part))
                here = offset(_end(part, at_ms + begin / _BYTES_PER_MS))
                progress.update(task, advance=len(part), at=here)
        except KeyboardInterrupt:
            out.print("stopped")


def _end(stereo: bytes, begin_ms: float) -> float:
    return begin_ms + len(stereo) / _BYTES_PER_MS


@contextmanager
def speaker() -> Iterator[Callable[[bytes], None]]:
    """The loudspeakers: what plays stereo PCM16 at 8 kHz, and returns when there is room for more.

    Raises GatewayError, which says what to install.
    """
    try:
        # By name, because it is an extra: without it nothing else here may fail.
        sounddevice = importlib.import_module("sounddevice")
    except ModuleNotFoundError:
        needs = "pip install -e '.[audio]'"
        raise GatewayError(f"playing needs sounddevice: {needs}; {_ELSE}") from None
    except OSError:
        needs = "apt install libportaudio2, or brew install portaudio"
        raise GatewayError(f"playing needs PortAudio: {needs}; {_ELSE}") from None
    try:
        with sounddevice.RawOutputStream(SAMPLE_RATE, channels=2, dtype="int16") as stream:
            yield stream.write
    except sounddevice.PortAudioError as error:
        raise GatewayError(f"cannot play on this machine: {error}; {_ELSE}") from None
