"""Recordings being made: calls never wait, the disk thread keeps what it can."""

import asyncio
import errno
import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from gateway.call.tape import Closed, Tape, Taping
from gateway.store.recordings import tapes as tapes_module
from gateway.store.recordings.audio import read_stereo
from gateway.store.recordings.salvage import repair
from gateway.store.recordings.tapes import MAX_WAITING_BYTES, SYNC_S, TURN_S, Tapes
from gateway.store.recordings.vault import Vault
from tests.store.disks import (
    Disk,
    Recording,
    calls_of,
    failing,
    keys,
    names_in,
    pattern,
    recording,
    the_file,
    two_recorded,
)

DEADLINE_S = 5.0


@pytest.fixture(params=["plain", "encrypted"])
def vault(request: pytest.FixtureRequest) -> Vault | None:
    """Without keys and with."""
    return None if request.param == "plain" else keys("a")


@pytest.fixture
def running(tmp_path: Path, vault: Vault | None) -> Iterator[Tapes]:
    """Tapes with their thread."""
    tapes = Tapes(tmp_path, vault)
    tapes.start()
    yield tapes
    tapes.stop(DEADLINE_S)


def done(future: "Future[Closed]") -> Closed:
    """How it ended, before long."""
    return future.result(DEADLINE_S)


def turned(tapes: Tapes) -> None:
    """The thread has written all that was handed on before."""
    for _ in range(2):
        heard = threading.Event()
        tapes._ask(heard.set)
        assert heard.wait(DEADLINE_S)


# What a call sees


def test_a_call_needs_no_more_than_this(tmp_path: Path) -> None:
    """The tapes are what the call room asks for."""
    taping: Taping = Tapes(tmp_path, None)
    tape: Tape = taping.open("CA1", lambda _: None)
    assert tape.file


def test_the_name_is_known_at_once_and_says_nothing(tmp_path: Path) -> None:
    """A month and 128 bits of chance; the ending says whether it is encrypted."""
    plain, sealed = (Tapes(tmp_path, vault) for vault in (None, keys("a")))
    names = {plain.open("CA1", lambda _: None).file for _ in range(100)}
    assert len(names) == 100
    assert all(re.fullmatch(r"\d{4}-\d\d/[0-9a-f]{32}\.wav", name) for name in names)
    assert sealed.open("CA1", lambda _: None).file.endswith(".wav.enc")


def test_what_is_handed_on_is_recorded(running: Tapes, tmp_path: Path, vault: Vault | None) -> None:
    """Byte for byte, in pieces of any size, under the name that was told."""
    audio = pattern(200)
    tape = running.open("CA1", lambda _: None)
    for start in range(0, len(audio), 3000):
        tape.write(audio[start : start + 3000])
    assert done(tape.close()) == Closed(4000.0, "")
    assert read_stereo(tmp_path / tape.file, vault) == audio
    assert len(names_in(tmp_path)) == 1


def test_nothing_is_on_the_disk_before_there_is_audio(tmp_path: Path) -> None:
    """Neither before a tape is opened nor before it is written to."""
    folder = tmp_path / "recordings"
    tapes = Tapes(folder, None)
    tapes.start()
    tape = tapes.open("CA1", lambda _: None)
    turned(tapes)
    assert not folder.exists()
    assert done(tape.close()) == Closed(0.0, "")
    assert not folder.exists()
    tapes.stop(DEADLINE_S)


def test_audio_is_written_without_anything_else_happening(running: Tapes, tmp_path: Path) -> None:
    """What was handed on is in the file soon after: a killed process loses no more."""
    tape = running.open("CA1", lambda _: None)
    for number in range(1, 4):
        tape.write(pattern(5))
        turned(running)
        assert the_file(tmp_path, "part").stat().st_size >= number * 5 * 320


def test_half_a_frame_does_not_swap_the_channels(tmp_path: Path) -> None:
    """It is left out: the caller stays left."""
    each = recording(Tapes(tmp_path, None), b"")
    each.tape.write(b"\x01\x02\x01")
    each.tape.write(b"\x01\x02")
    each.tape.finish()
    assert read_stereo(tmp_path / each.tape.file, None) == b"\x01\x02\x01\x02"


def test_what_comes_after_the_end_is_left_out(running: Tapes, tmp_path: Path) -> None:
    """A tape ends once, however often it is closed."""
    tape = running.open("CA1", lambda _: None)
    tape.write(pattern(1))
    first = tape.close()
    tape.write(pattern(1))
    second = tape.close()
    assert done(first) == done(second) == Closed(20.0, "")
    tape.write(pattern(1))
    turned(running)
    assert len(names_in(tmp_path)) == 1


