"""What became of a campaign, as a file and as rows."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.campaign_list import Listed, Mistake
from gateway.cli.campaign_result import COLUMNS, all_called, csv_of, inert_cell, rows_of
from gateway.core.callee import Refusal
from gateway.core.campaign import Contact
from tests.core.campaigns import NOON, attempt

COUNTRY = Refusal("country", "GATEWAY_OUTBOUND_COUNTRIES", "numbers of GB are not called")


def contact(number: str = "+12025550123", line: int = 2, **more: object) -> Contact:
    """A number that is not to be rung (any more)."""
    made = Contact(number, line, pending=False)
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "+49 30 1"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    """An apostrophe makes it a text."""
    assert inert_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["+12025550123", "answered, and over", "CA1", "", "a=b", "'=1"])
def test_plain_numbers_and_texts_stay_as_they_are(text: str) -> None:
    """So that a number can be compared, and the file be used as a list."""
    assert inert_cell(text) == text


@given(st.text())
def test_whatever_stands_in_a_cell(text: str) -> None:
    """It begins with nothing a spreadsheet calculates, unless it is a number."""
    cell = inert_cell(text)
    assert not cell.lstrip()[:1] or cell.lstrip()[0] not in "=-@" or cell.lstrip() == ""
    assert cell.lstrip()[:1] != "+" or cell[1:].isdigit()


def test_a_row_for_each_number() -> None:
    """In the order of the list: outcome in words, reason, attempts, duration, cost, CallSid."""
    busy = attempt("busy", words="the line was busy", reason="busy", sip_code=486)
    done = attempt(
        "completed",
        ordinal=2,
        words="answered, and over",
        call_reason="agent_hung_up",
        duration_ms=12_345,
        cost_usd=0.02,
        call_sid="CA2",
    )
    listed = Listed(
        [
            contact(attempts=[busy, done]),
            contact("+442079460123", 4, refusal=COUNTRY),
            contact("+12025550147", 5, pending=True),
        ],
        [Mistake(3, "it is a short code")],
    )
    rows = rows_of(listed)
    assert [(row["line"], row["outcome"]) for row in rows] == [
        (2, "completed"),
        (3, "invalid"),
        (4, "refused"),
        (5, "not_called"),
    ]
    assert rows[0] == {
        "number": "+12025550123",
        "outcome": "completed",
        "words": "answered, and over",
        "reason": "agent_hung_up",
        "rule": None,
        "setting": None,
        "attempts": 2,
        "duration_s": 12.3,
        "cost_usd": 0.02,
        "call_sid": "CA2",
        "line": 2,
    }
    assert rows[1]["number"] is None
    assert (rows[2]["rule"], rows[2]["setting"]) == ("country", "GATEWAY_OUTBOUND_COUNTRIES")
    assert "numbers of GB are not called" in rows[2]["words"]
    read = list(csv.DictReader(io.StringIO(csv_of(rows).decode())))
    assert tuple(read[0]) == COLUMNS
    assert (read[0]["number"], read[0]["attempts"], read[0]["rule"]) == ("+12025550123", "2", "")


def test_what_is_still_to_come_is_said() -> None:
    """Who is on the line, who is to be rung again, and who cannot be."""
    rows = rows_of(
        Listed(
            [
                contact(attempts=[attempt()]),
                contact(line=3, attempts=[attempt("busy", words="x")], pending=True, again_at=NOON),
                contact(line=4, attempts=[attempt("busy", words="x")], refusal=COUNTRY),
            ]
        )
    )
    assert rows[0]["outcome"] == "on_the_line"
    assert rows[1]["words"] == "x; to be rung again at 2026-11-20T12:00Z"
    assert (rows[2]["outcome"], rows[2]["rule"]) == ("busy", "country")
    assert rows[2]["words"] == "x; not rung again: numbers of GB are not called"


@pytest.mark.parametrize(
    ("made", "done"),
    [
        (contact(attempts=[attempt("completed")]), True),
        (contact(attempts=[attempt("busy")]), True),
        (contact(attempts=[attempt("busy")], pending=True), False),
        (contact(attempts=[attempt("busy")], refusal=COUNTRY), False),
        (contact(attempts=[attempt("expired")]), False),
        (contact(attempts=[attempt()]), False),
        (contact(refusal=COUNTRY), False),
        (contact(pending=True), False),
    ],
)
def test_when_everybody_was_called(made: Contact, done: bool) -> None:
    """Each rung as often as was laid down."""
    assert all_called(Listed([contact(attempts=[attempt("completed")]), made])) is done
