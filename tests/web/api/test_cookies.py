"""The cookie: which name it has where, and that no script and no other site gets at it."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from gateway.web.api import cookies


def asked(host: str, cookie: str = "", origin: str = "") -> Request:
    """A request for that host."""
    headers = {"host": host, "cookie": cookie, "origin": origin}
    pairs = [(name.encode(), text.encode()) for name, text in headers.items() if text]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": pairs})


@pytest.mark.parametrize(
    ("host", "cookie", "secret"),
    [
        ("voice.example.com", "__Host-gateway=a", "a"),
        ("voice.example.com", "gateway=a", ""),
        ("voice.example.com", "gateway=a; __Host-gateway=b", "b"),
        ("127.0.0.1:8000", "gateway=a", "a"),
        ("localhost", "gateway=a; __Host-gateway=b", "b"),
        ("127.0.0.1.evil.example", "gateway=a", ""),
        ("127.0.0.1:8000", "", ""),
    ],
)
def test_where_which_cookie_counts(host: str, cookie: str, secret: str) -> None:
    """A plain one on this machine only: elsewhere another host of the domain may have set it."""
    assert cookies.secret_in(asked(host, cookie)) == secret


def test_what_is_given() -> None:
    """Over https it is bound to the host and to https; neither goes to scripts or other sites."""
    for origin, name in (
        ("https://voice.example.com", "__Host-gateway"),
        ("http://[::1]", "gateway"),
    ):
        response = Response()
        cookies.give(response, "s3cret", cookies.name_for(asked("x", origin=origin)))
        head, *attributes = response.headers["set-cookie"].split("; ")
        assert head == f"{name}=s3cret"
        told = {each.lower() for each in attributes}
        assert {"httponly", "path=/", "samesite=strict"} <= told
        assert ("secure" in told) is (name == "__Host-gateway")
        assert not any(each.startswith(("domain", "max-age", "expires")) for each in told)


def test_what_is_taken_back() -> None:
    """With the same attributes, or browsers keep it."""
    response = Response()
    cookies.take(response, cookies.SECURE)
    told = response.headers["set-cookie"].lower()
    assert told.startswith('__host-gateway=""')
    assert all(each in told for each in ("max-age=0", "secure", "httponly", "path=/"))
