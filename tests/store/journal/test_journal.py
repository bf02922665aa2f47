"""What waits for the database: on the disk, in memory if it must be, in order, bounded."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.store.entry import Change, Entry, decode, encode
from gateway.store.journal import segments as module
from gateway.store.journal.journal import Journal, dead_journals
from tests.store.entries import lines, many, said, told


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal whose disk takes everything."""
    made = Journal(tmp_path / "journal")
    made.open()
    return made


@contextmanager
def no_disk() -> Iterator[None]:
    """Nothing can be written meanwhile."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "write", full)
        yield


def rest(journal: Journal) -> list[Entry]:
    """Everything that waits, forgotten as it is read."""
    found = []
    while (chunk := journal.read()) is not None:
        found += [decode(line) for line in chunk.lines]
        journal.forget(chunk)
    return found


def test_entries_come_out_as_they_went_in(journal: Journal) -> None:
    """All of them, in order, with everything in them."""
    entries = [*many(3), said("CA2", 1, 4, "Grüß\nGott")]
    journal.add(entries[:2])
    journal.add(entries[2:])
    assert (journal.backlog, journal.safe, journal.added) == (4, 4, 4)
    assert rest(journal) == entries
    assert (journal.backlog, journal.safe, journal.added) == (0, 4, 4)


def test_an_owner_is_nobody_else(tmp_path: Path) -> None:
    """Each process draws its own name, which is the name of its folder."""
    owners = {Journal(tmp_path).owner for _ in range(10)}
    assert {len(owner) for owner in owners} == {32}
    assert len(owners) == 10
    journal = Journal(tmp_path)
    journal.add(many(1))
    assert (tmp_path / journal.owner / "lock").exists()


def test_what_a_dead_process_left_is_found(tmp_path: Path) -> None:
    """Not what the living have, nor what is no journal."""
    dead, living = Journal(tmp_path), Journal(tmp_path)
    dead.add(many(2))
    living.add(many(3))
    (tmp_path / "refused.jsonl").touch()
    (tmp_path / ".being-made").mkdir()
    dead.close()
    (found,) = dead_journals(tmp_path)
    assert found.owner == dead.owner
    assert rest(found) == many(2)
    found.remove()
    assert dead_journals(tmp_path) == []
    assert not (tmp_path / dead.owner).exists()
    assert rest(living) == many(3)


def test_no_journals_are_none(tmp_path: Path) -> None:
    """A first start."""
    assert dead_journals(tmp_path / "nothing") == []


def test_a_journal_that_is_not_ours_to_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left where it is."""
    Journal(tmp_path, keep=1).add(many(1))

    def refused(_folder: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(module.Segments, "adopt", refused)
    with capture_logs() as logs:
        assert dead_journals(tmp_path) == []
    assert [line["event"] for line in logs] == ["journal.unreadable"]


def test_without_a_disk_they_wait_in_memory(journal: Journal) -> None:
    """They are not safe there; once the disk takes them they are, and still in order."""
    entries = many(6)
    journal.add(entries[:2])
    with no_disk(), capture_logs() as logs:
        journal.add(entries[2:3])
        journal.add(entries[3:4])
        assert not journal.ok
        assert (journal.added, journal.safe, journal.backlog) == (4, 2, 4)
    assert [line["event"] for line in logs] == ["records.journal_away"]
    assert logs[0]["error"] == os.strerror(errno.ENOSPC)
    with capture_logs() as logs:
        journal.add(entries[4:])
    assert [line["event"] for line in logs] == ["records.journal_back"]
    assert (journal.ok, journal.added, journal.safe) == (True, 6, 6)
    assert rest(journal) == entries


def test_memory_is_read_after_the_disk(journal: Journal) -> None:
    """The database may be there when the disk is not: what it takes is safe."""
    entries = many(4)
    journal.add(entries[:2])
    with no_disk():
        journal.add(entries[2:])
        assert journal.safe == 2
        assert rest(journal) == entries
        assert (journal.safe, journal.backlog) == (4, 0)


def test_entries_that_reach_the_disk_while_they_are_applied_are_read_again(
    journal: Journal,
) -> None:
    """From there; applying them again changes nothing. None behind them is passed over."""
    entries = many(4)
    with no_disk():
        journal.add(entries[:3])
        chunk = journal.read()
    assert chunk is not None
    journal.flush()
    journal.add(entries[3:])
    journal.forget(chunk)
    assert rest(journal) == entries


def test_memory_is_bounded(tmp_path: Path) -> None:
    """The oldest go, and it is said how many."""
    journal = Journal(tmp_path, keep=3)
    with no_disk(), capture_logs() as logs:
        journal.add(many(2))
        journal.add(many(7)[2:])
    assert [line["entries"] for line in logs if line["event"] == "records.lost"] == [4]
    assert (journal.lost, journal.backlog, journal.safe) == (4, 3, 4)
    assert [entry.seq for entry in rest(journal)] == [5, 6, 7]


def test_a_chunk_of_memory_may_be_lost_while_it_is_applied(tmp_path: Path) -> None:
    """What was applied of it goes, what came later stays."""
    journal = Journal(tmp_path, keep=3)
    with no_disk():
        journal.add(many(3))
        chunk = journal.read()
        assert chunk is not None
        journal.add(many(5)[3:])
        journal.forget(chunk)
    assert [entry.seq for entry in rest(journal)] == [4, 5]


def test_much_goes_to_the_disk_in_parts(journal: Journal) -> None:
    """A long time without a disk is not one write that takes as long."""
    entries = many(1200)
    sizes: list[int] = []
    with no_disk():
        journal.add(entries)
    append = module.Segments.append

    def counted(files: module.Segments, data: bytes) -> None:
        sizes.append(data.count(b"\n"))
        append(files, data)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module.Segments, "append", counted)
        journal.flush()
    assert sizes == [500, 500, 200]
    assert rest(journal) == entries


