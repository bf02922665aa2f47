"""What an address is: this machine, a private network, or wrong. Looks at texts, asks nobody."""

import ipaddress
import re
from urllib.parse import urlsplit

_PRIVATE = tuple(
    ipaddress.ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""Private use (RFC 1918, RFC 4193) and what carriers and clouds share behind one address (6598)."""
_INSIDE = re.compile(r"[a-z][\w-]*|[\w.-]+\.(?:local|internal|svc|localhost)", re.ASCII)
"""Names that no public server answers for: containers', a cluster's services', a house's."""


def is_loopback(url: str) -> bool:
    """True when the host of an address is this machine (localhost, 127.0.0.0/8, ::1)."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(url: str) -> bool:
    """True when the host of an address is of a network that the public has no way into: 10.0.0.0/8,
    172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7, a name of one word, or one below
    ``.local``, ``.internal``, ``.svc`` or ``.localhost``. This machine is, too.
    """
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bool(
            re.fullmatch(r"[a-z][\w-]*|[\w.-]+\.(local|internal|svc|localhost)", host, re.ASCII)
        )
    return is_loopback(url) or any(address in network for network in _PRIVATE)


def address_fault(
    url: str, *, secure: str, plain: str, query: bool = False, private: bool = False
) -> str | None:
    """What is wrong with an address, never repeating it: it may hold a password.

    ``plain`` is the scheme that only a loopback address may have (with ``private`` one of a
    private network, too), ``secure`` the one for all.
    """
    if not url.isprintable() or " " in url:
        return "must not contain spaces or control characters"
    example = f"must be a full address such as {secure}://voice.example.com"
    try:
        parts = urlsplit(url)
    except ValueError:
        return example
    try:
        _ = parts.port
    except ValueError:
        return "the port is not a number from 0 to 65535"
    if not parts.hostname:
        return example
    if parts.username or parts.password:
        return "must not carry a user or password"
    if "#" in url:
        return "must not carry a fragment"
    if "?" in url and not query:
        return "must not carry a query (Twilio strips it)"
    inside = is_private(url) if private else is_loopback(url)
    if parts.scheme == secure or (parts.scheme == plain and inside):
        return None
    what = "private networks" if private else "loopback addresses"
    return f"must start with {secure}:// ({plain}:// is for {what} only)"
