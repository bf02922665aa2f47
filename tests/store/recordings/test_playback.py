"""A recording read from any place in it, plain or encrypted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.store.recordings.playback import PIECE_BYTES, Playback
from gateway.store.recordings.tapefile import HEADER_BYTES, PartFile, form_of, wav_header
from gateway.store.recordings.vault import Vault
from tests.store.disks import keys, pattern

AUDIO = pattern(1250) + b"\x00\x01"
WHOLE = wav_header(len(AUDIO)) + AUDIO
VAULTS = [None, keys("a")]


def made(folder: Path, vault: Vault | None, audio: bytes = AUDIO) -> Path:
    """A finished recording, in pieces of half a second."""
    form = form_of(vault)
    part = PartFile(folder / "x", form)
    for start in range(0, len(audio), 8000):
        part.append(audio[start : start + 8000])
    part.finish()
    return folder / f"x{form.suffix}"


@pytest.fixture(params=VAULTS, ids=["plain", "encrypted"])
def playback(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Playback]:
    """A recording that is open."""
    with Playback(made(tmp_path, request.param), request.param) as opened:
        yield opened


def test_a_recording_is_a_wav_file(playback: Playback) -> None:
    """Whole, when it is read to its end; its sizes are known before."""
    assert (playback.size, playback.audio_bytes) == (len(WHOLE), len(AUDIO))
    read = b""
    while piece := playback.read(len(read)):
        assert len(piece) <= PIECE_BYTES
        read += piece
    assert read == WHOLE


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, len(WHOLE) + 5), most=st.integers(1, PIECE_BYTES))
def test_any_part_is_that_part(playback: Playback, start: int, most: int) -> None:
    """No more than was asked for, and something as long as there is something."""
    piece = playback.read(start, most)
    assert piece == WHOLE[start : start + len(piece)]
    assert len(piece) <= most
    assert piece or start >= len(WHOLE)


def test_a_recording_of_nothing_is_a_head(tmp_path: Path) -> None:
    """A WAV file all the same."""
    (tmp_path / "x.wav").write_bytes(wav_header(0))
    with Playback(tmp_path / "x.wav", None) as empty:
        assert empty.read(0) == wav_header(0)
        assert empty.read(HEADER_BYTES) == b""


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Missing, foreign, cut off, without its key: each says so, and leaves nothing open."""
    with pytest.raises(GatewayError, match="there is no such recording"):
        Playback(tmp_path / "none.wav", None)
    with pytest.raises(GatewayError, match=r"Is a directory"):
        Playback(tmp_path, None)
    foreign = tmp_path / "foreign.wav"
    foreign.write_bytes(b"something else altogether" * 10)
    with pytest.raises(GatewayError, match="is no recording"):
        Playback(foreign, None)
    for vault in VAULTS:
        path = made(tmp_path, vault)
        whole = path.read_bytes()
        for end in (0, 10, 57, 90, 8000, len(whole) - 1):
            path.write_bytes(whole[:end])
            with pytest.raises(GatewayError):
                Playback(path, vault)
        path.write_bytes(whole + b"x")
        with pytest.raises(GatewayError, match="damaged"):
            Playback(path, vault)
        path.unlink()
    with pytest.raises(GatewayError, match="encrypted with the key 'a'"):
        Playback(made(tmp_path, keys("a")), None)


def test_damage_inside_is_found_when_it_is_read(tmp_path: Path) -> None:
    """Only what is asked for is looked at; a forged length cannot make the gateway read more."""
    path = made(tmp_path, keys("a"))
    whole = bytearray(path.read_bytes())
    whole[-5] ^= 1
    path.write_bytes(whole)
    with Playback(path, keys("a")) as damaged:
        assert damaged.read(HEADER_BYTES) == AUDIO[:8000]
        with pytest.raises(GatewayError, match="is damaged in part"):
            damaged.read(len(WHOLE) - 1)
