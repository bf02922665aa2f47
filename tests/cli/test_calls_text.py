"""Numbers for people, and text that can do nothing to a terminal."""

import io
import os
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.calls_text import (
    console,
    inert,
    length,
    local,
    ms,
    offset,
    or_none,
    plural,
    shortened,
    usd,
)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J\x1b[31mred", r"\x1b[2J\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("one\ntwo\r\tthree", r"one\ntwo\r\tthree"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("abc\u202edcba", r"abc\u202edcba"),
        ("line\u2028line\u2029", r"line\u2028line\u2029"),
        ("half a pair \ud83d", r"half a pair \ud83d"),
        ("[bold]not bold[/bold]", "[bold]not bold[/bold]"),
        ("Grüße, 你好, 👍🏽", "Grüße, 你好, 👍🏽"),
        (7, "7"),
    ],
)
def test_what_commands_a_terminal_is_escaped(hostile: object, shown: str) -> None:
    """Everything else stays as it was written."""
    assert inert(hostile) == shown


@given(st.text(st.characters()))
def test_inert_text_is_one_line_that_every_terminal_only_shows(text: str) -> None:
    """No control characters, no ends of lines, no halves of characters."""
    shown = inert(text)
    assert not {unicodedata.category(each) for each in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown


def test_nothing_is_a_dash() -> None:
    """Whether it is not known or empty; 0 is something."""
    assert [or_none(value) for value in (None, "", 0, "\x1b")] == ["–", "–", "0", r"\x1b"]


def test_a_long_text_says_how_much_more_there_is() -> None:
    """Up to the limit it is whole."""
    assert shortened("12345", 5) == "12345"
    assert shortened("1234567", 5) == "12345… (2 characters more, see --json)"


def test_numbers_are_written_for_people() -> None:
    """Amounts to a hundredth of a cent, waits in whole milliseconds, the gateway's share finer."""
    assert [usd(amount) for amount in (None, 0.0, 0.012345, 12.5)] == [
        "–",
        "$0.0000",
        "$0.0123",
        "$12.5000",
    ]
    assert [ms(value) for value in (None, 0.414, 9.999, 10.2, 1140.2)] == [
        "–",
        "0.41",
        "10.00",
        "10",
        "1140",
    ]
    assert [plural(count, "turn") for count in (None, 0, 1, 2)] == [
        "0 turns",
        "0 turns",
        "1 turn",
        "2 turns",
    ]


def test_lengths_and_moments_read_like_a_clock() -> None:
    """Whole seconds for lengths, tenths for moments; never 60 of anything."""
    assert [length(value) for value in (None, 0.0, 41_400.0, 59_600.0, 3_599_700.0)] == [
        "–",
        "0:00",
        "0:41",
        "1:00",
        "1:00:00",
    ]
    assert [offset(value) for value in (None, 0.0, 4_140.0, 59_960.0, 3_723_400.0)] == [
        "",
        "0:00.0",
        "0:04.1",
        "1:00.0",
        "62:03.4",
    ]


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine stands in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_person_reads_the_time_of_this_machine(berlin: None) -> None:
    """Winter and summer."""
    assert local("2026-11-20T09:30:05.250000+00:00") == "2026-11-20 10:30"
    assert local("2026-07-20T23:30:05+00:00", "seconds") == "2026-07-21 01:30:05"
    assert local(None) == "–"


def test_the_console_takes_no_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor colours without a terminal, nor pictures for words."""
    console().print("[bold]1[/bold] :smile: 'x' http://example.com")
    assert capsys.readouterr().out == "[bold]1[/bold] :smile: 'x' http://example.com\n"


def test_a_narrow_pipe_gets_escapes() -> None:
    """Where stdout has no letters for it, a command does not break."""
    program = "from gateway.cli.calls_text import console; console().print('▲ ü')"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, timeout=50
    )
    assert (done.returncode, done.stdout) == (0, b"\\u25b2 \\xfc\n")


def test_a_stdout_of_another_kind_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one that only keeps text."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    console().print("▲")
    assert isinstance(sys.stdout, io.StringIO)
    assert sys.stdout.getvalue() == "▲\n"
