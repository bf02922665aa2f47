"""The checker sees what is wrong: each thing that must never happen has words for it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.store.entry import Change, Entry, encode
from gateway.store.recordings.tapefile import STEREO_BYTES_PER_MS, PartFile, Plain
from tests.chaos.invariants import (
    Row,
    Seen,
    Truth,
    is_terminal,
    journaled,
    judge_recording,
    left_over,
    not_applied,
    told_twice,
    wrong_with,
)

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
FILE = f"2026-11/{'a' * 32}.wav"
TRUTH = Truth("CA1", 4000.0)


def rows(**changes: list[dict[str, Any]]) -> dict[str, list[Row]]:
    """A call as it should be, but for some tables."""
    call = {
        "call_sid": "CA1",
        "seq": 3,
        "state": "ended",
        "offered_at": AT,
        "answered_at": AT + timedelta(seconds=1),
        "ended_at": AT + timedelta(seconds=5),
        "recording": FILE,
        "recording_from_ms": 0.0,
        "recording_ms": 3500.0,
    }
    names = ("call.offered", "call.answered", "call.ended")
    events = [{"seq": seq, "name": name} for seq, name in enumerate(names, 1)]
    whole: dict[str, list[Row]] = {
        "calls": [call],
        "events": [*events],
        "turns": [{"number": 1, "text": "Hello"}],
        "deliveries": [{"seq": 3, "event": "call.ended", "error": None}],
    }
    empty = ("tools", "handoffs", "guardrails", "usage", "notes")
    whole |= {name: [] for name in empty}
    for name, given in changes.items():
        whole[name] = [*given]
    return whole


def call(**changes: Any) -> dict[str, list[dict[str, Any]]]:
    """The row of the call, but for some columns."""
    return {"calls": [{**rows()["calls"][0], **changes}]}


def test_nothing_is_wrong_with_a_whole_call() -> None:
    """No words for it."""
    assert wrong_with(TRUTH, rows()) == []
    assert is_terminal(rows())


@pytest.mark.parametrize(
    "changes",
    [
        {"calls": []},
        call(state="live"),
        call(ended_at=AT),
        call(ended_at=None),
        call(answered_at=AT - timedelta(seconds=1)),
        call(seq=4),
        {"turns": [{"number": 1}, {"number": 3}]},
        {"events": [{"seq": 1, "name": "call.offered"}, {"seq": 3, "name": "call.ended"}]},
        {"events": [{"seq": 1, "name": "call.offered"}], **call(seq=1)},
        {"events": [{"seq": seq, "name": "call.ended"} for seq in (1, 2, 3)]},
        {"deliveries": []},
        {"deliveries": [{"seq": seq, "event": "call.ended"} for seq in (3, 4)]},
    ],
)
def test_whatever_is_wrong_is_told(changes: dict[str, list[dict[str, Any]]]) -> None:
    """Once, and with the name of the call."""
    (told, *_) = wrong_with(TRUTH, rows(**changes))
    assert told.startswith("CA1: ")


def recorded(folder: Path, ms: int) -> None:
    """A finished recording of that length."""
    part = PartFile(folder / FILE.partition(".")[0], Plain())
    part.append(bytes(ms * STEREO_BYTES_PER_MS))
    part.finish()


def test_a_recording_may_be_a_second_short(tmp_path: Path) -> None:
    """And must be there, as long as the row says, with nothing beside it."""
    row = rows()["calls"][0]
    recorded(tmp_path, 3500)
    assert judge_recording(TRUTH, row, tmp_path) == ([], 500.0)
    assert judge_recording(Truth("CA1", 4501.0), row, tmp_path)[0]
    assert judge_recording(TRUTH, {**row, "recording_ms": 3600.0}, tmp_path)[0]
    (tmp_path / FILE).with_suffix(".part").touch()
    assert judge_recording(TRUTH, row, tmp_path)[0]
    (tmp_path / FILE).unlink()
    assert judge_recording(TRUTH, row, tmp_path)[0]


def test_who_said_little_needs_no_recording(tmp_path: Path) -> None:
    """A call that was over within a second may have none."""
    row = {**rows()["calls"][0], "recording": None, "recording_ms": None}
    assert judge_recording(Truth("CA1", 900.0), row, tmp_path) == ([], None)
    assert judge_recording(Truth("CA1", 1100.0), row, tmp_path)[0]


def test_what_was_seen_must_stay() -> None:
    """Rows, and columns that had a value; a recording and a webhook's error may go."""
    seen = Seen()
    seen.look({"CA1": rows(deliveries=[{"seq": 3, "event": "call.ended", "error": "timeout"}])})
    assert seen.gone("CA1", rows(**call(recording=None))) == []
    assert seen.gone("CA1", rows(turns=[])) == []  # it was forgotten
    seen.look({"CA1": rows()})
    (told,) = seen.gone("CA1", rows(turns=[]))
    assert "('turns', 1)" in told
    seen.look({"CA1": rows()})
    (told,) = seen.gone("CA1", rows(turns=[{"number": 1, "text": None}]))
    assert "text" in told


def test_what_was_journaled_must_arrive(tmp_path: Path) -> None:
    """Each whole line; a torn one does not count."""
    lines = [encode(Entry("CA1", seq, (Change("calls", {}, {}),))) for seq in (3, 4)]
    (tmp_path / "owner").mkdir()
    (tmp_path / "owner" / "00000001.jsonl").write_bytes(b"\n".join([*lines, b'["CA1", 5']))
    assert journaled(tmp_path) == {"CA1": {3, 4}}
    (told,) = not_applied("CA1", {3, 4}, rows())
    assert "[4]" in told
    assert not_applied("CA1", {3}, rows()) == []


def test_nothing_may_lie_about(tmp_path: Path) -> None:
    """Neither parts of recordings, nor recordings nobody knows, nor journals of the dead."""
    recorded(tmp_path / "recordings", 100)
    (tmp_path / "journal" / ("1" * 32)).mkdir(parents=True)
    assert left_over(tmp_path, {FILE}) == []
    assert len(left_over(tmp_path, set())) == 1
    (tmp_path / "recordings" / FILE).with_suffix(".idx").touch()
    (tmp_path / "journal" / (".2" + "1" * 31)).mkdir()
    assert len(left_over(tmp_path, {FILE})) == 2


def test_an_end_is_told_under_one_name() -> None:
    """Again and again if it must be, but as one thing."""
    assert told_twice(["CA1:3", "CA1:3", "CA1:1", "CA2:4"], {"CA1:3", "CA2:4"}) == []
    assert len(told_twice(["CA1:3", "CA1:4"], {"CA1:3", "CA1:4"})) == 1
