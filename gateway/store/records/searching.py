"""Calls by a few words: what was said or noted in them, their numbers, their CallSids."""

import re
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Table, exists, func, or_

from gateway.store.tables import calls, notes, turns

SHORTEST: Final = 2
LONGEST: Final = 100
LEAST_DIGITS: Final = 3
_BETWEEN_DIGITS: Final = re.compile(r"[ ()./-]")


def matching(text: str) -> ColumnElement[bool]:
    """The calls that fit a text: one of their words has it in it (letters of ASCII in either case),
    a number begins with it, or the CallSid does.
    """
    found = [_begins(calls.c.call_sid, text), _said(turns, text), _said(notes, text)]
    digits = _BETWEEN_DIGITS.sub("", text)
    if digits.removeprefix("+").isdecimal() and len(digits) >= LEAST_DIGITS:
        whole = "+" + digits.removeprefix("+")
        columns = (calls.c.caller, calls.c.called)
        found += [_begins(column, each) for column in columns for each in {digits, whole}]
    return or_(*found)


def _said(table: Table, text: str) -> ColumnElement[bool]:
    words = table.c.text.icontains(text, autoescape=True)
    return exists().where(table.c.call_sid == calls.c.call_sid, words)


def _begins(column: Column[Any], text: str) -> ColumnElement[bool]:
    return func.substr(column, 1, len(text)) == text
