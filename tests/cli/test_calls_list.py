"""`gateway calls list`: what a person and a program get to see of many calls."""

import io
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gateway.cli.calls_list import aligned, cost, ended, parties, print_list, responses
from tests.cli.conftest import Command
from tests.store.sample import CALL_SID, OFFERED_AT, missed_call, record_calls, sample_call

LATER = "CA" + "f" * 32
HOSTILE = "\x1b[2J\x1b]0;x\x07[bold]\nline"


@pytest.fixture
def kept(command: Command) -> None:
    """Two calls, the later one missed."""
    later = missed_call(LATER, offered_at=OFFERED_AT + timedelta(hours=1))
    record_calls(Path("data"), sample_call(recording="2026-11/x.wav"), later)


def view(**changed: Any) -> dict[str, Any]:
    """A call as the reader gives it, as far as the list looks at it."""
    row = sample_call()["calls"][0]
    return {**row, "offered_at": OFFERED_AT.isoformat(), "call_sid": CALL_SID, **changed}


def test_a_program_gets_every_column(command: Command, kept: None) -> None:
    """An array of calls, the newest first; numbers are not masked, times are UTC."""
    done = command("calls", "list", "--json")
    later, call = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert (later["call_sid"], later["state"], later["reason"]) == (LATER, "ended", "no_stream")
    assert (call["caller"], call["called"]) == ("+12025550143", "+15550001000")
    assert call["offered_at"] == "2026-11-20T09:30:05.250000+00:00"
    assert (call["duration_ms"], call["response_p95_ms"], call["cost_usd"]) == (
        34_120.0,
        1140.2,
        0.039734,
    )
    assert (call["turns"], call["interruptions"]) == (4, 1)


def test_a_pipe_gets_one_whole_line_per_call(command: Command, kept: None) -> None:
    """Aligned, without colours, however narrow anything is."""
    lines = command("calls", "list").out.splitlines()
    assert len(lines) == 3
    assert lines[0].split()[:2] == ["time", "call"]
    words = "completed: agent_hung_up  0:34    4      1        820/1140/1140     $0.0397  ● rec"
    assert f"{CALL_SID}  +12025550143 → +15550001000  frontdesk  {words}" in lines[2]
    assert f"{LATER}  +12025550188 → +15550001000  frontdesk  missed: no_stream" in lines[1]
    assert "\x1b" not in "".join(lines)


def on_terminal(width: int, *calls: dict[str, Any]) -> list[str]:
    """The lines on a terminal of that width, without colours."""
    out = Console(
        file=io.StringIO(),
        force_terminal=True,
        no_color=True,
        width=width,
        markup=False,
        highlight=False,
    )
    print_list(out, calls)
    assert isinstance(out.file, io.StringIO)
    return [line.rstrip() for line in out.file.getvalue().replace("\x1b[0m", "").splitlines()]


def test_a_hundred_columns_are_enough() -> None:
    """Two lines per call; its ID stays in one piece, so that it can be copied."""
    lines = on_terminal(
        100, view(), view(recording="x", unpriced=True, reason="model_audio_format")
    )
    shown = [line.replace("\x1b[1m", "") for line in lines]
    assert max(map(len, shown)) <= 100
    assert [line.split()[0] for line in shown if line.startswith("CA")] == [CALL_SID, CALL_SID]
    for words in ("4 turns, 1 cut", "820/1140/1140", "0:34 $0.0397", "0:34 $0.0397+ ● rec"):
        assert any(words in line for line in shown), words


@pytest.mark.parametrize("width", [80, 90, 120])
def test_a_terminal_is_filled_and_not_passed(width: int) -> None:
    """No line is longer than it is wide, and the ID is whole."""
    shown = [line.replace("\x1b[1m", "") for line in on_terminal(width, view())]
    assert max(map(len, shown)) <= width
    assert any(line.startswith(CALL_SID) for line in shown)


