"""Finished recordings read back, exported, drawn and encrypted anew."""

import errno
import os
import subprocess
import wave
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.g711 import FRAME_BYTES, to_pcm16
from gateway.errors import GatewayError
from gateway.store.recordings.audio import (
    agent,
    caller,
    caller_fixture,
    read_stereo,
    recording_path,
    rekey,
    wav,
)
from gateway.store.recordings.salvage import repair
from gateway.store.recordings.tapefile import PartFile, form_of, wav_header
from gateway.store.recordings.vault import Vault
from tests.store.disks import Disk, calls_of, keys, killed_in, names_in, pattern

STEM = f"2026-11/{'0123456789abcdef' * 2}"
AUDIO = pattern(50)
STEREO = st.binary(max_size=400).map(lambda audio: audio[: len(audio) & ~1])


def recorded(folder: Path, vault: Vault | None = None, audio: bytes = AUDIO) -> Path:
    """A finished recording, in pieces of half a second."""
    form = form_of(vault)
    part = PartFile(folder / STEM, form)
    for start in range(0, len(audio), 8000):
        part.append(audio[start : start + 8000])
    part.finish()
    return folder / f"{STEM}{form.suffix}"


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Plain or encrypted; a plain one with keys at hand as well."""
    assert read_stereo(recorded(tmp_path / "1"), None) == AUDIO
    assert read_stereo(recorded(tmp_path / "1"), keys("a")) == AUDIO
    assert read_stereo(recorded(tmp_path / "2", keys("a")), keys("b", "a")) == AUDIO


# Files that cannot be read


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    """By its file, in one line."""
    with pytest.raises(GatewayError, match=r"^x\.wav: there is no such recording$"):
        read_stereo(tmp_path / "x.wav", None)
    with pytest.raises(GatewayError, match=r": Is a directory$"):
        read_stereo(tmp_path, None)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"hello" * 100, wav(b"\xff\xff")])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Another WAV file too: nothing else is written here."""
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    with pytest.raises(GatewayError, match=r"^x\.wav: is no recording of this gateway$"):
        read_stereo(path, None)


@pytest.mark.parametrize("audio", [b"", b"\xff" * 9, b"\xff" * 12])
def test_another_length_than_promised_is_damage(tmp_path: Path, audio: bytes) -> None:
    """Cut short, or something behind it."""
    path = tmp_path / "x.wav"
    path.write_bytes(wav_header(10) + audio)
    with pytest.raises(GatewayError, match=f"is damaged: {len(audio)} of 10 bytes of audio"):
        read_stereo(path, None)


def test_a_file_cut_off_is_never_half_read(tmp_path: Path) -> None:
    """Wherever it ends, plain or encrypted."""
    for vault in (None, keys("a")):
        path = recorded(tmp_path, vault, pattern(2))
        content = path.read_bytes()
        for length in range(len(content)):
            path.write_bytes(content[:length])
            with pytest.raises(GatewayError, match=path.name):
                read_stereo(path, vault)


def test_an_encrypted_one_says_what_it_lacks(tmp_path: Path) -> None:
    """Its file, its key, and the variable."""
    path = recorded(tmp_path, keys("may"))
    told = f"{path.name}: is encrypted with the key 'may', and GATEWAY_RECORDING_KEYS is not set"
    with pytest.raises(GatewayError) as wrong:
        read_stereo(path, None)
    assert str(wrong.value) == told


# Names


def test_a_recording_is_found_by_its_name(tmp_path: Path) -> None:
    """As the records have it."""
    for suffix in (".wav", ".wav.enc"):
        assert recording_path(tmp_path, STEM + suffix) == tmp_path / f"{STEM}{suffix}"


@pytest.mark.parametrize(
    "file",
    [
        "",
        f"../{STEM}.wav",
        f"/{STEM}.wav",
        f"{STEM}.part",
        f"{STEM}.wav\n",
        f"{STEM}.wav\0",
        f"{STEM}.wav/..",
        f"2026-11/../{STEM}.wav",
        "2026-11/..%2f..%2fetc%2fpasswd.wav",
        STEM.upper() + ".wav",
        f"٢٠٢٦-11/{'0' * 32}.wav",
    ],
)
def test_no_name_leads_elsewhere(tmp_path: Path, file: str) -> None:
    """Only names that recordings have are looked for."""
    with pytest.raises(GatewayError, match="is not the name of a recording"):
        recording_path(tmp_path, file)


def test_no_link_leads_elsewhere(tmp_path: Path) -> None:
    """Neither in place of the file nor of its folder."""
    (tmp_path / "2026-11").mkdir()
    (tmp_path / f"{STEM}.wav").symlink_to("/etc/passwd")
    (tmp_path / "2026-12").symlink_to("/etc")
    for file in (f"{STEM}.wav", f"2026-12/{'0' * 32}.wav"):
        with pytest.raises(GatewayError, match="is not the name of a recording"):
            recording_path(tmp_path, file)


# Channels, exports


@given(STEREO)
def test_channels_and_their_whole(stereo: bytes) -> None:
    """The caller's bytes and the agent's, by turns."""
    both = zip(caller(stereo), agent(stereo), strict=True)
    assert bytes(byte for frame in both for byte in frame) == stereo


def test_a_fixture_is_what_a_load_test_plays() -> None:
    """The caller alone, raw, in whole frames of 20 ms."""
    fixture = caller_fixture(AUDIO[: 2 * FRAME_BYTES + 2])
    assert fixture == caller(AUDIO[: 2 * FRAME_BYTES + 2]) + b"\xff" * (FRAME_BYTES - 1)


