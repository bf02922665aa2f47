"""What stands in the query of an address: read strictly, and what is wrong is named."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.web.api.queries import Query

KNOWN = {"a": "", "b": ""}


def query(text: str) -> Query:
    """The query of a request to an address with that behind its question mark."""
    scope = {"type": "http", "method": "GET", "query_string": text.encode(), "headers": []}
    return Query(Request(scope), KNOWN)


@pytest.mark.parametrize(
    ("text", "read", "expected"),
    [
        ("", lambda q: q.text("a"), None),
        ("a=", lambda q: q.text("a"), None),
        ("a=%20x", lambda q: q.text("a"), " x"),
        ("a=%2B4930", lambda q: q.number("a"), "+4930"),
        ("a=+4930", lambda q: q.number("a"), "+4930"),
        ("a=desk", lambda q: q.number("a"), "desk"),
        ("", lambda q: q.choice("a", ("x", "y"), "y"), "y"),
        ("a=x", lambda q: q.choice("a", ("x", "y"), "y"), "x"),
        ("", lambda q: q.count("a", 5, 9), 5),
        ("a=9", lambda q: q.count("a", 5, 9), 9),
        ("", lambda q: q.amount("a"), None),
        ("a=1.5", lambda q: q.amount("a"), 1.5),
        ("", lambda q: q.moment("a"), None),
        ("a=2026-11-01", lambda q: q.moment("a"), datetime(2026, 11, 1, tzinfo=UTC)),
        (
            "a=2026-11-01T12:00:00+02:00",
            lambda q: q.moment("a"),
            datetime(2026, 11, 1, 10, tzinfo=UTC),
        ),
        ("b=1&a=2", lambda q: q.given(), {"b": "1", "a": "2"}),
    ],
)
def test_what_is_right_is_read(text: str, read: Callable[[Query], Any], expected: Any) -> None:
    """Nothing there, and everything that may be there."""
    assert read(query(text)) == expected


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("c=1", lambda q: None),
        ("a=1&a=2", lambda q: None),
        ("a=%00", lambda q: None),
        (urlencode({"a": "x" * 201}), lambda q: None),
        ("a=x", lambda q: q.text("a", 2, 5)),
        ("a=z", lambda q: q.choice("a", ("x", "y"), "y")),
        ("a=0", lambda q: q.count("a", 5, 9)),
        ("a=10", lambda q: q.count("a", 5, 9)),
        ("a=1e3", lambda q: q.count("a", 5, 9)),
        ("a=%D9%A3", lambda q: q.count("a", 5, 9)),
        ("a=-1", lambda q: q.amount("a")),
        ("a=nan", lambda q: q.amount("a")),
        ("a=inf", lambda q: q.amount("a")),
        ("a=yesterday", lambda q: q.moment("a")),
    ],
)
def test_what_is_wrong_is_named(text: str, read: Callable[[Query], Any]) -> None:
    """In one line, with status 400."""
    with pytest.raises(HTTPException) as refused:
        read(query(text))
    assert refused.value.status_code == 400
    assert text[:1] in refused.value.detail
    assert len(refused.value.detail.splitlines()) == 1
