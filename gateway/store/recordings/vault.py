"""Keys of recordings, and how audio lies in an encrypted file.

AES-256-GCM with a key of its own for each file, made by HKDF-SHA256 from the named master key and
the file's label. The file::

    label    "GWTAPE", version (1 byte), length of the name (1), the key's name, salt (32)
    proof    16 bytes: the tag of nothing, shows that this is the key and the label is unharmed
    seal     number of chunks (8) and its tag (16); zeros while the recording is in progress
    chunks   length (4), encrypted audio, tag (16)

A nonce is what it is for (1 byte) and a number (11 bytes), so none is ever used for two things:
chunks are numbered, the seal has the number of chunks. Of a sealed file that is cut short, put
into another order or mixed with another one nothing is read; an unsealed one is read up to its last
whole chunk. No file is written or renamed here.
"""

import os
import re
import stat
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.core.tickets import hkdf_sha256
from gateway.errors import ConfigError, GatewayError
from gateway.settings import Settings

MAGIC: Final = b"GWTAPE"
MAX_CHUNK_BYTES: Final = 1 << 20
"""More than any chunk has; a greater length is a damaged one."""
VARIABLE: Final = "GATEWAY_RECORDING_KEYS"

_VERSION: Final = 1
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 32
_TAG_BYTES: Final = 16
_COUNT_BYTES: Final = 8
_LENGTH_BYTES: Final = 4
_CHUNK, _SEAL, _PROOF = range(3)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,32}")


class Sealed:
    """One encrypted file: a form audio takes on the disk, and how it is read back."""

    suffix = ".wav.enc"

    def __init__(self, key_name: str, master: bytes, label: bytes) -> None:
        self.key_name = key_name
        info, salt = label[:-_SALT_BYTES], label[-_SALT_BYTES:]
        self._cipher = AESGCM(hkdf_sha256(master, salt=salt, info=info, length=_KEY_BYTES))
        self._head = label + self._tag(_PROOF, 0)
        self.head = self._head + bytes(_COUNT_BYTES + _TAG_BYTES)
        """What a recording in progress begins with."""

    def chunk(self, number: int, stereo: bytes) -> bytes:
        """What is written for the chunk of that number, from 0; never for two different ones."""
        sealed = self._cipher.encrypt(_nonce(_CHUNK, number), stereo, None)
        return len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed

    def finished(self, chunks: int, _audio_bytes: int) -> bytes:
        """What replaces :attr:`head` when all chunks are there."""
        return self._head + chunks.to_bytes(_COUNT_BYTES, "big") + self._tag(_SEAL, chunks)

    def begun(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """The whole chunks behind the head: bytes of the file each takes, and its audio."""
        number = 0
        while True:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "big")
            sealed = file.read(length) if length <= MAX_CHUNK_BYTES else b""
            audio = self.opened(number, sealed) if len(sealed) == length else None
            if audio is None:
                return
            yield _LENGTH_BYTES + length, audio
            number += 1

    def audio(self, file: BinaryIO, name: str) -> Iterator[bytes]:
        """The audio of a finished file, chunk by chunk. Raises GatewayError for any damage, which
        may show only after the last chunk.
        """
        chunks = self._count(file, name)
        read, end = 0, file.tell()
        for size, audio in self.begun(file):
            yield audio
            read, end = read + 1, end + size
        file.seek(end)
        if read != chunks or file.read(1):
            raise GatewayError(f"{name}: is damaged in or behind part {read} of {chunks}")

    def places(self, file: BinaryIO, name: str) -> list[tuple[int, int]]:
        """Where the chunks of a finished file are, and how much audio each has; nothing of it is
        decrypted. Raises GatewayError when that is not how many there should be.
        """
        chunks = self._count(file, name)
        size = os.fstat(file.fileno()).st_size
        found: list[tuple[int, int]] = []
        at = file.tell()
        while at < size and len(found) < chunks:
            length = int.from_bytes(os.pread(file.fileno(), _LENGTH_BYTES, at), "big")
            found.append((at + _LENGTH_BYTES, length - _TAG_BYTES))
            at += _LENGTH_BYTES + length
        if (
            len(found) != chunks
            or at != size
            or any(not 0 <= length <= MAX_CHUNK_BYTES for _, length in found)
        ):
            raise GatewayError(f"{name}: is damaged: {len(found)} of {chunks} parts")
        return found

    def sealed_length(self, audio_bytes: int) -> int:
        """How long a chunk with so much audio is in the file, without its length."""
        return audio_bytes + _TAG_BYTES

    def opened(self, number: int, sealed: bytes) -> bytes | None:
        """The audio of a chunk; None when it is damaged."""
        try:
            return self._cipher.decrypt(_nonce(_CHUNK, number), sealed, None)
        except InvalidTag:
            return None

    def _count(self, file: BinaryIO, name: str) -> int:
        """How many chunks a finished file has, which then stands before the first of them."""
        file.seek(len(self._head))
        count, tag = file.read(_COUNT_BYTES), file.read(_TAG_BYTES)
        chunks = int.from_bytes(count, "big")
        if tag != self._tag(_SEAL, chunks):
            raise GatewayError(f"{name}: is damaged, or was never finished")
        return chunks

    def _tag(self, use: int, number: int) -> bytes:
        return self._cipher.encrypt(_nonce(use, number), b"", None)


