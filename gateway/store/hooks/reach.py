"""Which addresses a webhook may reach, and a transport that reaches no other.

A name is looked up for every request, every address it has is checked, and the connection is made
to one that was checked: whatever the name says a moment later, nothing asks it again. TLS and
``Host`` keep the name. Loopback is for an operator who literally wrote it.
"""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import httpx2

from gateway.errors import ConfigError, GatewayError

Address = tuple[int, str]
"""Address family and IP address."""
LookUp = Callable[[str, int], Awaitable[list[Address]]]
"""Every address of a host. Raises OSError, or UnicodeError for what cannot be a name."""

_PORTS = {"http": 80, "https": 443}
# IANA's registries of special-purpose addresses, and what belongs to clouds. Not the standard
# library's `is_global`: what it knows differs from one Python to the next.
_IPV4 = [
    (word, IPv4Network(network))
    for word, network in (
        ("unspecified", "0.0.0.0/8"),
        ("loopback", "127.0.0.0/8"),
        ("link_local", "169.254.0.0/16"),  # the metadata of most clouds
        ("metadata", "168.63.129.16/32"),  # Azure's, in the midst of public addresses
        ("private", "10.0.0.0/8"),
        ("private", "172.16.0.0/12"),
        ("private", "192.168.0.0/16"),
        ("shared", "100.64.0.0/10"),
        ("reserved", "192.0.0.0/24"),
        ("reserved", "192.0.2.0/24"),
        ("reserved", "192.88.99.0/24"),
        ("reserved", "198.18.0.0/15"),
        ("reserved", "198.51.100.0/24"),
        ("reserved", "203.0.113.0/24"),
        ("multicast", "224.0.0.0/4"),
        ("reserved", "240.0.0.0/4"),
    )
]
_IPV6 = [
    (word, IPv6Network(network))
    for word, network in (
        ("unspecified", "::/128"),
        ("loopback", "::1/128"),
        ("mapped", "::ffff:0:0/96"),
        ("link_local", "fe80::/10"),
        ("private", "fc00::/7"),
        ("private", "fec0::/10"),
        ("multicast", "ff00::/8"),
        ("reserved", "2001::/23"),  # Teredo in it: an IPv4 address behind somebody's relay
        ("reserved", "2001:db8::/32"),
        ("reserved", "3fff::/20"),
    )
]
_GLOBAL = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_6TO4 = IPv6Network("2002::/16")


class AddressRefused(GatewayError):
    """A webhook must not go to that address; ``reason`` is a stable word such as ``private``."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the address is refused: {reason}")
        self.reason = reason


def fault(ip: str) -> str | None:
    """Why an IP address must not be reached, as a word; None when it may be.

    Raises ValueError for what is none, other spellings of IPv4 (``127.1``) among it.
    """
    if "%" in ip:
        return "zone"
    address = ipaddress.ip_address(ip)
    return _fault4(address) if isinstance(address, IPv4Address) else _fault6(address)


def _fault4(address: IPv4Address) -> str | None:
    return next((word for word, network in _IPV4 if address in network), None)


def _fault6(address: IPv6Address) -> str | None:
    for word, network in _IPV6:
        if address in network:
            return word
    if address in _NAT64:
        return _fault4(IPv4Address(int(address) & 0xFFFFFFFF))
    if address in _6TO4:
        return _fault4(IPv4Address(int(address) >> 80 & 0xFFFFFFFF))
    return None if address in _GLOBAL else "reserved"


def says_loopback(host: str) -> bool:
    """True for a host that literally says so: ``localhost``, ``127.x.x.x`` or ``::1``."""
    try:
        return host == "localhost" or fault(host) == "loopback"
    except ValueError:
        return False


async def resolve(host: str, port: int, literal_ok: bool, look_up: LookUp) -> list[Address]:
    """The addresses of a host, when every one of them may be reached.

    With ``literal_ok`` (the operator wrote a loopback address) they must all be loopback, without
    it none may be. Raises AddressRefused, or what ``look_up`` raises.
    """
    found = await look_up(host, port)
    if not found:
        raise AddressRefused("none")
    for _, ip in found:
        word = fault(ip)
        if literal_ok and word != "loopback":
            raise AddressRefused(word or "not_loopback")
        if word is not None and not literal_ok:
            raise AddressRefused(word)
    return found


def target(url: str) -> httpx2.URL:
    """``GATEWAY_HOOK_URL`` as requests are made to it.

    Raises ConfigError when nothing can be sent there, as far as the address itself shows.
    """
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise ConfigError("GATEWAY_HOOK_URL: is no address that can be reached") from None
    host = parsed.raw_host.decode()
    if not says_loopback(host) and (word := _shown_fault(host)):
        raise ConfigError(f"GATEWAY_HOOK_URL: is an address that is refused: {word}")
    return parsed


def _shown_fault(host: str) -> str | None:
    """What is wrong with a host that is an IP address; names are looked up for every delivery."""
    with contextlib.suppress(ValueError):
        return fault(host)
    with contextlib.suppress(OSError):
        socket.inet_aton(host)
        return "spelling"  # 127.1, 0x7f.1, 2130706433: the system takes them
    return None


class Names:
    """Asks the system for addresses, on one thread of its own.

    The threads of the event loop are shared: a name server that hangs must not use them up.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hook-names")

    async def look_up(self, host: str, port: int) -> list[Address]:
        """Every address of a host (see ``LookUp``)."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [(family, str(where[0])) for family, _, _, _, where in found]

    def close(self) -> None:
        """Waits for nobody."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class PinnedTransport(httpx2.AsyncBaseTransport):
    """Sends requests to checked addresses only, each on a connection of its own.

    Raises what httpx2 raises, and what :func:`resolve` raises.
    """

    def __init__(
        self,
        tls: ssl.SSLContext,
        look_up: LookUp | None = None,
        inner: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._names = Names()
        self._look_up = look_up or self._names.look_up
        # A connection kept open would be to an address that was checked some time ago.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        self._inner = inner or httpx2.AsyncHTTPTransport(verify=tls, trust_env=False, limits=limits)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends it to the first address that takes the connection."""
        url = request.url
        host = url.raw_host.decode()
        literal = says_loopback(host)
        if url.scheme != "https" and not literal:
            raise AddressRefused("plain")
        port = url.port or _PORTS[url.scheme]
        *others, last = await resolve(host, port, literal, self._look_up)
        for _, ip in others:
            # Only what happens before anything is sent.
            with contextlib.suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                return await self._inner.handle_async_request(_pinned(request, ip, host))
        return await self._inner.handle_async_request(_pinned(request, last[1], host))

    async def aclose(self) -> None:
        """Closes what is open."""
        self._names.close()
        await self._inner.aclose()


def _pinned(request: httpx2.Request, ip: str, host: str) -> httpx2.Request:
    """The same request to an address; its ``Host`` header was made of the name."""
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=ip),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host.rstrip(".")},
    )
