"""Keys of recordings, and what an encrypted file withstands."""

import io
import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import ConfigError, GatewayError
from gateway.store.recordings.vault import Sealed, Vault, head_bytes, open_vault, recognise
from tests.store.databases import settings_in
from tests.store.disks import keys

KEY = b64encode(bytes(range(32))).decode()
OTHER = b64encode(bytes(range(1, 33))).decode()
PIECES = [b"\x01\x02" * 5, b"\x03\x04" * 7, b"\x05\x06" * 3]


def key_file(folder: Path, content: str | bytes, mode: int = 0o600) -> Path:
    """A file of keys."""
    path = folder / "keys"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def opened(folder: Path, content: str | bytes, mode: int = 0o600) -> Vault | None:
    """What comes of such a file."""
    return open_vault(settings_in(folder, recording_keys=key_file(folder, content, mode)))


def made(vault: Vault, pieces: list[bytes], *, finished: bool = True) -> bytes:
    """An encrypted file."""
    form = vault.sealed()
    chunks = b"".join(form.chunk(number, piece) for number, piece in enumerate(pieces))
    return (form.finished(len(pieces), 0) if finished else form.head) + chunks


def read(content: bytes, vault: Vault | None) -> bytes:
    """The audio of a finished file."""
    file = io.BytesIO(content)
    return b"".join(recognise(file, "x", vault).audio(file, "x"))


def begun(content: bytes, vault: Vault) -> list[bytes]:
    """The pieces of an unfinished file that are whole."""
    file = io.BytesIO(content)
    return [piece for _, piece in recognise(file, "x", vault).begun(file)]


def chunks_of(content: bytes) -> tuple[bytes, list[bytes]]:
    """The head of a file, and its chunks."""
    at = head_bytes(content)
    head, chunks = content[:at], []
    while at < len(content):
        end = at + 4 + int.from_bytes(content[at : at + 4], "big")
        chunks.append(content[at:end])
        at = end
    return head, chunks


# Keys


def test_without_a_file_there_are_no_keys(tmp_path: Path) -> None:
    """Recordings are not encrypted then."""
    assert open_vault(settings_in(tmp_path)) is None


def test_the_first_key_encrypts_and_all_decrypt(tmp_path: Path) -> None:
    """A new key goes above the old ones; comments and empty lines say nothing."""
    vault = opened(tmp_path, f"# ours\n\nnew {KEY}  # since May\n\told  {OTHER}\n")
    assert vault is not None
    assert vault.first == "new"
    old = opened(tmp_path, f"old {OTHER}\n")
    assert old is not None
    assert read(made(old, PIECES), vault) == b"".join(PIECES)
    with pytest.raises(GatewayError, match="'new', which is not in GATEWAY_RECORDING_KEYS"):
        read(made(vault, PIECES), old)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (f"a {KEY[:-4]}\n", 1, "32 bytes in base64"),
        (f"a {b64encode(bytes(33)).decode()}\n", 1, "32 bytes in base64"),
        (f"a {KEY}\nb *{KEY[1:]}\n", 2, "32 bytes in base64"),
        (f"# x\n{KEY}\n", 2, "a name"),
        (f"{KEY} a\n", 1, "a name"),
        (f"a b {KEY}\n", 1, "a name"),
        (f"ä {KEY}\n", 1, "a name"),
        (f"a {KEY}\na {OTHER}\n", 2, "of that name stands above"),
    ],
)
def test_a_wrong_line_is_refused_by_its_number(
    tmp_path: Path, content: str, line: int, reason: str
) -> None:
    """The variable and the line are named, never what stands there."""
    with pytest.raises(ConfigError, match=rf"^GATEWAY_RECORDING_KEYS: .*/keys:{line}: ") as wrong:
        opened(tmp_path, content)
    assert reason in str(wrong.value)
    assert KEY[4:20] not in str(wrong.value)
    assert OTHER[4:20] not in str(wrong.value)


