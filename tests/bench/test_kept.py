"""The gateway keeps as much as it was told to, and says nothing of it to the settings' owner."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench.kept import WHAT, Nothing, prepare
from bench.records import VARIANTS
from gateway.settings import load_settings
from gateway.store.archive import Archive
from gateway.store.pricefile import read_prices
from gateway.store.recordings.vault import open_vault
from tests.store.databases import settings_in


def test_every_way_of_keeping_is_a_variant() -> None:
    """What the process can be told is what is measured."""
    assert tuple(VARIANTS) == WHAT


@pytest.mark.parametrize(("what", "recordings"), [("records", None), ("recorded", True)])
def test_recording_is_a_setting(
    what: str, recordings: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Routes that say nothing are recorded, or not."""
    for name, value in prepare(what, tmp_path).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.recordings is recordings
    assert settings.recording_keys is None


def test_a_key_is_made_for_what_is_encrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies in the scratch folder, and is one the gateway takes."""
    for name, value in prepare("encrypted", tmp_path).items():
        monkeypatch.setenv(name, value)
    vault = open_vault(load_settings())
    assert vault is not None
    assert vault.first == "bench"


def test_nothing_is_kept_without_waiting() -> None:
    """In the archive's place it has no tapes, and everything counts as durable."""
    nothing = Nothing("settings", "prices")
    assert nothing.tapes is None
    assert asyncio.run(nothing.durable(0.0))


def test_nothing_has_all_an_archive_has(tmp_path: Path) -> None:
    """Who asks the archive for something finds it there too."""
    settings = settings_in(tmp_path)
    archive = Archive(settings, read_prices(settings))
    archive.stop()
    lacking = {name for name in dir(archive) if not name.startswith("_")} - {*dir(Nothing)}
    assert lacking == set()
