"""The cookie in which a browser keeps the secret of a session.

Over https its name begins with ``__Host-``, so that no other host of the domain can have set it.
Over http, on the gateway's own machine only, no such cookie can be set, and a plain one will do.
"""

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from gateway.web.api.origin import loopback_host

SECURE: Final = "__Host-gateway"
PLAIN: Final = "gateway"


def name_in(asked: HTTPConnection) -> str:
    """The name of the cookie in which the secret came, or would have come."""
    return PLAIN if SECURE not in asked.cookies and loopback_host(asked) else SECURE


def secret_in(asked: HTTPConnection) -> str:
    """The secret a browser has; nothing when it has none."""
    return asked.cookies.get(name_in(asked), "")


def name_for(asked: HTTPConnection) -> str:
    """The name for whoever signs in: by the address of the page they see."""
    return SECURE if asked.headers.get("origin", "").lower().startswith("https:") else PLAIN


def give(response: Response, secret: str, name: str) -> None:
    """Has the browser keep it until it is closed; no script sees it, no other site's page sends it.

    The session ends by itself: what a browser thinks of time is nothing to rely on.
    """
    response.set_cookie(
        name, secret, path="/", secure=name == SECURE, httponly=True, samesite="strict"
    )


def take(response: Response, name: str) -> None:
    """Has the browser forget it."""
    response.delete_cookie(name, path="/", secure=name == SECURE, httponly=True, samesite="strict")
