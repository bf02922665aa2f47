"""`gateway calls show`: one call whole."""

import io
import json
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from gateway.cli.calls_show import print_call, sound
from gateway.store.tables import metadata
from tests.cli.conftest import Command
from tests.cli.taped import STEREO, record_taped_call
from tests.cli.test_calls_timeline import record_of
from tests.store.sample import CALL_SID, Rows, missed_call, record_calls, sample_call

HOSTILE = "\x1b[2J\x1b]0;x\x07[bold red]\nended: nothing\u202e"


def shown(rows: Rows, width: int | None = None) -> str:
    """What is printed of a call: into a pipe, or on a terminal of that width."""
    file = io.StringIO()
    terminal = width is not None
    out = Console(file=file, force_terminal=terminal, width=width, markup=False, highlight=False)
    print_call(out, record_of(rows))
    return file.getvalue()


def test_a_program_gets_everything(command: Command) -> None:
    """What is needed first on top, then the call's row and its tables."""
    record_calls(Path("data"), sample_call())
    done = command("calls", "show", CALL_SID[:10], "--json")
    record = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    on_top = [record[name] for name in ("call_sid", "state", "outcome", "reason")]
    assert on_top == [CALL_SID, "ended", "completed", "agent_hung_up"]
    parts = ("turns", "tools", "handoffs", "guardrails", "usage", "notes", "events")
    assert [len(record[name]) for name in parts] == [7, 1, 1, 1, 3, 1, 9]
    assert record["call"]["offered_at"] == "2026-11-20T09:30:05.250000+00:00"


def test_a_person_reads_facts_costs_and_what_happened(command: Command) -> None:
    """Into a pipe: whole lines, no colours."""
    record_calls(Path("data"), sample_call())
    done = command("calls", "show", CALL_SID)
    assert (done.code, done.err) == (0, "")
    for line in (
        f"call        {CALL_SID}",
        "ended       completed: agent_hung_up",
        "from → to   +12025550143 → +15550001000, direction inbound, stir TN-Validation-Passed-A",
        "turns       4 turns, 1 interruption, 0:17 of the agent heard",
        "waited      820/1140/1140 ms (median/p95/worst)",
        "recording   none, consent granted",
        "cost        $0.0397 (model $0.0312, carrier $0.0085)",
        "            gpt-4o-mini-transcribe, 1 transcription: 12.3 s of audio, $0.0012",
        "  0:04.1  caller     What may I bring as hand baggage?",
        f"{' ' * 21}▲ cut off after 2807 ms by caller",
        f"{' ' * 21}reply · waited 820 ms: endpoint 505, model 264, gateway 0.38, playout 51",
        "  0:15.2  handoff    frontdesk → booking",
        '  0:15.9  tool       update_seat {"booking": "K7Q2", "seat": "14C"}',
        f"{' ' * 21}→ Seat 14C confirmed. (4612 ms)",
        "  0:20.4  approval   update_seat: approved after 4390 ms",
        "  0:34.1  ended      agent_hung_up",
    ):
        assert line in done.out.splitlines(), line
    assert "one small [not heard: item, such as a laptop" in done.out
    assert "\x1b" not in done.out


def test_a_terminal_is_filled_and_not_passed() -> None:
    """Long lines go on below where they began; what was not heard is struck through, too."""
    lines = shown(sample_call(), 100).splitlines()
    assert max(len(_bare(line)) for line in lines) <= 100
    at = next(number for number, line in enumerate(lines) if "[not heard" in line)
    assert "\x1b[2;9m" in lines[at]
    assert _bare(lines[at + 1]).startswith(" " * 21 + "as a laptop or a handbag")


def test_a_very_narrow_terminal_breaks_the_lines_itself() -> None:
    """Nothing is lost."""
    assert "Golden Gate Air, good morning. How can I help you?" in _bare(shown(sample_call(), 30))


def _bare(text: str) -> str:
    """A text without our own colours."""
    for code in ("0", "36", "33", "2", "2;9"):
        text = text.replace(f"\x1b[{code}m", "")
    return text


@pytest.mark.parametrize("width", [None, 100])
def test_hostile_text_does_nothing(width: int | None) -> None:
    """Whoever wrote it, and in whatever column: not obeyed, and on no line of its own."""
    rows = sample_call()
    for table, found in rows.items():
        for column in metadata.tables[table].columns:
            if column.type.python_type is str and column.name not in ("state", "name", "who"):
                for row in found:
                    row[column.name] = HOSTILE
    for event in rows["events"]:
        event["fields"] = dict.fromkeys(event["fields"], HOSTILE)
    printed = _bare(shown(rows, width))
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert "\u202e" not in printed
    assert r"\x1b[2J" in printed
    assert "[bold red]" in printed
    assert not any(line.startswith("ended: nothing") for line in printed.splitlines())


