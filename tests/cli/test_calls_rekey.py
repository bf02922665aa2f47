"""`gateway calls rekey`."""

import base64
import json
from pathlib import Path

import pytest

from gateway.settings import load_settings
from gateway.store.recordings.audio import read_stereo
from gateway.store.recordings.tapes import Tapes
from gateway.store.recordings.vault import open_vault
from tests.cli.conftest import Command

AUDIO = bytes(range(200)) * 80


def keyed(folder: Path, *names: str) -> Path:
    """A file of keys, the first of which encrypts; a name always has the same key."""
    lines = [f"{n} {base64.b64encode(n.encode().ljust(32, b'.')).decode()}" for n in names]
    path = folder / "keys"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


def recorded(data: Path, keys: Path) -> Path:
    """A recording, encrypted with the first key."""
    settings = load_settings(data_dir=data, recording_keys=keys)
    tapes = Tapes(data / "recordings", open_vault(settings))
    tapes.start()
    tape = tapes.open("CA1", lambda fault: None)
    tape.write(AUDIO)
    tape.close().result(10)
    tapes.stop(5)
    return data / "recordings" / tape.file


@pytest.fixture
def data(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The data dir of the commands."""
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("GATEWAY_RECORDING_KEYS", str(tmp_path / "keys"))
    return tmp_path / "data"


def test_what_older_keys_hold_gets_the_first_one(
    command: Command, data: Path, tmp_path: Path
) -> None:
    """Then the old key can go; a second run has nothing to do."""
    path = recorded(data, keyed(tmp_path, "old"))
    keyed(tmp_path, "new", "old")
    assert command("calls", "rekey") == (
        0,
        "1 of 1 recordings encrypted anew with the key 'new'\n",
        "",
    )
    done = command("calls", "rekey", "--json")
    assert json.loads(done.out) == {"recordings": 1, "encrypted_anew": 0, "failed": 0}
    vault = open_vault(load_settings(recording_keys=keyed(tmp_path, "new")))
    assert read_stereo(path, vault) == AUDIO


def test_a_recording_whose_key_is_gone_is_told(
    command: Command, data: Path, tmp_path: Path
) -> None:
    """By name; the others are done all the same."""
    recorded(data, keyed(tmp_path, "lost"))
    recorded(data, keyed(tmp_path, "old"))
    keyed(tmp_path, "new", "old")
    done = command("calls", "rekey")
    assert (done.code, done.out) == (1, "1 of 2 recordings encrypted anew with the key 'new'\n")
    assert "lost" in done.err
    assert len(done.err.splitlines()) == 1


def test_without_keys_there_is_nothing_to_do(
    command: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for it has forgotten to say which."""
    monkeypatch.delenv("GATEWAY_RECORDING_KEYS")
    told = "gateway: GATEWAY_RECORDING_KEYS: is not set, so nothing is encrypted\n"
    assert command("calls", "rekey") == (2, "", told)