def test_halves_of_characters_do_not_stop_an_entry(journal: Journal) -> None:
    """JSON cannot hold them: they are replaced, the rest of the words is kept."""
    journal.add([said("CA1", 1, 1, "so \ud83d and so")])
    assert rest(journal) == [said("CA1", 1, 1, "so \N{REPLACEMENT CHARACTER} and so")]


def test_what_is_no_json_is_lost_alone(journal: Journal) -> None:
    """It is counted, and nobody believes it to be safe."""
    odd = Entry("CA1", 1, (Change("turns", {"number": 1}, {"text": object()}),))
    with capture_logs() as logs:
        journal.add([odd, told("CA1", 2)])
    assert [(line["event"], line["why"]) for line in logs] == [("records.lost", "not_json")]
    assert journal.lost == 1
    assert rest(journal) == [told("CA1", 2)]


def test_what_no_database_takes_is_kept_apart(journal: Journal) -> None:
    """In a file for its owner alone; the log names the call and the tables, no words."""
    entry = said("CA1", 1, 1, "my secret")
    with capture_logs() as logs:
        journal.set_aside(encode(entry), "turns.text: takes no such value")
        journal.set_aside(encode(entry), "turns.text: takes no such value")
    path = journal.folder / "refused.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [decode(line) for line in path.read_bytes().splitlines()] == [entry, entry]
    assert lines(path.read_text())[0][0] == "CA1"
    assert journal.refused == 2
    assert (logs[0]["event"], logs[0]["call_sid"], logs[0]["tables"]) == (
        "records.refused",
        "CA1",
        ["turns"],
    )
    assert "secret" not in str(logs)


def test_what_cannot_even_be_kept_apart_is_lost(journal: Journal) -> None:
    """Loudly."""
    (journal.folder / "refused.jsonl").mkdir()
    with capture_logs() as logs:
        journal.set_aside(encode(told("CA1", 1)), "no")
    assert [line["event"] for line in logs] == ["records.refused", "records.lost"]
    assert journal.lost == 1


def test_closing_without_a_disk_is_said(journal: Journal) -> None:
    """What is only in memory goes with the process."""
    with no_disk(), capture_logs() as logs:
        journal.add(many(2))
        journal.close()
    assert [line["event"] for line in logs] == ["records.journal_away", "records.lost"]
    assert journal.lost == 2


def test_a_place_that_cannot_be_made_is_tried_again(tmp_path: Path) -> None:
    """The gateway starts without its journal, and takes it when it can."""
    (tmp_path / "journal").touch()
    journal = Journal(tmp_path / "journal")
    with capture_logs() as logs:
        journal.open()
    assert [line["event"] for line in logs] == ["records.journal_away"]
    (tmp_path / "journal").unlink()
    with capture_logs() as logs:
        journal.add(many(1))
    assert [line["event"] for line in logs] == ["records.journal_back"]
    assert rest(journal) == many(1)


def test_the_journals_of_the_dead_come_in_the_order_they_were_begun(tmp_path: Path) -> None:
    """Not in that of their names, which are left to chance."""
    for number, name in enumerate(("c", "a", "b")):
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        (folder / "lock").touch(mode=0o600)
        os.utime(folder / "lock", (number, number))
    found = dead_journals(tmp_path)
    assert [dead.owner for dead in found] == ["c", "a", "b"]
    for dead in found:
        dead.close()
