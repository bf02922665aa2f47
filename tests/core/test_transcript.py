"""Transcripts tell what was heard from what was not, and are well-formed whatever was said."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.transcript import SHORTEST_CUE_MS, Line, as_list, as_text, as_vtt

CALLER = Line(2, "caller", None, "What about order 4711?", None, None, 5_120.0, 7_000.0, False)
AGENT = Line(
    1,
    "agent",
    "desk",
    "Hello! How can I help?",
    "Hello! How can I help?",
    "",
    340.0,
    4_900.0,
    False,
)
CUT = Line(
    3,
    "agent",
    "desk",
    "It left our house on Monday and is on its way.",
    "It left our house",
    "on Monday and is on its way.",
    7_900.0,
    9_250.0,
    True,
)
UNHEARD = replace(CUT, number=4, heard_text="", unheard_text="Anything else?", from_ms=None)
GONE = Line(5, "caller", None, None, None, None, 12_000.0, 12_900.0, None)

TIMING = re.compile(
    r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})"
)

WORDS = (
    st.none()
    | st.text(max_size=30)
    | st.sampled_from(
        [
            "-->",
            "a\n\nb",
            "<v Agent>",
            "&lt;",
            "\x1b[31mred",
            "NOTE",
            "\x00",
            "00:01.000 --> 00:02.000",
        ]
    )
)
TIMES = st.none() | st.floats(-1_000, 10_000_000)
LINES = st.lists(
    st.builds(
        Line,
        number=st.integers(1, 500),
        who=st.sampled_from(["caller", "agent"]),
        agent=st.none() | st.just("desk"),
        text=WORDS,
        heard_text=WORDS,
        unheard_text=WORDS,
        from_ms=TIMES,
        to_ms=TIMES,
        interrupted=st.none() | st.booleans(),
    ),
    max_size=8,
)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (AGENT, "00:00.3 agent: Hello! How can I help?"),
        (CALLER, "00:05.1 caller: What about order 4711?"),
        (
            replace(CUT, unheard_text="on Monday."),
            "00:07.9 agent: It left our house [not heard: on Monday.] — interrupted",
        ),
        (UNHEARD, "--:--.- agent: [not heard: Anything else?] — interrupted"),
        (GONE, "00:12.0 caller: [no words]"),
        (replace(GONE, who="agent", interrupted=True), "00:12.0 agent: [no words] — interrupted"),
        (replace(CALLER, text=" one\n two\r\n\tthree "), "00:05.1 caller: one two three"),
        (replace(CALLER, text="\x1b[31mred\x00"), "00:05.1 caller: [31mred"),
        (replace(CALLER, text="می\u200cخواهم"), "00:05.1 caller: می\u200cخواهم"),
        (replace(CALLER, from_ms=-3.0), "00:00.0 caller: What about order 4711?"),
        (replace(CALLER, from_ms=59_999.9), "00:59.9 caller: What about order 4711?"),
        (replace(CALLER, from_ms=3_599_999.0), "59:59.9 caller: What about order 4711?"),
        (replace(CALLER, from_ms=3_723_400.0), "1:02:03.4 caller: What about order 4711?"),
    ],
)
def test_a_line_of_text(line: Line, text: str) -> None:
    """When, who, what; what was not heard in brackets, and whether it was interrupted."""
    assert as_text([line]) == f"{text}\n"


def test_the_text_is_in_the_order_given() -> None:
    """A line per turn, whatever their times say."""
    lines = as_text([CUT, AGENT]).splitlines()
    assert [line[:13] for line in lines] == ["00:07.9 agent", "00:00.3 agent"]
    assert as_text([]) == ""


def test_captions() -> None:
    """Who speaks is in the cue's voice; what nobody heard is in no cue."""
    assert as_vtt([AGENT, CALLER, CUT, UNHEARD, GONE]) == (
        "WEBVTT\n"
        "\n1\n00:00:00.340 --> 00:00:04.900\n<v Agent>Hello! How can I help?</v>\n"
        "\n2\n00:00:05.120 --> 00:00:07.000\n<v Caller>What about order 4711?</v>\n"
        "\n3\n00:00:07.900 --> 00:00:09.250\n<v Agent>It left our house —</v>\n"
        "\nNOTE not heard: on Monday and is on its way.\n"
        "\nNOTE not heard: Anything else?\n"
    )


@pytest.mark.parametrize(
    ("text", "cue"),
    [
        ("a & b", "a &amp; b"),
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("00:01 --> 00:02", "00:01 --&gt; 00:02"),
        ("one\n\ntwo", "one two"),
        ("&lt;", "&amp;lt;"),
    ],
)
def test_captions_are_escaped(text: str, cue: str) -> None:
    """Nothing that is said can end a cue or begin a tag."""
    assert f"<v Caller>{cue}</v>" in as_vtt([replace(CALLER, text=text)])
    assert f"NOTE not heard: {cue}" in as_vtt([replace(CUT, heard_text="", unheard_text=text)])


def test_captions_are_in_order_of_time() -> None:
    """Sorted by when they begin; one without a time stays behind the one before it."""
    timeless = replace(AGENT, number=9, from_ms=None, to_ms=None)
    found = as_vtt([CALLER, timeless, AGENT])
    assert re.findall(r"^\d$", found, re.MULTILINE) == ["1", "2", "9"]
    assert "9\n00:00:05.120 --> 00:00:05.620\n" in found


def cues(vtt: str) -> list[tuple[int, int, str]]:
    """The cues of captions: begin and end in ms, and what is in them; fails for anything wrong."""
    assert vtt.startswith("WEBVTT\n")
    assert vtt.endswith("\n")
    found = []
    for block in vtt.rstrip("\n").split("\n\n")[1:]:
        lines = block.split("\n")
        if lines[0].startswith("NOTE"):
            assert len(lines) == 1
            assert "-->" not in block
            continue
        number, timing, payload = lines
        assert number.isdecimal()
        match = TIMING.fullmatch(timing)
        assert match
        assert re.fullmatch(r"<v (?:Caller|Agent)>[^<>]+</v>", payload)
        parts = [int(each) for each in match.groups()]
        found.append((moment(*parts[:4]), moment(*parts[4:]), payload))
    return found


def moment(hours: int, minutes: int, seconds: int, thousandths: int) -> int:
    """A time stamp in ms."""
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


@given(LINES)
def test_captions_are_always_valid(lines: list[Line]) -> None:
    """Blocks of the right form, begins that never go back, ends well after them."""
    found = cues(as_vtt(lines))
    begins = [begin for begin, _, _ in found]
    assert begins == sorted(begins)
    assert all(end >= begin + SHORTEST_CUE_MS for begin, end, _ in found)


@given(LINES)
def test_every_turn_is_one_line(lines: list[Line]) -> None:
    """Nothing said makes a second line or commands a terminal."""
    text = as_text(lines)
    assert len(text.splitlines()) == len(lines)
    assert all(char.isprintable() or char in "\n\u200c\u200d" for char in text)


@given(LINES)
def test_the_list_is_for_json(lines: list[Line]) -> None:
    """It says everything, under the same names, and goes through JSON unchanged."""
    found = as_list(lines)
    assert json.loads(json.dumps(found)) == found
    assert [Line(**each) for each in found] == lines
