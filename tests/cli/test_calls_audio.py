"""The sound of a call, or why there is none."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.calls_audio import stereo_of
from gateway.errors import GatewayError
from gateway.store.recordings.vault import Vault
from tests.cli.taped import STEREO, taped
from tests.store.databases import settings_in
from tests.store.sample import CALL_SID, OFFERED_AT

KEY = bytes(range(32))


def call(**changed: Any) -> dict[str, Any]:
    """A call as the reader gives it, as far as its recording goes."""
    columns = ("recording", "recording_ms", "recording_purged_at")
    return {**dict.fromkeys(columns), "call_sid": CALL_SID, "state": "ended", **changed}


def test_a_recording_is_read_from_its_folder(tmp_path: Path) -> None:
    """In the data dir, under the name the call knows."""
    row = call(**taped(tmp_path / "recordings"))
    assert stereo_of(settings_in(tmp_path), row) == STEREO


def test_an_encrypted_one_needs_its_key(tmp_path: Path) -> None:
    """Without it, the line says which key it is."""
    row = call(**taped(tmp_path / "recordings", vault=Vault({"k1": KEY})))
    keys = tmp_path / "keys"
    keys.write_text(f"k1 {b64encode(KEY).decode()}\n")
    keys.chmod(0o600)
    assert stereo_of(settings_in(tmp_path, recording_keys=keys), row) == STEREO
    with pytest.raises(GatewayError, match=r"encrypted with the key 'k1'.*GATEWAY_RECORDING_KEYS"):
        stereo_of(settings_in(tmp_path), row)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "was not recorded"),
        ({"recording": "x", "state": "live"}, "is still being recorded"),
        (
            {"recording": "x", "recording_purged_at": OFFERED_AT.isoformat()},
            "its recording was deleted 2026-11-20",
        ),
    ],
)
def test_no_recording_says_why(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    """The call is named."""
    with pytest.raises(GatewayError, match=f"^{CALL_SID}: {told}"):
        stereo_of(settings_in(tmp_path), call(**changed))


@pytest.mark.parametrize("name", ["../calls.db", "/etc/passwd", f"2026-11/{'1' * 32}.wav"])
def test_nothing_else_is_read(tmp_path: Path, name: str) -> None:
    """Whatever the database says: no file outside of the folder, and none that is not there."""
    with pytest.raises(GatewayError):
        stereo_of(settings_in(tmp_path), call(recording=name, recording_ms=1.0))