def test_a_call_nobody_answered_is_short() -> None:
    """Nothing is made up."""
    printed = shown(missed_call("CA1")).splitlines()
    assert "ended       missed: no_stream" in printed
    assert any(line.endswith("– long, never answered") for line in printed)
    assert "waited      – ms (median/p95/worst)" in printed
    assert printed[-1] == "          ended  no_stream"


def test_a_call_on_the_line_has_a_state_and_no_end() -> None:
    """As far as it has come."""
    printed = shown(sample_call(state="live", outcome=None, reason=None, duration_ms=None))
    assert "state       live" in printed.splitlines()
    assert "ended" not in printed


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"recording": "2026-11/x.wav", "recording_from_ms": 900.0, "recording_ms": 33_220.0},
            "2026-11/x.wav, 0:33 from 0:00.9, consent granted",
        ),
        (
            {"recording": "x", "recording_incomplete": "disk_full", "consent": None},
            "x, – from , incomplete: disk_full",
        ),
        ({"consent": "declined"}, "none, consent declined"),
        ({"consent": None}, "none"),
    ],
)
def test_the_recording_is_named_with_what_is_missing(changed: dict[str, Any], line: str) -> None:
    """And whether the caller agreed."""
    assert f"recording   {line}" in shown(sample_call(**changed)).splitlines()


def test_what_was_deleted_says_when() -> None:
    """So that nobody looks for it."""
    ended_at = sample_call()["calls"][0]["ended_at"]
    printed = shown(sample_call(recording_purged_at=ended_at, text_purged_at=ended_at))
    assert "recording   deleted 2026-11-20" in printed
    assert "words       deleted 2026-11-20" in printed


def test_unknown_prices_are_said() -> None:
    """By model, and in the sum."""
    rows = sample_call(unpriced=True)
    for row in rows["usage"]:
        row["cost_usd"] = None
    printed = shown(rows)
    assert "carrier $0.0085; not everything has a known price)" in printed
    assert "12.3 s of audio, price not known" in printed


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes | None, Path]]:
    """What was handed to calls_page.py: the CallSid, the sound, and where the page goes."""
    handed: list[tuple[str, bytes | None, Path]] = []

    def write_page(record: dict[str, Any], audio: bytes | None, out: Path) -> None:
        handed.append((record["call_sid"], audio, out))
        out.touch()

    page = SimpleNamespace(write_page=write_page)
    monkeypatch.setitem(sys.modules, "gateway.cli.calls_page", page)
    return handed


def test_a_page_goes_to_the_exports_or_where_one_says(
    command: Command, pages: list[tuple[str, bytes | None, Path]]
) -> None:
    """With the recording as a WAV file, if there is one; printed is where."""
    record_taped_call(Path("data"))
    path = Path(f"data/exports/{CALL_SID}.html")
    assert command("calls", "show", CALL_SID, "--html") == (0, f"{path}\n", "")
    assert command("calls", "show", CALL_SID, "--html", "deep/own.html").out == "deep/own.html\n"
    wanted = sound(STEREO)
    assert pages == [(CALL_SID, wanted, path), (CALL_SID, wanted, Path("deep/own.html"))]
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_page_of_a_call_that_was_not_recorded_is_silent(
    command: Command, pages: list[tuple[str, bytes | None, Path]]
) -> None:
    """Which is nothing to say more about."""
    record_calls(Path("data"), sample_call())
    assert command("calls", "show", CALL_SID, "--html", "own.html") == (0, "own.html\n", "")
    assert pages == [(CALL_SID, None, Path("own.html"))]


def test_a_page_whose_recording_cannot_be_read_says_so(
    command: Command, pages: list[tuple[str, bytes | None, Path]]
) -> None:
    """A page without sound is better than none."""
    name = f"2026-11/{'1' * 32}.wav"
    record_calls(Path("data"), sample_call(recording=name, recording_ms=1.0))
    done = command("calls", "show", CALL_SID, "--html", "own.html")
    assert (done.code, done.out) == (0, "own.html\n")
    assert done.err == (
        f"gateway: the page has no sound: {'1' * 32}.wav: there is no such recording\n"
    )
    assert pages == [(CALL_SID, None, Path("own.html"))]


def test_a_file_without_html_is_wrong_usage(command: Command) -> None:
    """It would be ignored otherwise."""
    done = command("calls", "show", CALL_SID, "own.html")
    assert (done.code, done.out) == (2, "")
    assert "--html" in done.err
