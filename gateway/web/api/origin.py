"""Where a request comes from: this machine or another, our own page or somebody else's.

Pure: it looks at what a connection says of itself. Browsers tell the truth about the page that
asks (``Origin``, ``Sec-Fetch-Site``: pages cannot set them), and they are who must be kept from
asking on behalf of strange pages. Programs may write there whatever they like; they have no cookies
of anybody's.
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from gateway.settings import is_loopback

_SAFE = ("GET", "HEAD", "OPTIONS")
_FORWARDED = ("forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip")
"""With ``x-forwarded-…``: what proxies and tunnels add. Who comes through one may be anybody."""


def origin_of(url: str) -> str:
    """Scheme, host and port of an address as a browser writes them; nothing for no address."""
    parts = urlsplit(url)
    if not parts.hostname:
        return ""
    port = {"https": 443, "http": 80}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, port) else "")


def peer_of(asked: HTTPConnection) -> str:
    """The address the connection comes from; nothing when it has none."""
    return asked.client.host if asked.client is not None else ""


def is_local(asked: HTTPConnection) -> bool:
    """True for who is on this machine, came straight, and asked for this machine by its name.

    The name is what a page cannot choose whose own name was pointed here (DNS rebinding).
    """
    if not _is_loopback_address(peer_of(asked)):
        return False
    headers = asked.headers
    if any(name in _FORWARDED or name.startswith("x-forwarded") for name in headers):
        return False
    return bool(loopback_host(asked))


def loopback_host(asked: HTTPConnection) -> str:
    """The ``Host`` that was asked for, if there is one only and it is this machine."""
    hosts = asked.headers.getlist("host")
    if len(hosts) != 1 or not _is_loopback_host(hosts[0]):
        return ""
    return hosts[0].lower()


def own_origins(asked: HTTPConnection, public_url: str) -> Collection[str]:
    """Origins of our own pages, as this connection could have them."""
    host = loopback_host(asked)
    found = {origin_of(public_url), origin_of(f"http://{host}") if host else ""}
    return found - {""}


def is_foreign(asked: HTTPConnection, public_url: str, *, must_say: bool = False) -> bool:
    """True when a page that is not ours may be asking.

    ``must_say``: who does not say which page asks is taken for a foreign one.
    """
    origins = asked.headers.getlist("origin")
    if origins:
        own = own_origins(asked, public_url)
        return any(each.lower() not in own for each in origins)
    if must_say:
        return True
    site = asked.headers.get("sec-fetch-site")
    # "none": nobody's page, a person typed the address.
    return site not in (None, "same-origin") and not (site == "none" and not is_unsafe(asked))


def is_unsafe(asked: HTTPConnection) -> bool:
    """True for what changes something: every method but those that read, and every socket."""
    return asked.scope["type"] == "websocket" or asked.scope["method"] not in _SAFE


def counted_as(asked: HTTPConnection) -> str:
    """The address whose attempts are counted together: behind a proxy next door what that says
    last, and of an IPv6 network (/64, all of which one customer has) the network.

    Only for counting: a proxy that passes on what clients write there lets them choose it.
    """
    peer = peer_of(asked)
    address = _address(peer)
    told = ",".join(asked.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    if address is not None and (address.is_loopback or address.is_private) and _address(told):
        peer, address = told, _address(told)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return peer


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def _is_loopback_address(text: str) -> bool:
    address = _address(text)
    return address is not None and address.is_loopback


def _is_loopback_host(host: str) -> bool:
    if "@" in host or "/" in host or not host.isprintable():
        return False
    try:
        _ = urlsplit(f"http://{host}").port
        return is_loopback(f"http://{host}")
    except ValueError:
        return False