def test_a_tape_can_be_discarded(running: Tapes, tmp_path: Path) -> None:
    """While it is written, after it was closed, twice; its length is told, no file is left."""
    fresh, closed = (running.open("CA1", lambda _: None) for _ in range(2))
    for tape in (fresh, closed):
        tape.write(pattern(3))
    turned(running)
    assert done(closed.close()) == Closed(60.0, "")
    assert len(names_in(tmp_path)) == 3
    for tape in (fresh, closed):
        assert done(tape.discard()) == done(tape.discard()) == done(tape.close())
        assert done(tape.close()) == Closed(60.0, "")
    assert names_in(tmp_path) == []


def test_a_discarded_tape_takes_nothing_more(running: Tapes, tmp_path: Path) -> None:
    """Audio that was still to be written is forgotten as well."""
    tape = running.open("CA1", lambda _: None)
    tape.write(pattern(3))
    gone = tape.discard()
    tape.write(pattern(3))
    done(gone)
    turned(running)
    assert names_in(tmp_path) == []


def test_what_cannot_be_deleted_is_told(tmp_path: Path) -> None:
    """The result says so; what stays holds no audio, and the next start removes it."""
    tapes = Tapes(tmp_path, None)
    tape = tapes.open("CA1", lambda _: None)
    tape.write(pattern(3))
    tape.store()
    readonly = Disk(lambda name, _: OSError(errno.EROFS, "no") if name == "unlink" else None)
    with readonly.watched():
        gone = tape.discard()
        for _ in range(2):
            tapes._hear()
    assert done(gone) == Closed(60.0, "disk_error")
    assert repair(tmp_path, None) == []
    assert names_in(tmp_path) == []


@pytest.mark.asyncio
async def test_whoever_stops_waiting_breaks_nothing(running: Tapes, tmp_path: Path) -> None:
    """The file is finished all the same, and can be asked for again."""
    tape = running.open("CA1", lambda _: None)
    tape.write(pattern(3))
    waiting = asyncio.wrap_future(tape.close())
    waiting.cancel()
    assert await asyncio.to_thread(done, tape.close()) == Closed(60.0, "")
    assert len(names_in(tmp_path)) == 1