def test_everybodys_players_get_16_bits(tmp_path: Path) -> None:
    """A stereo WAV file of PCM samples, 8 kHz, caller left."""
    path = tmp_path / "out.wav"
    path.write_bytes(wav(AUDIO))
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (2, 2, 8000, len(AUDIO) // 2)
        samples = array("h", file.readframes(len(AUDIO)))
    assert samples[0::2].tobytes() == to_pcm16(caller(AUDIO))
    assert samples[1::2].tobytes() == to_pcm16(agent(AUDIO))
    assert path.read_bytes() == wav(AUDIO)


# Encrypted anew


def test_a_new_first_key_takes_over(tmp_path: Path) -> None:
    """The same audio; afterwards the old key is not needed any more."""
    path = recorded(tmp_path, keys("old"))
    before = path.read_bytes()
    assert rekey(path, keys("new", "old"))
    assert path.read_bytes() != before
    assert read_stereo(path, keys("new")) == AUDIO
    assert names_in(tmp_path) == ["wav.enc"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_has_the_first_key_stays_as_it_is(tmp_path: Path) -> None:
    """Nothing is written."""
    path = recorded(tmp_path, keys("a"))
    before = path.read_bytes()
    assert not rekey(path, keys("a", "b"))
    assert path.read_bytes() == before


def test_a_lost_key_is_named(tmp_path: Path) -> None:
    """With the variable it should be in; the file stays."""
    path = recorded(tmp_path, keys("lost"))
    with pytest.raises(GatewayError, match="'lost', which is not in GATEWAY_RECORDING_KEYS"):
        rekey(path, keys("new"))
    assert read_stereo(path, keys("lost")) == AUDIO


def test_only_encrypted_recordings_have_keys(tmp_path: Path) -> None:
    """A plain one is refused, and one under a foreign name."""
    with pytest.raises(GatewayError, match="is no encrypted recording"):
        rekey(recorded(tmp_path), keys("a"))
    path = recorded(tmp_path, keys("old"))
    other = path.rename(path.with_name("copy"))
    with pytest.raises(GatewayError, match=r"is not named \*\.wav\.enc"):
        rekey(other, keys("new", "old"))


def test_damage_is_not_carried_over(tmp_path: Path) -> None:
    """A file that cannot be read whole stays as it is, and nothing is left beside it."""
    path = recorded(tmp_path, keys("old"))
    harmed = path.read_bytes()[:-1]
    path.write_bytes(harmed)
    with pytest.raises(GatewayError, match="is damaged"):
        rekey(path, keys("new", "old"))
    assert path.read_bytes() == harmed
    assert names_in(tmp_path) == ["wav.enc"]


def test_what_is_deleted_meanwhile_does_not_come_back(tmp_path: Path) -> None:
    """Whoever erases a call has erased it."""
    path = recorded(tmp_path, keys("old"))

    def deleting(name: str, _: int) -> None:
        if name == "pwrite" and path.exists():
            path.unlink()

    with Disk(deleting).watched(), pytest.raises(GatewayError, match="was deleted meanwhile"):
        rekey(path, keys("new", "old"))
    assert names_in(tmp_path) == []


def test_encrypting_anew_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    """The old file or the new one is there, whole; the next start sweeps the rest."""
    both = keys("new", "old")
    calls = calls_of(lambda: rekey(recorded(tmp_path / "0", keys("old")), both)) - 20
    for number in range(1, calls + 1):
        path = recorded(tmp_path / str(number), keys("old"))
        killed_in(number, lambda: rekey(path, both))  # noqa: B023
        assert read_stereo(path, both) == AUDIO
        assert repair(tmp_path / str(number), both) == []
        assert names_in(tmp_path / str(number)) == ["wav.enc"]
        rekey(path, both)
        assert read_stereo(path, keys("new")) == AUDIO


def test_encrypting_anew_goes_on_after_a_kill(tmp_path: Path) -> None:
    """A dead copy is no obstacle."""
    path = recorded(tmp_path, keys("old"))
    path.with_name(path.name.replace(".wav.enc", ".rekey")).write_bytes(b"dead")
    assert rekey(path, keys("new", "old"))
    assert names_in(tmp_path) == ["wav.enc"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """One line says why; nothing is left beside it."""
    path = recorded(tmp_path, keys("old"))
    full = Disk(lambda name, _: no_space() if name == "pwrite" else None)
    with full.watched(), pytest.raises(GatewayError, match=f"^{path.name}: No space left"):
        rekey(path, keys("new", "old"))
    assert read_stereo(path, keys("old")) == AUDIO
    assert names_in(tmp_path) == ["wav.enc"]


def no_space() -> OSError:
    """What a full disk says."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# Other programs


@pytest.mark.system
def test_sox_reads_what_was_recorded(tmp_path: Path) -> None:
    """Two channels of mu-law at 8 kHz, every sample of them, without a warning."""
    path = recorded(tmp_path)
    told = said(["sox", "--i", str(path)])
    for line in ("Channels       : 2", "Sample Rate    : 8000", "8-bit u-law", "= 8000 samples"):
        assert line in told
    assert "WARN" not in told
    assert "Samples read:" in said(["sox", str(path), "-n", "stat"])
    raw = tmp_path / "out.raw"
    said(["sox", str(path), "-t", "raw", "-e", "mu-law", "-b", "8", str(raw)])
    assert to_pcm16(raw.read_bytes()) == to_pcm16(AUDIO)


@pytest.mark.system
def test_sox_reads_what_was_exported(tmp_path: Path) -> None:
    """16-bit samples."""
    (tmp_path / "out.wav").write_bytes(wav(AUDIO))
    told = said(["sox", "--i", str(tmp_path / "out.wav")])
    assert "16-bit Signed Integer PCM" in told
    assert "= 8000 samples" in told


def said(command: list[str]) -> str:
    """What a command says, both ways; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