@pytest.mark.parametrize("width", [40, 220])
def test_a_very_narrow_or_wide_terminal_has_a_line_per_call(width: int) -> None:
    """The same line as a pipe gets; whole, whoever breaks it."""
    lines = on_terminal(width, view(), view())
    assert len(lines) == 3
    assert all(CALL_SID in line for line in lines[1:])


@pytest.mark.parametrize("width", [100, 220])
def test_hostile_text_does_nothing(width: int) -> None:
    """No escape of anybody else's reaches the terminal, no markup is obeyed, no line is ended."""
    names = ("agent", "caller", "called", "outcome", "reason", "call_sid")
    shown = "\n".join(on_terminal(width, view(**dict.fromkeys(names, HOSTILE))))
    own = shown.replace("\x1b[1m", "")
    assert "\x1b" not in own
    assert "\x07" not in own
    assert r"\x1b[2J" in own
    assert "[bold]" in own.replace("\n", "")


def test_how_a_call_ended_is_outcome_and_reason() -> None:
    """Or where it is, while it has not ended; nothing is made up for what is missing."""
    assert ended(view()) == "completed: agent_hung_up"
    assert ended(view(state="live", outcome=None, reason=None)) == "live"
    assert ended(view(outcome=None)) == "agent_hung_up"
    assert ended(view(outcome=None, reason=None)) == "ended"
    assert ended(view(state=None)) == "–"


def test_what_is_not_known_is_a_dash() -> None:
    """No numbers, no waits, no costs."""
    assert parties(view(caller=None, called="")) == "– → –"
    assert responses(view(response_p50_ms=None)) == "–"
    assert cost(view(cost_usd=None)) == "–"


def test_columns_are_aligned_by_what_is_seen() -> None:
    """Wide characters count twice; nothing stands behind the last word."""
    assert aligned([("a", "b", ""), ("你好", "c", "")]) == ["a     b", "你好  c"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--outcome", "missed"), [LATER]),
        (("--agent", "frontdesk", "--state", "ended"), [LATER, CALL_SID]),
        (("--number", "+1 (202) 555-0143"), [CALL_SID]),
        (("--number", "sip:somebody@example.com"), []),
        (("--since", "2026-11-20T10:00Z"), [LATER]),
        (("--until", "2026-11-20T10:00Z"), [CALL_SID]),
        (("--worst-than", "1000"), [CALL_SID]),
        (("--worst-than", "2000"), []),
        (("--sort", "cost"), [CALL_SID, LATER]),
        (("--limit", "1"), [LATER]),
    ],
)
def test_options_choose_the_calls(
    command: Command, kept: None, words: tuple[str, ...], found: list[str]
) -> None:
    """Each alone; test_reader.py has them together."""
    done = command("calls", "list", "--json", *words)
    assert [call["call_sid"] for call in json.loads(done.out)] == found


def test_no_call_that_fits_is_fine(command: Command, kept: None) -> None:
    """A line that says what to do."""
    done = command("calls", "list", "--agent", "nobody")
    told = "No call fits; without options `gateway calls list` shows the newest ones.\n"
    assert done == (0, told, "")


@pytest.mark.parametrize(
    "words",
    [
        ("--outcome", "lost"),
        ("--state", "dead"),
        ("--sort", "oldest"),
        ("--limit", "0"),
        ("--since", "soon"),
        ("--worst-than", "slow"),
    ],
)
def test_wrong_options_are_exit_2(command: Command, words: tuple[str, ...]) -> None:
    """The option is named."""
    done = command("calls", "list", *words)
    assert (done.code, done.out) == (2, "")
    assert words[0] in done.err


def test_an_older_database_says_what_to_do(command: Command, kept: None) -> None:
    """Exit 1; the list makes and changes nothing."""
    with closing(sqlite3.connect("data/calls.db")) as database:
        database.execute("ALTER TABLE turns DROP COLUMN cause")
    told = "gateway: the database is of an older version: run `gateway db upgrade`\n"
    assert command("calls", "list") == (1, "", told)