def test_many_calls_at_once_are_kept_apart(
    running: Tapes, tmp_path: Path, vault: Vault | None
) -> None:
    """Written from several threads, closed at the same moment: each has its own audio."""
    audio = {running.open("CA1", lambda _: None): pattern(30, seed) for seed in range(24)}

    def speak(tapes: list[tapes_module.Tape]) -> None:
        for start in range(0, 30 * 320, 1600):
            for tape in tapes:
                tape.write(audio[tape][start : start + 1600])

    everyone = list(audio)
    threads = [threading.Thread(target=speak, args=(everyone[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert not wait([tape.close() for tape in audio], DEADLINE_S).not_done
    for tape, said in audio.items():
        assert read_stereo(tmp_path / tape.file, vault) == said


# Stopping


def test_stopping_finishes_what_is_open(tmp_path: Path, vault: Vault | None) -> None:
    """Nothing handed on is lost, and whoever closes later is answered."""
    tapes = Tapes(tmp_path, vault)
    tapes.start()
    tape = tapes.open("CA1", lambda _: None)
    tape.write(pattern(3))
    tapes.stop(DEADLINE_S)
    assert names_in(tmp_path) == [tape.file.partition(".")[2]]
    assert done(tape.close()) == Closed(60.0, "")
    assert read_stereo(tmp_path / tape.file, vault) == pattern(3)


def test_who_comes_after_the_end_is_served_all_the_same(tmp_path: Path) -> None:
    """A tape opened, or thrown away, by a call that outlived the thread."""
    tapes = Tapes(tmp_path, None)
    tapes.start()
    early = tapes.open("CA1", lambda _: None)
    early.write(pattern(1))
    tapes.stop(DEADLINE_S)
    late = tapes.open("CA2", lambda _: None)
    late.write(pattern(2))
    assert done(late.close()) == Closed(40.0, "")
    assert done(early.discard()) == Closed(20.0, "")
    assert [path.name for path in tmp_path.rglob("*.wav")] == [Path(late.file).name]


def test_what_was_asked_for_while_stopping_is_done(tmp_path: Path) -> None:
    """The thread ends when nothing waits for it any more."""
    tapes = Tapes(tmp_path, None)
    late: list[Future[Closed]] = []

    def ask() -> None:
        tape = tapes.open("CA1", lambda _: None)
        tape.write(pattern(1))
        late.append(tape.close())

    tapes.start()
    tapes._ask(lambda: (tapes._ask(tapes._end), tapes._ask(ask))[0])  # type: ignore[func-returns-value]
    tapes.stop(DEADLINE_S)
    assert not tapes._thread.is_alive()
    tapes.stop(DEADLINE_S)
    assert done(late[0]) == Closed(20.0, "")


# How often


def test_one_file_is_synced_each_second_and_each_every_few(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A hundred calls for twelve seconds, on a clock of our own. When it is their own files' turn
    the disk has begun with the last before anybody waits for the first.
    """
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], time_ns=lambda: 0)
    monkeypatch.setattr(tapes_module, "time", clock)
    tapes = Tapes(tmp_path, None)
    made = [recording(tapes, b"").tape for _ in range(100)]
    for tape in made:
        tapes._hear()
        tape.write(b"\xff\xff")
        tape.store()
    turns: list[Counter[str]] = []
    for _ in range(round(12 / TURN_S)):
        now[0] += TURN_S
        for tape in made:
            tape.write(b"\xff\xff")
            tape.store()
        with Disk().watched() as disk:
            tapes._sync(now[0])
        names = [name for name, _ in disk.seen]
        if "posix_fadvise" in names:
            assert names[:200] == ["posix_fadvise"] * 100 + ["fsync", "write"] * 50
        turns.append(Counter(names))
    own = [turn["posix_fadvise"] for turn in turns if turn["posix_fadvise"]]
    one = [turn for turn in turns if turn["fsync"] and not turn["posix_fadvise"]]
    assert own == [100] * 3
    assert 6 <= len(one) <= 9
    assert all(turn["pwrite"] == 1 and turn["fsync"] <= 3 for turn in one)
    for tape in made:
        tape._part.remove()


def test_nothing_is_ahead_when_nobody_is_recorded(tmp_path: Path) -> None:
    """Nor does a silent tape make anything of it."""
    tapes = Tapes(tmp_path, None)
    each = recording(tapes, pattern(2))
    tapes._hear()
    with Disk().watched() as disk:
        tapes._sync(1e9)
    assert disk.seen == []
    each.tape.write(each.audio)
    each.tape.store()
    tapes._sync(1e9 + SYNC_S)
    assert names_in(tmp_path) == ["ahead", "idx", "part"]
    each.tape.write(each.audio)
    each.tape.finish()
    assert tapes._ahead._waiting
    tapes._let_go()
    assert not tapes._ahead._waiting
    tapes._sync(1e9 + SYNC_S)
    assert names_in(tmp_path) == ["wav"]


@pytest.mark.parametrize("finished", [False, True])
def test_what_is_discarded_is_ahead_of_nothing(
    tmp_path: Path, vault: Vault | None, finished: bool
) -> None:
    """At once, finished or not: those beside it are on the disk in their own files by then."""
    both = two_recorded(tmp_path, vault, finish=False)
    gone, kept = (each.tape for each in both)
    assert names_in(tmp_path) == ["ahead", "idx", "idx", "part", "part"]
    if finished:
        gone.finish()
    gone._remove(Future())
    assert names_in(tmp_path) == ["idx", "part"]
    assert not kept.unsynced  # it was, before: the fourth piece came after the sync
    kept.finish()
    assert told(both) == [[], []]


def test_a_disk_that_takes_nothing_ahead_is_asked_for_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No recording ends for it: each second their own files are synced. It is told once, until the
    disk has taken something meanwhile.
    """
    tapes = Tapes(tmp_path, None)
    both = [recording(tapes, pattern(6, seed)) for seed in (1, 2)]
    for _ in both:
        tapes._hear()

    def sync() -> None:
        if second not in working:
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(tapes._ahead, "sync", sync)
    second, working = 100.0, {103.0}
    tapes._sync(second)
    with capture_logs() as logs:
        for second in (101.0, 102.0, 103.0, 104.0, 105.0):
            for each in both:
                each.tape.write(each.audio[:640])
                each.tape.store()
            assert all(each.tape.unsynced for each in both)
            tapes._sync(second)
            assert any(each.tape.unsynced for each in both) == (second in working)
    assert [line["event"] for line in logs] == ["tape.not_ahead", "tape.ahead", "tape.not_ahead"]
    assert told(both) == [[], []]
    for each in both:
        each.tape.finish()
    assert names_in(tmp_path) == ["wav", "wav"]


# A slow disk


def test_memory_is_bounded_when_the_disk_is_slow(tmp_path: Path, vault: Vault | None) -> None:
    """After 30 s that waited the tape ends: told once and at once, what had come is kept."""
    tapes = Tapes(tmp_path, vault)
    each = recording(tapes, pattern(1600))
    for start in range(0, len(each.audio), 8000):
        each.tape.write(each.audio[start : start + 8000])
    assert each.faults == ["disk_slow"]
    each.tape.store()
    assert done(each.tape.close()) == Closed(30_000.0, "disk_slow")
    assert read_stereo(tmp_path / each.tape.file, vault) == each.audio[:MAX_WAITING_BYTES]


def test_what_is_being_written_counts_as_waiting(tmp_path: Path) -> None:
    """A write that hangs does not let the memory be filled a second time."""
    tapes = Tapes(tmp_path, None)
    each = recording(tapes, b"")
    each.tape.write(bytes(MAX_WAITING_BYTES))

    def hanging(name: str, _: int) -> None:
        if name == "pwrite" and not each.faults:
            each.tape.write(b"\xff\xff")

    with Disk(hanging).watched():
        each.tape.store()
    assert each.faults == ["disk_slow"]


# A disk that fails


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EIO, "disk_error"),
        (errno.EROFS, "disk_error"),
    ],
)
def test_a_fault_ends_its_tape_and_no_other(
    tmp_path: Path, vault: Vault | None, code: int, word: str
) -> None:
    """Told once; what it holds is whole, the rest is forgotten, the other one goes on."""
    tapes = Tapes(tmp_path, vault)
    bad, good = (recording(tapes, pattern(4, seed)) for seed in (1, 2))
    for number, wrong in enumerate((False, True, False, False)):
        for each in (bad, good):
            each.tape.write(each.audio[320 * number : 320 * number + 320])
            with failing(code, 1 if wrong and each is bad else 999).watched():
                each.tape.store()
    assert (bad.faults, good.faults) == ([word], [])
    for each in (bad, good):
        each.tape.finish()
    assert done(bad.tape.close()) == Closed(20.0, word)
    assert done(good.tape.close()) == Closed(80.0, "")
    assert read_stereo(tmp_path / bad.tape.file, vault) == bad.audio[:320]
    assert read_stereo(tmp_path / good.tape.file, vault) == good.audio
    assert bad.faults == [word]


def told(made: list[Recording]) -> list[list[str]]:
    """What each tape told of faults."""
    return [each.faults for each in made]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_any_call_to_the_disk_may_fail(tmp_path: Path, vault: Vault | None, code: int) -> None:
    """Each once: nothing is raised, one tape at most is cut short, none is ever half a file."""
    calls = calls_of(lambda: two_recorded(tmp_path / "0", vault))
    assert calls > 40
    for number in range(1, calls + 1):
        folder = tmp_path / str(number)
        with failing(code, number).watched():
            made = two_recorded(folder, vault)
        assert all(len(each.faults) <= 1 for each in made)
        assert sum(map(len, told(made))) <= 1
        check_kept(folder, vault, made)


def test_the_disk_may_fail_for_good(tmp_path: Path, vault: Vault | None) -> None:
    """From any call on: nothing is raised, what was written is found at the next start."""
    calls = calls_of(lambda: two_recorded(tmp_path / "0", vault))
    for number in range(1, calls + 1):
        folder = tmp_path / str(number)
        with failing(errno.EIO, number, for_good=True).watched():
            made = two_recorded(folder, vault)
        assert all(len(each.faults) <= 1 for each in made)
        found = {each.file: each.audio_ms for each in repair(folder, vault)}
        for each in made:
            left = found.get(each.tape.file, done(each.tape.close()).audio_ms)
            assert left >= done(each.tape.close()).audio_ms
        check_kept(folder, vault, made)


def check_kept(folder: Path, vault: Vault | None, made: list[Recording]) -> None:
    """Each recording is a prefix of its audio, as long as it told; all of it without a fault."""
    for each in made:
        closed = done(each.tape.close())
        assert [closed.incomplete] == (each.faults or [""])
        path = folder / each.tape.file
        kept = read_stereo(path, vault) if path.exists() else b""
        assert each.audio.startswith(kept)
        assert len(kept) % 2 == 0
        assert each.faults or kept == each.audio
        assert len(kept) / 16 == closed.audio_ms or not path.exists() or each.faults
    assert set(names_in(folder)) <= {"wav", "wav.enc", "part", "idx", "ahead"}


def test_a_call_that_is_over_hears_of_no_fault(tmp_path: Path) -> None:
    """Its loop may be closed by then; the tape ends all the same."""

    def closed_loop(_: str) -> None:
        raise RuntimeError("Event loop is closed")

    tape = Tapes(tmp_path, None).open("CA1", closed_loop)
    tape.write(pattern(1))
    with failing(errno.EIO, 1, for_good=True).watched():
        tape.store()
    assert done(tape.close()).incomplete == "disk_error"
