"""What a crash left of recordings is finished, and nothing else is touched."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.store.recordings import salvage
from gateway.store.recordings.audio import read_stereo
from gateway.store.recordings.salvage import Repaired, repair
from gateway.store.recordings.tapefile import (
    HEADER_BYTES,
    Form,
    PartFile,
    Plain,
    form_of,
    wav_header,
)
from gateway.store.recordings.tapes import Tapes
from gateway.store.recordings.vault import Vault
from tests.store.disks import (
    Recording,
    calls_of,
    keys,
    killed_in,
    names_in,
    pattern,
    recording,
    two_recorded,
)
from tests.store.dying_tapes import Round

ROOT = Path(__file__).parents[3]
MONTH = "2026-11"
STEM = f"{MONTH}/{'0123456789abcdef' * 2}"
AUDIO = pattern(4)
"""Its last 10 ms are zeros."""


@pytest.fixture(params=["plain", "encrypted"])
def vault(request: pytest.FixtureRequest) -> Vault | None:
    """Without keys and with."""
    return None if request.param == "plain" else keys("a")


@pytest.fixture
def after_power_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has been started anew since."""
    monkeypatch.setattr(salvage, "boot_id", lambda: "0-1")


def left(folder: Path, form: Form, *pieces: bytes, synced: int = 0) -> Path:
    """A recording whose process is gone; its first pieces were synced."""
    part = PartFile(folder / STEM, form)
    for number, piece in enumerate(pieces, 1):
        part.append(piece)
        if number <= synced:
            part.sync(number)
    part._close()
    return folder / f"{STEM}.part"


def warned(folder: Path, vault: Vault | None) -> list[str]:
    """Why files were left alone in a repair that finishes nothing."""
    with capture_logs() as logs:
        assert repair(folder, vault) == []
    return [each["reason"] for each in logs if each["event"] == "tape.left_alone"]


# A killed process


def test_a_recording_cut_off_is_finished(tmp_path: Path, vault: Vault | None) -> None:
    """All that was written is in it, zeros at its end too: the machine never went down."""
    form = form_of(vault)
    left(tmp_path, form, AUDIO[:640], AUDIO[640:], synced=1)
    assert repair(tmp_path, vault) == [Repaired(f"{STEM}{form.suffix}", 80.0)]
    assert read_stereo(tmp_path / f"{STEM}{form.suffix}", vault) == AUDIO
    assert names_in(tmp_path) == [form.suffix[1:]]
    assert repair(tmp_path, vault) == []


def test_a_process_may_be_killed_at_any_moment(tmp_path: Path, vault: Vault | None) -> None:
    """In any of its calls to the disk: what it had written is kept, no file is ever half one."""
    calls = calls_of(lambda: two_recorded(tmp_path / "0", vault))
    for number in range(1, calls + 1):
        folder = tmp_path / str(number)
        made: list[Recording] = []
        killed_in(number, lambda: made.extend(two_recorded(folder, vault)))  # noqa: B023
        check_kept(folder, vault)
        repaired = {each.file: each.audio_ms for each in repair(folder, vault)}
        lengths = check_kept(folder, vault)
        assert {file: lengths[file] for file in repaired} == repaired
        assert set(names_in(folder)) <= {"wav", "wav.enc"}
    assert list(check_kept(tmp_path / str(calls), vault).values()) == [80.0, 80.0]


def check_kept(folder: Path, vault: Vault | None) -> dict[str, float]:
    """Every finished file is a prefix of what was recorded; their lengths."""
    lengths = {}
    for path in [*folder.rglob("*.wav"), *folder.rglob("*.enc")]:
        kept = read_stereo(path, vault)
        assert any(pattern(4, seed).startswith(kept) for seed in (1, 2))
        assert kept
        assert len(kept) % 2 == 0
        lengths[path.relative_to(folder).as_posix()] = len(kept) / 16
    return lengths


