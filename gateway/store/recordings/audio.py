"""Finished recordings: read back whole, by channel or window, for players, load tests, drawings.

``stereo`` is interleaved mu-law, caller first, 16 bytes a millisecond. Encrypts them anew, too.
"""

import io
import os
import re
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from gateway.core.g711 import SAMPLE_RATE, pad_to_frame, to_pcm16
from gateway.errors import GatewayError
from gateway.store.recordings.lockedfile import remove_dead
from gateway.store.recordings.tapefile import (
    CHANNELS,
    HEADER_BYTES,
    PartFile,
    header_audio_bytes,
)
from gateway.store.recordings.vault import MAGIC, Sealed, Vault, recognise

PCM_BYTES: Final = 2
FULL_SCALE: Final = 32768

_FILE: Final = re.compile(r"[0-9]{4}-[0-9]{2}/[0-9a-f]{32}\.wav(\.enc)?")


def recording_path(folder: Path, file: str) -> Path:
    """Where a recording is that the records name; never outside the folder of recordings.

    Raises GatewayError for a name no recording has, and for a link.
    """
    path = folder / file
    if not _FILE.fullmatch(file) or path.is_symlink() or path.parent.is_symlink():
        raise GatewayError(f"{file!r} is not the name of a recording")
    return path


def why_none(call: Mapping[str, Any]) -> Literal["purged", "not_recorded", "unfinished"] | None:
    """Why a call (its row) has no recording to be read; None when it has one."""
    if call["recording_purged_at"]:
        return "purged"
    if not call["recording"]:
        return "not_recorded"
    return "unfinished" if call["recording_ms"] is None and call["state"] != "ended" else None


def read_stereo(path: Path, vault: Vault | None) -> bytes:
    """A finished recording, plain or encrypted. Raises GatewayError when it is missing, damaged,
    none of ours, or its key is not there.
    """
    with _opened(path) as file:
        head = file.read(HEADER_BYTES)
        if head.startswith(MAGIC):
            file.seek(0)
            sealed = recognise(file, path.name, vault)
            return b"".join(sealed.audio(file, path.name))
        stereo = file.read()
    promised = header_audio_bytes(head)
    if promised is None:
        raise GatewayError(f"{path.name}: is no recording of this gateway")
    if promised != len(stereo):
        raise GatewayError(f"{path.name}: is damaged: {len(stereo)} of {promised} bytes of audio")
    return stereo


def rekey(path: Path, vault: Vault) -> bool:
    """Encrypts a finished recording anew with the first key; False when it is that one already.

    At any moment the file is whole, old or new. Raises GatewayError when it is not encrypted,
    cannot be read, or was deleted meanwhile.
    """
    with _opened(path) as file:
        old = recognise(file, path.name, vault)
        if not path.name.endswith(old.suffix):
            raise GatewayError(f"{path.name}: is not named *{old.suffix}")
        if old.key_name == vault.first:
            return False
        _replace(path, file, old, vault.sealed())
    return True


def _replace(path: Path, file: BinaryIO, old: Sealed, form: Sealed) -> None:
    stem = path.parent / path.name.removesuffix(form.suffix)
    remove_dead(stem.with_suffix(".rekey"))
    new = PartFile(stem, form, ".rekey")
    try:
        for stereo in old.audio(file, path.name):
            new.append(stereo)
        if not os.fstat(file.fileno()).st_nlink:
            raise GatewayError(f"{path.name}: was deleted meanwhile")
        new.finish()
    except (OSError, GatewayError):
        new.remove()
        raise


def caller(stereo: bytes) -> bytes:
    """The caller's channel: mu-law."""
    return stereo[0::CHANNELS]


def agent(stereo: bytes) -> bytes:
    """The agent's channel, as the caller heard it: mu-law."""
    return stereo[1::CHANNELS]


def caller_fixture(stereo: bytes) -> bytes:
    """The caller's channel as a load test plays it: raw mu-law in whole frames."""
    return pad_to_frame(caller(stereo))


def wav(stereo: bytes) -> bytes:
    """The same as a WAV file of 16-bit samples, which every player knows."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(CHANNELS)
        file.setsampwidth(PCM_BYTES)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(to_pcm16(stereo))
    return content.getvalue()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise GatewayError(f"{path.name}: there is no such recording") from None
    except OSError as error:
        raise GatewayError(f"{path.name}: {error.strerror}") from None
