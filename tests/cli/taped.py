"""Recordings for tests of the commands: files as they lie in the folder of recordings."""

from pathlib import Path
from typing import Any

from gateway.store.recordings.tapefile import form_of
from gateway.store.recordings.vault import Vault
from tests.store.sample import Rows, record_calls, sample_call

FROM_MS = 900.0
CALLER = b"\x10" * 8 * 600 + b"\xff" * 8 * 410
AGENT = b"\xff" * 8 * 300 + b"\x90" * 8 * 710
"""1010 ms: not whole frames."""
STEREO = bytes(byte for pair in zip(CALLER, AGENT, strict=True) for byte in pair)


def taped(folder: Path, stereo: bytes = STEREO, vault: Vault | None = None) -> dict[str, Any]:
    """Puts a finished recording into a folder of recordings; its columns in ``calls``."""
    form = form_of(vault)
    name = f"2026-11/{'0' * 32}{form.suffix}"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(form.finished(1, len(stereo)) + form.chunk(0, stereo))
    return {"recording": name, "recording_from_ms": FROM_MS, "recording_ms": len(stereo) / 16}


def record_taped_call(data_dir: Path, **changed: Any) -> Rows:
    """Keeps the sample call with its recording."""
    rows = sample_call(**(taped(data_dir / "recordings") | changed))
    record_calls(data_dir, rows)
    return rows