class Vault:
    """The keys of recordings by name; the first one encrypts, all decrypt."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self.first = next(iter(self._keys))
        """The name of the key that encrypts."""

    def sealed(self) -> Sealed:
        """The form of a new file."""
        name = self.first.encode()
        label = MAGIC + bytes([_VERSION, len(name)]) + name + os.urandom(_SALT_BYTES)
        return Sealed(self.first, self._keys[self.first], label)

    def master(self, key_name: str) -> bytes | None:
        """The key of that name, if it is here."""
        return self._keys.get(key_name)


def recognise(file: BinaryIO, name: str, vault: Vault | None) -> Sealed:
    """The form of an encrypted file, which then stands behind its head; ``name`` is for errors.

    Raises GatewayError when it is no encrypted recording, or its key is not there.
    """
    key_name, label = _read_label(file, name)
    master = None if vault is None else vault.master(key_name)
    if master is None:
        lacks = f"and {VARIABLE} is not set" if vault is None else f"which is not in {VARIABLE}"
        raise GatewayError(f"{name}: is encrypted with the key {key_name!r}, {lacks}")
    sealed = Sealed(key_name, master, label)
    proof = file.read(_TAG_BYTES)
    if not sealed.head.startswith(label + proof) or len(proof) < _TAG_BYTES:
        raise GatewayError(
            f"{name}: is damaged, or the key {key_name!r} in {VARIABLE} is not the one it was "
            "encrypted with"
        )
    file.seek(len(sealed.head))
    return sealed


def open_vault(settings: Settings) -> Vault | None:
    """The keys of the settings; None when recordings are not encrypted. Raises ConfigError."""
    path = settings.recording_keys
    return None if path is None else Vault(_read_keys(path))


def head_bytes(start: bytes) -> int:
    """How long the head of an encrypted file is that begins so; what is shorter holds no audio."""
    name = start[len(MAGIC) + 1] if len(start) > len(MAGIC) + 1 else 0
    return len(MAGIC) + 2 + name + _SALT_BYTES + 2 * _TAG_BYTES + _COUNT_BYTES


def _read_label(file: BinaryIO, name: str) -> tuple[str, bytes]:
    """The key's name and the whole label, from the beginning of a file."""
    start = file.read(len(MAGIC) + 2)
    version, length = start[-2:] if len(start) == len(MAGIC) + 2 else (0, 0)
    if not start.startswith(MAGIC) or not version:
        raise GatewayError(f"{name}: is no encrypted recording")
    if version != _VERSION:
        raise GatewayError(f"{name}: has format {version}; this version knows {_VERSION}")
    rest = file.read(length + _SALT_BYTES)
    key_name = rest[:length].decode("ascii", errors="replace")
    if len(rest) < length + _SALT_BYTES or not _NAME.fullmatch(key_name):
        raise GatewayError(f"{name}: is damaged at its beginning")
    return key_name, start + rest


def _nonce(use: int, number: int) -> bytes:
    return bytes([use]) + number.to_bytes(11, "big")


def _read_keys(path: Path) -> dict[str, bytes]:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read().decode()
    except OSError as error:
        raise ConfigError(f"{VARIABLE}: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{VARIABLE}: {path}: is no text") from None
    if mode & 0o077:
        raise ConfigError(
            f"{VARIABLE}: {path}: others than its owner may use it (mode {mode:o}; chmod 600)"
        )
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if words := line.partition("#")[0].split():
            try:
                name, key = _read_key(words, keys)
            except ValueError as error:
                raise ConfigError(f"{VARIABLE}: {path}:{number}: {error}") from None
            keys[name] = key
    if not keys:
        raise ConfigError(f"{VARIABLE}: {path}: holds no key")
    return keys


def _read_key(words: list[str], known: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Name and key of a line. Raises ValueError without quoting either: one may stand for the
    other.
    """
    if len(words) != 2 or not _NAME.fullmatch(words[0]):
        raise ValueError("must be a name (32 letters, digits, . _ - at most) and a key")
    if words[0] in known:
        raise ValueError("a key of that name stands above")
    try:
        key = b64decode(words[1], validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ValueError(f"the key must be {_KEY_BYTES} bytes in base64 (openssl rand -base64 32)")
    return words[0], key
