"""Where a request comes from, as far as its headers and its peer say."""

from typing import Any

import pytest
from starlette.requests import HTTPConnection

from gateway.web.api.origin import (
    counted_as,
    is_foreign,
    is_local,
    is_unsafe,
    loopback_host,
    origin_of,
    own_origins,
)

PUBLIC = "https://voice.example.com/some/path"


def asked(
    peer: str | None = "127.0.0.1", method: str = "GET", kind: str = "http", **headers: Any
) -> HTTPConnection:
    """A connection; headers with `_` for `-`, several values as a list."""
    sent = {"host": "127.0.0.1:8000", **headers}
    pairs = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, values in sent.items()
        if values is not None
        for value in (values if isinstance(values, list) else [values])
    ]
    scope = {"type": kind, "method": method, "path": "/", "headers": pairs}
    return HTTPConnection({**scope, "client": None if peer is None else (peer, 1)})


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://voice.example.com/a/b?c", "https://voice.example.com"),
        ("https://voice.example.com:443", "https://voice.example.com"),
        ("https://voice.example.com:8443", "https://voice.example.com:8443"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://VOICE.example.com", "https://voice.example.com"),
        ("", ""),
        ("nothing", ""),
    ],
)
def test_origins_are_written_as_browsers_do(url: str, origin: str) -> None:
    """Without the port everybody expects, without path, in lower case."""
    assert origin_of(url) == origin


def test_no_peer_is_not_local() -> None:
    """A socket in the file system has no address."""
    assert not is_local(asked(None))
    assert is_local(asked())
    assert not is_local(asked(host=None))
    assert not is_local(asked(host=["127.0.0.1:8000", "127.0.0.1:8000"]))


def test_own_origins() -> None:
    """The public one, and that of the host if it is this machine."""
    assert set(own_origins(asked(), PUBLIC)) == {
        "https://voice.example.com",
        "http://127.0.0.1:8000",
    }
    assert set(own_origins(asked(host="LOCALHOST:80"), "")) == {"http://localhost"}
    assert set(own_origins(asked(host="voice.example.com"), "")) == set()
    assert loopback_host(asked(host="[::1]:8000")) == "[::1]:8000"


@pytest.mark.parametrize(
    ("method", "kind", "headers", "foreign"),
    [
        ("POST", "http", {}, False),
        ("POST", "http", {"origin": "https://voice.example.com"}, False),
        ("POST", "http", {"origin": "HTTPS://VOICE.example.com"}, False),
        ("POST", "http", {"origin": "http://voice.example.com"}, True),
        ("POST", "http", {"origin": "https://voice.example.com."}, True),
        ("POST", "http", {"origin": ["https://voice.example.com", "https://evil.example"]}, True),
        ("POST", "http", {"sec_fetch_site": "same-origin"}, False),
        ("POST", "http", {"sec_fetch_site": "none"}, True),
        ("PUT", "http", {"sec_fetch_site": "cross-site"}, True),
        ("GET", "http", {"sec_fetch_site": "none"}, False),
        ("GET", "http", {"sec_fetch_site": "same-site"}, True),
        ("GET", "websocket", {"sec_fetch_site": "none"}, True),
        ("GET", "websocket", {"origin": "http://127.0.0.1:8000"}, False),
        ("GET", "websocket", {"origin": "http://127.0.0.1:8001"}, True),
    ],
)
def test_foreign_pages(method: str, kind: str, headers: dict[str, Any], foreign: bool) -> None:
    """Whoever says whose page asks is believed; who says nothing is no page."""
    assert is_foreign(asked(method=method, kind=kind, **headers), PUBLIC) is foreign


def test_who_must_say_is_foreign_else() -> None:
    """With a cookie, no word of the page is not enough, and neither is the site alone."""
    ours = {"origin": "http://127.0.0.1:8000"}
    assert not is_foreign(asked(method="POST", **ours), PUBLIC, must_say=True)
    assert is_foreign(asked(method="POST"), PUBLIC, must_say=True)
    assert is_foreign(asked(sec_fetch_site="same-origin"), PUBLIC, must_say=True)


def test_what_changes_something() -> None:
    """Every method but those that read, and every socket."""
    assert [is_unsafe(asked(method=each)) for each in ("GET", "HEAD", "POST", "DELETE")] == [
        False,
        False,
        True,
        True,
    ]
    assert is_unsafe(asked(kind="websocket"))


@pytest.mark.parametrize(
    ("peer", "told", "counted"),
    [
        ("9.9.9.9", None, "9.9.9.9"),
        ("9.9.9.9", "198.51.100.7", "9.9.9.9"),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7", "198.51.100.8"], "198.51.100.8"),
        ("127.0.0.1", "nobody", "127.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", None, "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.5", None, "::ffff:203.0.113.5"),
        (None, None, ""),
    ],
)
def test_whose_tries_are_counted_together(peer: str | None, told: Any, counted: str) -> None:
    """Of strangers' own words nothing; of a proxy's next door the last."""
    assert counted_as(asked(peer, x_forwarded_for=told)) == counted