def test_a_repair_may_be_killed_at_any_moment(tmp_path: Path, vault: Vault | None) -> None:
    """The next one finishes as if nothing had been."""
    form = form_of(vault)
    left(tmp_path / "0", form, AUDIO)
    calls = calls_of(lambda: repair(tmp_path / "0", vault))
    assert calls > 4
    for number in range(1, calls + 1):
        folder = tmp_path / str(number)
        left(folder, form, AUDIO)
        killed_in(number, lambda: repair(folder, vault))  # noqa: B023
        repair(folder, vault)
        assert read_stereo(folder / f"{STEM}{form.suffix}", vault) == AUDIO
        assert names_in(folder) == [form.suffix[1:]]


def test_two_repairs_do_not_meet(tmp_path: Path) -> None:
    """What one of them holds, the other leaves alone without a word."""
    path = left(tmp_path, Plain(), AUDIO)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert warned(tmp_path, None) == []
        assert names_in(tmp_path) == ["idx", "part"]
    assert len(repair(tmp_path, None)) == 1


def test_what_is_being_recorded_is_left_alone(tmp_path: Path, vault: Vault | None) -> None:
    """A living tape goes on, and ends whole."""
    each = recording(Tapes(tmp_path, vault), AUDIO)
    each.tape.write(AUDIO[:640])
    each.tape.store()
    assert warned(tmp_path, vault) == []
    each.tape.write(AUDIO[640:])
    each.tape.finish()
    assert read_stereo(tmp_path / each.tape.file, vault) == AUDIO


def test_half_a_frame_at_the_end_is_cut(tmp_path: Path) -> None:
    """A WAV file has whole ones."""
    path = left(tmp_path, Plain(), AUDIO)
    os.truncate(path, HEADER_BYTES + 321)
    assert repair(tmp_path, None) == [Repaired(f"{STEM}.wav", 20.0)]
    assert read_stereo(path.with_suffix(".wav"), None) == AUDIO[:320]


def test_an_encrypted_one_ends_with_its_last_whole_piece(tmp_path: Path) -> None:
    """Wherever it was torn off."""
    form = keys("a").sealed()
    whole = left(tmp_path, form, AUDIO[:320], AUDIO[320:]).read_bytes()
    first = len(form.head) + 4 + 320 + 16
    for length in (first, first + 1, first + 100, len(whole) - 1):
        (tmp_path / f"{STEM}.part").write_bytes(whole[:length])
        assert repair(tmp_path, keys("a")) == [Repaired(f"{STEM}.wav.enc", 20.0)]
        assert read_stereo(tmp_path / f"{STEM}.wav.enc", keys("a")) == AUDIO[:320]


# A power failure


@pytest.mark.usefixtures("after_power_failure")
@pytest.mark.parametrize("synced", [0, 1, 2])
def test_zeros_behind_the_last_sync_are_cut(tmp_path: Path, synced: int) -> None:
    """They are pages that never reached the disk; what was synced is believed as it is."""
    path = left(tmp_path, Plain(), AUDIO, AUDIO, synced=synced)
    os.truncate(path, HEADER_BYTES + 2 * len(AUDIO) + 5000)
    assert repair(tmp_path, None)[0].audio_ms == (160.0 if synced == 2 else 150.0)
    assert (AUDIO * 2).startswith(read_stereo(path.with_suffix(".wav"), None))


@pytest.mark.usefixtures("after_power_failure")
def test_only_the_end_is_cut(tmp_path: Path) -> None:
    """Zeros with audio behind them stay, over more than one block as well."""
    audio = AUDIO + bytes(200_000) + b"\0\1"
    path = left(tmp_path, Plain(), audio + bytes(200_000))
    repair(tmp_path, None)
    assert read_stereo(path.with_suffix(".wav"), None) == audio


