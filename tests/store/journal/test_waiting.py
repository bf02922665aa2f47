"""What waits in journals of calls that are erased: found, overwritten where nobody else may."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.store.entry import BESIDE, Change, Entry, decode, encode
from gateway.store.journal.segments import Segments
from gateway.store.journal.waiting import calls_in, drop, is_dead, still_in

DEAD, REFUSED = "a" * 32, "refused.jsonl"


def entry(call_sid: str, seq: int = 1, **values: object) -> bytes:
    """A line of a journal."""
    return encode(Entry(call_sid, seq, (Change("calls", {}, values),))) + b"\n"


def journal(folder: Path, *lines: bytes, owner: str = DEAD, name: str = "00000001.jsonl") -> Path:
    """What a process left, that is gone by now."""
    (folder / owner).mkdir(exist_ok=True)
    (folder / owner / "lock").touch()
    path = folder / owner / name
    path.write_bytes(b"".join(lines))
    return path


def test_calls_are_found_by_what_is_told_of_them(tmp_path: Path) -> None:
    """With all that journals know of them, in whichever file it is."""
    journal(tmp_path, entry("CA1", caller="+1"), entry("CA2", caller="+2"))
    journal(tmp_path, entry("CA1", 2, recording="x.wav"), name="00000002.jsonl")
    (tmp_path / REFUSED).write_bytes(entry("CA1", 3, state="ended"))
    found = calls_in(tmp_path, lambda told: told.changes[0].values.get("caller") == "+1")
    assert list(found) == ["CA1"]
    call = found["CA1"]
    assert (call.entries, call.ended, call.recordings) == (3, True, {"x.wav"})
    assert call.folders == {tmp_path / DEAD, tmp_path}
    assert calls_in(tmp_path / "nowhere", lambda _: True) == {}


def test_what_is_dropped_is_overwritten(tmp_path: Path) -> None:
    """The file keeps its length, and the lines of other calls their place."""
    ours, others = entry("CA1", caller="+1"), entry("CA2", caller="+2")
    path = journal(tmp_path, ours, others, ours)
    refused = tmp_path / REFUSED
    refused.write_bytes(others + ours)
    assert drop(tmp_path, ["CA1"]) == 3
    empty = b"\n" * len(ours)
    assert path.read_bytes() == empty + others + empty
    assert refused.read_bytes() == others + empty
    assert still_in(tmp_path, ["CA1"]) == []
    assert still_in(tmp_path, ["CA2"]) == [refused, path]
    assert drop(tmp_path, ["CA1"]) == 0


def test_a_torn_line_of_a_call_is_dropped(tmp_path: Path) -> None:
    """Half an entry at the end, or one that was damaged in the middle."""
    torn = entry("CA1", caller="+1")[:-9]
    damaged = b'\0\0"CA1",1,[]]\n'
    path = journal(tmp_path, damaged, entry("CA2"), torn)
    assert drop(tmp_path, ["CA1"]) == 2
    assert path.read_bytes().split() == [entry("CA2").strip()]


def test_an_entry_that_mentions_another_call_is_left(tmp_path: Path) -> None:
    """Whose it is stands at its beginning."""
    path = journal(tmp_path, entry("CA2", reason="CA1"))
    assert drop(tmp_path, ["CA1"]) == 0
    assert decode(path.read_bytes()).call_sid == "CA2"


def test_the_journal_of_a_living_process_is_its_own(tmp_path: Path) -> None:
    """It is left alone, and told of; that of a process that has died is free."""
    living = Segments(tmp_path / DEAD)
    living.open()
    living.append(entry("CA1"))
    assert not is_dead(tmp_path / DEAD)
    assert drop(tmp_path, ["CA1"]) == 0
    assert [path.parent.name for path in still_in(tmp_path, ["CA1"])] == [DEAD]
    living.close()
    assert is_dead(tmp_path / DEAD)
    assert drop(tmp_path, ["CA1"]) == 1
    assert not is_dead(tmp_path / "nowhere")


def test_what_tells_whose_a_call_is_goes_last(tmp_path: Path) -> None:
    """If it is cut off, the rest can be found again: newest files first."""
    names = ("00000001.jsonl", "00000002.jsonl", "00000003.jsonl")
    paths = [journal(tmp_path, entry("CA1"), name=name) for name in names]
    assert still_in(tmp_path, ["CA1"]) == paths[::-1]


LINES = st.lists(
    st.one_of(
        st.builds(entry, st.sampled_from(["CA1", "CA2", "CA3"]), caller=st.text(max_size=5)),
        st.binary(max_size=20).map(lambda torn: torn.replace(b"\n", b"") + b"\n"),
    ),
    max_size=8,
)


@given(LINES, st.integers(0, 30))
def test_the_rest_of_a_journal_is_untouched(lines: list[bytes], cut: int) -> None:
    """Whatever is in it and wherever it was torn: other lines stay, byte for byte, in order."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        content = b"".join(lines)
        content = content[: max(0, len(content) - cut)]
        path = journal(root, content)
        drop(root, ["CA1"])
        stay = [line for line in content.split(b"\n") if line and b"CA1" not in line[:5]]
        assert [line for line in path.read_bytes().split(b"\n") if line] == stay
        assert len(path.read_bytes()) == len(content)


def test_the_audit_trail_is_of_no_call(tmp_path: Path) -> None:
    """A line of it stays, even one that names the call that goes."""
    change = Change("audit", {"id": "1"}, {"who": "anna", "call_sid": "CA1", "detail": "+1"})
    line = encode(Entry(BESIDE, 0, (change,))) + b"\n"
    path = journal(tmp_path, line, entry("CA1", caller="+1"), line)
    found = calls_in(tmp_path, lambda told: told.call_sid == "CA1")
    assert (list(found), found["CA1"].entries) == (["CA1"], 1)
    assert drop(tmp_path, ["CA1"]) == 1
    assert path.read_bytes().count(line) == 2
    assert still_in(tmp_path, ["CA1"]) == []
