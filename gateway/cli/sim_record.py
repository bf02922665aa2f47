"""``gateway sim record``: a WAV file becomes a caller for load tests and simulated calls."""

import json
from pathlib import Path

import typer

from gateway.core.g711 import ms_of, pad_to_frame
from gateway.errors import ConfigError, GatewayError
from gateway.ops.load.sound import load_sound


def run_record(source: Path, out: Path | None) -> int:
    """Writes the mu-law file, or a timeline with it beside it. Raises ConfigError, GatewayError."""
    target = source.with_suffix(".ulaw") if out is None else out
    if target.suffix not in (".ulaw", ".json"):
        raise ConfigError(f"{target}: a fixture is a .ulaw file, or .json with a .ulaw beside it")
    sound = target.with_suffix(".ulaw")
    if sound.resolve() == source.resolve():
        raise ConfigError(f"{source}: this is a fixture already")
    payload = pad_to_frame(load_sound(source))
    _write(sound, payload)
    if target.suffix == ".json":
        timeline = {
            "name": target.stem,
            "duration_ms": int(ms_of(len(payload))),
            "caller": [
                {"step": "wait_for_agent", "heard_ms": 300, "timeout_ms": 15_000},
                {"step": "wait_for_silence", "ms": 700},
                {"step": "play", "path": sound.name},
                {"step": "wait_for_agent", "heard_ms": 300, "timeout_ms": 15_000},
                {"step": "wait_for_silence", "ms": 1500},
                {"step": "hang_up"},
            ],
        }
        _write(target, (json.dumps(timeline, indent=2) + "\n").encode())
    typer.echo(f"{target}: {ms_of(len(payload)) / 1000:.2f} s")
    return 0


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise GatewayError(f"{path}: {error.strerror or error}") from None
