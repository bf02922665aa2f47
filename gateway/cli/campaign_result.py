"""What became of a campaign, number by number: for a spreadsheet, or for a program.

Owns that no cell of the file is a formula to a spreadsheet: what carriers answer, and what stood in
the list, is nobody's program.
"""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

from gateway.cli.campaign_list import Listed
from gateway.core.campaign import Contact

COLUMNS = (
    "number",
    "outcome",
    "words",
    "reason",
    "rule",
    "setting",
    "attempts",
    "duration_s",
    "cost_usd",
    "call_sid",
    "line",
)
_FORMULA = re.compile(r"[\t\r\n\0]|\s*[=+\-@＝＋－＠]")
_E164 = re.compile(r"\+[0-9]{1,15}")

Row = dict[str, Any]


def rows_of(listed: Listed) -> list[Row]:
    """One for each number, in the order of the list, and one for each line that has none."""
    rows = [_row(contact) for contact in listed.contacts]
    rows += [
        dict.fromkeys(COLUMNS)
        | {"outcome": "invalid", "words": each.text, "attempts": 0, "line": each.line}
        for each in listed.mistakes
    ]
    return sorted(rows, key=lambda row: int(row["line"]))


def csv_of(rows: Iterable[Row]) -> bytes:
    """The rows as a file with a header."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([inert_cell(row[name]) for name in COLUMNS])
    return text.getvalue().encode()


def inert_cell(value: Any) -> str:
    """The text of a cell that no spreadsheet takes for a formula: one that begins like it has an
    apostrophe before it. A plain number (E.164) stays as it is, so that it can be compared, and the
    file be used as a list; all a spreadsheet can make of it is the same number without its plus.
    """
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, int | float) or _E164.fullmatch(text) or not _FORMULA.match(text):
        return text
    return f"'{text}"


def all_called(listed: Listed) -> bool:
    """True when every number was rung as often as was laid down, and has its outcome."""
    return all(_is_done(contact) for contact in listed.contacts)


def _is_done(contact: Contact) -> bool:
    if not contact.attempts or contact.pending or contact.refusal is not None:
        return False
    return contact.attempts[-1].over and contact.attempts[-1].rang


def _row(contact: Contact) -> Row:
    rung = [each for each in contact.attempts if each.rang]
    last = contact.attempts[-1] if contact.attempts else None
    refusal = contact.refusal
    outcome, words, reason = "not_called", "its turn did not come", ""
    if last is not None:
        outcome, words = last.outcome or "on_the_line", last.words or "it was still on the line"
        reason = last.call_reason or last.reason
    elif refusal is not None:
        outcome, words = "refused", f"not let in: {refusal.text}"
    if last is not None and refusal is not None:
        words += f"; not rung again: {refusal.text}"
    elif last is not None and contact.pending:
        words += "; to be rung again"
        words += f" at {contact.again_at:%Y-%m-%dT%H:%MZ}" if contact.again_at else ""
    lasted = [each.duration_ms for each in contact.attempts if each.duration_ms is not None]
    cost = [each.cost_usd for each in contact.attempts if each.cost_usd is not None]
    return {
        "number": contact.number,
        "outcome": outcome,
        "words": words,
        "reason": reason or None,
        "rule": None if refusal is None else refusal.rule,
        "setting": (refusal and refusal.setting) or None,
        "attempts": len(rung),
        "duration_s": round(lasted[-1] / 1000, 1) if lasted else None,
        "cost_usd": round(sum(cost), 6) if cost else None,
        "call_sid": next((each.call_sid for each in rung[::-1] if each.call_sid), None),
        "line": contact.line,
    }