@pytest.mark.usefixtures("after_power_failure")
def test_one_zero_of_a_frame_is_audio(tmp_path: Path) -> None:
    """The agent's sample may be the loudest one there is."""
    path = left(tmp_path, Plain(), b"\1\0")
    repair(tmp_path, None)
    assert read_stereo(path.with_suffix(".wav"), None) == b"\1\0"


@pytest.mark.usefixtures("after_power_failure")
def test_encrypted_pieces_prove_themselves(tmp_path: Path) -> None:
    """Zeros in place of a piece are none; zeros in the audio are audio."""
    path = left(tmp_path, keys("a").sealed(), AUDIO)
    os.truncate(path, path.stat().st_size + 5000)
    assert repair(tmp_path, keys("a"))[0].audio_ms == 80.0
    assert read_stereo(path.with_suffix(".wav.enc"), keys("a")) == AUDIO


@pytest.mark.parametrize("index", [None, b"", b"\0" * 30, b"boot x\n1 2 3\n", b"boot"])
def test_without_an_index_zeros_are_judged(tmp_path: Path, index: bytes | None) -> None:
    """Missing or garbled: it may have been a power failure."""
    path = left(tmp_path, Plain(), AUDIO)
    path.with_suffix(".idx").unlink()
    if index is not None:
        path.with_suffix(".idx").write_bytes(index)
    assert repair(tmp_path, None)[0].audio_ms == 70.0
    assert names_in(tmp_path) == ["wav"]


def test_an_index_that_promises_too_much_cuts_nothing(tmp_path: Path) -> None:
    """Nor does it make audio that is not there."""
    path = left(tmp_path, Plain(), AUDIO)
    path.with_suffix(".idx").write_bytes(b"boot 0\n99999999 1\n")
    assert repair(tmp_path, None)[0].audio_ms == 80.0


# What holds no audio, and what is not ours


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", wav_header(0), bytes(5000), keys("a").sealed().head, b"GWTAPE\x01\x01a"],
    ids=["nothing", "four bytes", "a header", "zeros", "a sealed head", "half a head"],
)
def test_what_holds_no_audio_is_removed(tmp_path: Path, content: bytes) -> None:
    """Cut off before the first frame was written, or before any of it was on the disk."""
    path = left(tmp_path, Plain(), AUDIO)
    path.write_bytes(content)
    assert warned(tmp_path, keys("a")) == []
    assert names_in(tmp_path) == []


def test_only_zeros_are_no_audio_after_a_power_failure(
    tmp_path: Path, after_power_failure: None
) -> None:
    """The header came to the disk and nothing else."""
    path = left(tmp_path, Plain(), AUDIO)
    path.write_bytes(wav_header(0) + bytes(4000))
    assert warned(tmp_path, None) == []
    assert names_in(tmp_path) == []


JUNK: dict[str, Callable[[Path], object]] = {
    "notes.part": lambda path: path.write_text("mine"),
    "0123456789abcdef.part": lambda path: path.write_bytes(b""),
    f"{'0' * 32}.part": lambda path: path.mkdir(),
    f"{'1' * 32}.part": lambda path: path.symlink_to("/dev/null"),
    f"{'2' * 32}.part": os.mkfifo,
    "readme.idx": lambda path: path.write_text("mine"),
    "x.rekey": lambda path: path.write_text("mine"),
}


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    """Other names, folders, links, pipes; files in other folders."""
    for name, make in JUNK.items():
        for folder in (MONTH, "other"):
            (tmp_path / folder).mkdir(exist_ok=True)
            make(tmp_path / folder / name)
    (tmp_path / "other" / f"{'3' * 32}.part").write_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    assert warned(tmp_path, None) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_foreign_content_is_left_alone_with_a_word(tmp_path: Path) -> None:
    """Nothing is deleted that may be somebody's."""
    path = left(tmp_path, Plain(), AUDIO)
    path.write_bytes(b"RIFF and so on" * 10)
    assert warned(tmp_path, None) == ["is no recording of ours"]
    assert path.read_bytes() == b"RIFF and so on" * 10