@pytest.mark.parametrize("content", ["", "\n# nothing\n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    """Whoever names a file wants encryption: plain recordings would fail open."""
    with pytest.raises(ConfigError, match=r"^GATEWAY_RECORDING_KEYS: .*/keys: holds no key$"):
        opened(tmp_path, content)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """For the same reason."""
    settings = settings_in(tmp_path, recording_keys=tmp_path / "none")
    with pytest.raises(ConfigError, match=r"^GATEWAY_RECORDING_KEYS: .*/none: No such file"):
        open_vault(settings)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A key written raw, for instance."""
    with pytest.raises(ConfigError, match=r"^GATEWAY_RECORDING_KEYS: .*/keys: is no text$"):
        opened(tmp_path, b"\xff" * 32)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
def test_keys_are_the_owners_alone(tmp_path: Path, mode: int) -> None:
    """A file others may use is refused, with its mode and the remedy."""
    with pytest.raises(ConfigError, match=rf"\(mode {mode:o}; chmod 600\)$"):
        opened(tmp_path, f"a {KEY}\n", mode)


def test_a_vault_shows_no_key(tmp_path: Path) -> None:
    """Not even when it is printed."""
    vault = opened(tmp_path, f"a {KEY}\n")
    assert bytes(range(8)) not in repr(vault).encode()
    assert KEY not in repr(vault)


# Encrypted files


def test_what_is_encrypted_is_read_again() -> None:
    """Byte for byte, in one or many pieces, and none at all."""
    for pieces in ([], PIECES[:1], PIECES, PIECES * 100):
        assert read(made(keys("a"), pieces), keys("a")) == b"".join(pieces)


def test_no_two_files_are_alike() -> None:
    """The same audio under the same key: nothing but the format is the same."""
    first, second = (chunks_of(made(keys("a"), PIECES)) for _ in range(2))
    assert not set(first[1]) & set(second[1])


def test_the_file_names_its_key_and_nothing_else() -> None:
    """No audio is in it in the clear."""
    content = made(keys("a"), PIECES)
    assert content.startswith(b"GWTAPE\x01\x01a")
    assert not any(piece in content for piece in PIECES)


def test_every_flipped_bit_is_noticed() -> None:
    """Anywhere in a finished file; so is a byte too much."""
    content = made(keys("a", "b"), PIECES)
    for at in range(len(content)):
        for bit in (0x01, 0x80):
            harmed = bytearray(content)
            harmed[at] ^= bit
            with pytest.raises(GatewayError):
                read(bytes(harmed), keys("a", "b"))
    with pytest.raises(GatewayError, match="damaged"):
        read(content + b"\0", keys("a", "b"))


def test_every_truncation_is_noticed() -> None:
    """Wherever a finished file ends early, between two pieces as well."""
    content = made(keys("a"), PIECES)
    for length in range(len(content)):
        with pytest.raises(GatewayError):
            read(content[:length], keys("a"))


def test_an_unfinished_file_is_no_finished_one() -> None:
    """It has no seal."""
    with pytest.raises(GatewayError, match="never finished"):
        read(made(keys("a"), PIECES, finished=False), keys("a"))


def swapped(chunks: list[bytes]) -> list[bytes]:
    return [chunks[1], chunks[0], *chunks[2:]]


def repeated(chunks: list[bytes]) -> list[bytes]:
    return [chunks[0], chunks[0], *chunks[2:]]


def shortened(chunks: list[bytes]) -> list[bytes]:
    return chunks[:-1]


def without_first(chunks: list[bytes]) -> list[bytes]:
    return chunks[1:]


@pytest.mark.parametrize("change", [swapped, repeated, shortened, without_first])
def test_another_order_is_noticed(change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Whole pieces of the file itself, put elsewhere or left out."""
    head, chunks = chunks_of(made(keys("a"), [b"\x01\x02" * 5] * 3))
    with pytest.raises(GatewayError, match="damaged"):
        read(head + b"".join(change(chunks)), keys("a"))


def test_a_piece_of_another_file_is_noticed() -> None:
    """Even of one with the same key, at the same place."""
    head, chunks = chunks_of(made(keys("a"), PIECES))
    _, others = chunks_of(made(keys("a"), PIECES))
    with pytest.raises(GatewayError, match="damaged"):
        read(head + b"".join([chunks[0], others[1], chunks[2]]), keys("a"))


def test_an_unfinished_file_is_read_up_to_its_last_whole_piece() -> None:
    """Wherever it ends; behind a flipped byte nothing is believed either."""
    content = made(keys("a"), PIECES, finished=False)
    head, chunks = chunks_of(content)
    ends = [len(head) + sum(map(len, chunks[:n])) for n in range(len(chunks) + 1)]
    for length in range(len(head), len(content) + 1):
        whole = sum(end <= length for end in ends[1:])
        assert begun(content[:length], keys("a")) == PIECES[:whole]
    for at in range(len(head), len(content)):
        harmed = content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]
        whole = sum(end <= at for end in ends[1:])
        assert begun(harmed, keys("a")) == PIECES[:whole]


def test_an_absurd_length_is_not_read() -> None:
    """A damaged length asks for no memory."""
    head, chunks = chunks_of(made(keys("a"), PIECES, finished=False))
    assert begun(head + chunks[0] + b"\xff" * 100, keys("a")) == PIECES[:1]


def test_a_missing_key_is_named_with_the_variable() -> None:
    """With some keys, and with none at all."""
    content = made(keys("may"), PIECES)
    with pytest.raises(GatewayError, match="'may', which is not in GATEWAY_RECORDING_KEYS"):
        read(content, keys("june"))
    with pytest.raises(GatewayError, match="'may', and GATEWAY_RECORDING_KEYS is not set"):
        read(content, None)


def test_another_key_of_the_same_name_is_noticed() -> None:
    """Before any audio is: an unfinished file is not taken for an empty one."""
    wrong = Vault({"a": bytes(32)})
    for finished in (True, False):
        with pytest.raises(GatewayError, match="not the one it was encrypted with"):
            begun(made(keys("a"), PIECES, finished=finished), wrong)


def test_a_newer_format_is_named() -> None:
    """It is not taken for damage."""
    content = made(keys("a"), PIECES)
    with pytest.raises(GatewayError, match="has format 2"):
        read(content[:6] + b"\x02" + content[7:], keys("a"))


@pytest.mark.parametrize("content", [b"", b"GWTAPE", b"RIFF" + bytes(60)])
def test_a_foreign_file_is_none_of_ours(content: bytes) -> None:
    """One line says so."""
    with pytest.raises(GatewayError, match="x: is no encrypted recording"):
        read(content, keys("a"))


def test_no_number_is_used_for_two_things() -> None:
    """The seal of n pieces, the n-th piece and the proof of the key differ in their nonces."""
    sealed = Sealed("a", bytes(32), b"GWTAPE\x01\x01a" + os.urandom(32))
    tags = {sealed.chunk(1, b"")[4:], sealed.finished(1, 0)[-16:], sealed.head[41:57]}
    assert len(tags) == 3
