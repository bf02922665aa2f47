"""What is to be written: entries, in order, each told by one event of a call.

An entry is applied whole or not at all, and once: the call's ``seq`` says which were. Its changes
carry final values, never increments, so applying one again changes nothing. Some are of no call
(the audit trail): their rows have keys of their own.
"""

from typing import Any

import msgspec

BESIDE = ""
"""In place of a CallSid: the entry is of no call. Its ``seq`` says nothing."""


class Change(msgspec.Struct, frozen=True, array_like=True):
    """One row of a table, made or changed."""

    table: str
    key: dict[str, Any]
    """Its primary key without ``call_sid``; empty for the table ``calls``. That of a row of no call
    is whole.
    """
    values: dict[str, Any]
    """Columns and what they become; others stay as they are. Moments are ISO texts."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """What one event of a call changes."""

    call_sid: str
    seq: int
    """Counts the entries of the call, from 1."""
    changes: tuple[Change, ...]


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Entry).decode
"""Raises msgspec.DecodeError for anything that is no entry."""