def test_a_missing_folder_holds_nothing(tmp_path: Path) -> None:
    """Before the first recording there is none."""
    assert repair(tmp_path / "none", None) == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("there", [None, keys("b"), Vault({"a": bytes(32)})])
def test_without_its_key_a_recording_waits(tmp_path: Path, there: Vault | None) -> None:
    """No key, others, or another one of that name: untouched until the right one is there."""
    path = left(tmp_path, keys("a").sealed(), AUDIO)
    before = path.read_bytes()
    (reason,) = warned(tmp_path, there)
    assert "the key 'a'" in reason
    assert "GATEWAY_RECORDING_KEYS" in reason
    assert path.read_bytes() == before
    assert repair(tmp_path, keys("b", "a")) == [Repaired(f"{STEM}.wav.enc", 80.0)]


def test_a_plain_recording_needs_no_key(tmp_path: Path) -> None:
    """It was begun before there were keys, and stays what it is."""
    left(tmp_path, Plain(), AUDIO)
    assert repair(tmp_path, keys("a")) == [Repaired(f"{STEM}.wav", 80.0)]
    assert read_stereo(tmp_path / f"{STEM}.wav", keys("a")) == AUDIO


def test_one_that_fails_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk's own reason is in the log; the next start tries again."""
    first = left(tmp_path, Plain(), AUDIO)
    second = first.with_name(f"{'f' * 32}.part")
    for ending in (".part", ".idx"):
        second.with_suffix(ending).write_bytes(first.with_suffix(ending).read_bytes())
    real = os.rename

    def rename(old: Path, new: Path) -> None:
        if old == first:
            raise OSError(5, "Input/output error")
        real(old, new)

    with capture_logs() as logs, monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename)
        assert repair(tmp_path, None) == [Repaired(f"{MONTH}/{'f' * 32}.wav", 80.0)]
    assert [each["reason"] for each in logs if "reason" in each] == ["Input/output error"]
    assert repair(tmp_path, None) == [Repaired(f"{STEM}.wav", 80.0)]


def test_what_is_left_over_is_swept(tmp_path: Path) -> None:
    """An index of nothing, a copy of a dead ``rekey``; not one that is being written."""
    month = tmp_path / MONTH
    month.mkdir()
    for name in ("0", "1", "2"):
        (month / f"{name * 32}.{'idx' if name == '0' else 'rekey'}").write_bytes(b"x")
    with (month / f"{'2' * 32}.rekey").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert repair(tmp_path, None) == []
    assert [path.name for path in month.iterdir()] == [f"{'2' * 32}.rekey"]


# The real thing


def killed_rounds(folder: Path, form: str, *, rounds: int, longest: int) -> list[Round]:
    """What was left of recordings whose processes were killed."""
    script = [sys.executable, "-m", "tests.store.dying_tapes"]
    command = [*script, str(folder), form, str(rounds), str(longest)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return [Round(**each) for each in json.loads(done.stdout)]


@pytest.mark.parametrize("form", ["plain", "encrypted"])
def test_kill_9_loses_nothing_that_was_written(tmp_path: Path, form: str) -> None:
    """A real process, killed at random moments: whole frames, and nothing that was not said."""
    rounds = killed_rounds(tmp_path, form, rounds=4, longest=150)
    assert len(rounds) == 4
    for each in rounds:
        assert each.whole
        assert each.written <= each.kept <= each.given + 320


@pytest.mark.system
@pytest.mark.parametrize("form", ["plain", "encrypted"])
@pytest.mark.parametrize("repeat", range(2))
def test_kill_9_loses_no_more_than_a_moment(tmp_path: Path, form: str, repeat: int) -> None:
    """Of what was handed on more than a moment before, a tenth of a second at most is missing."""
    for each in killed_rounds(tmp_path / str(repeat), form, rounds=20, longest=400):
        assert each.whole
        assert each.written <= each.kept <= each.given + 320
        assert each.kept >= each.old - 1600
