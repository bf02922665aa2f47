"""Which addresses a webhook may reach, and that no other is reached."""

import asyncio
import ipaddress
import socket
import ssl
import threading

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.store.hooks.reach import (
    Address,
    AddressRefused,
    LookUp,
    Names,
    PinnedTransport,
    fault,
    resolve,
    says_loopback,
    target,
)

PUBLIC = "93.184.215.14"


def answering(*ips: str) -> LookUp:
    """A name server that gives these addresses for any name."""

    async def look_up(_host: str, _port: int) -> list[Address]:
        return [(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip) for ip in ips]

    return look_up


class Wire(httpx2.AsyncBaseTransport):
    """What would be sent, and to whom; connections to `down` addresses fail."""

    def __init__(self, *down: str, error: type[httpx2.TransportError] = httpx2.ConnectError):
        self.sent: list[httpx2.Request] = []
        self._down = down
        self._error = error

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(request)
        if request.url.host in self._down:
            raise self._error("down")
        return httpx2.Response(204)

    @property
    def ips(self) -> list[str]:
        """The addresses that were tried."""
        return [request.url.host for request in self.sent]


async def post(
    wire: Wire, look_up: LookUp, url: str = "https://hooks.example.com/calls?x=1"
) -> int:
    """Sends a request as a courier does."""
    transport = PinnedTransport(ssl.create_default_context(), look_up, wire)
    try:
        request = httpx2.Request("POST", url, content=b"{}")
        return (await transport.handle_async_request(request)).status_code
    finally:
        await transport.aclose()


@pytest.mark.parametrize(
    ("ip", "word"),
    [
        (PUBLIC, None),
        ("8.8.8.8", None),
        ("100.63.255.255", None),
        ("100.128.0.0", None),
        ("172.15.255.255", None),
        ("172.32.0.0", None),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "shared"),
        ("100.100.100.200", "shared"),
        ("100.127.255.255", "shared"),
        ("169.254.169.254", "link_local"),
        ("168.63.129.16", "metadata"),
        ("192.0.0.192", "reserved"),
        ("192.0.2.1", "reserved"),
        ("198.18.0.1", "reserved"),
        ("203.0.113.5", "reserved"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.250", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", None),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::ffff:10.0.0.1", "mapped"),
        ("::ffff:127.0.0.1", "mapped"),
        ("::ffff:93.184.215.14", "mapped"),
        ("::10.0.0.1", "reserved"),
        ("::ffff:0:10.0.0.1", "reserved"),
        ("64:ff9b::93.184.215.14", None),
        ("64:ff9b::10.0.0.1", "private"),
        ("64:ff9b::169.254.169.254", "link_local"),
        ("64:ff9b:1::10.0.0.1", "reserved"),
        ("2002:5db8:d70e::1", None),
        ("2002:a00:1::1", "private"),
        ("2002:7f00:1::1", "loopback"),
        ("2002:a9fe:a9fe::1", "link_local"),
        ("2001:0:a00:1::1", "reserved"),
        ("2001:db8::1", "reserved"),
        ("fe80::1", "link_local"),
        ("fe80::1%eth0", "zone"),
        ("::1%lo", "zone"),
        ("fc00::1", "private"),
        ("fd00:ec2::254", "private"),
        ("fec0::1", "private"),
        ("ff02::1", "multicast"),
        ("4000::1", "reserved"),
    ],
)
def test_only_public_addresses_may_be_reached(ip: str, word: str | None) -> None:
    """Neither this machine, nor its neighbours, nor a way around through an IPv6 address."""
    assert fault(ip) == word


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_looked_at(ip: ipaddress.IPv4Address) -> None:
    """What may not be reached as IPv4 may not be reached through any translation."""
    word = fault(str(ip))
    through = [
        ipaddress.IPv6Address((0x64FF9B << 96) | int(ip)),
        ipaddress.IPv6Address((0x2002 << 112) | (int(ip) << 80)),
    ]
    assert [fault(str(each)) for each in through] == [word, word]
    assert fault(f"::ffff:{ip}") == "mapped"


@pytest.mark.parametrize(
    ("host", "literal"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.", False),
        ("127.0.0.1.", False),
        ("127.1", False),
        ("0x7f.1", False),
        ("2130706433", False),
        ("0177.0.0.1", False),
        ("::1%lo", False),
        ("::ffff:127.0.0.1", False),
        ("my.localhost", False),
        ("hooks.example.com", False),
        ("", False),
    ],
)
def test_loopback_is_said_literally(host: str, literal: bool) -> None:
    """In the one spelling everybody recognises."""
    assert says_loopback(host) is literal


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("ips", "word"),
    [
        (("10.0.0.1",), "private"),
        ((PUBLIC, "10.0.0.1"), "private"),
        (("::1", PUBLIC), "loopback"),
        ((PUBLIC, "fe80::1%eth0"), "zone"),
        ((), "none"),
    ],
)
async def test_one_address_that_is_refused_refuses_the_name(
    ips: tuple[str, ...], word: str
) -> None:
    """Whichever of them would have been taken."""
    with pytest.raises(AddressRefused) as refused:
        await resolve("hooks.example.com", 443, False, answering(*ips))
    assert refused.value.reason == word


@pytest.mark.asyncio
async def test_a_public_name_is_resolved() -> None:
    """All its addresses, in the order the name server prefers."""
    six = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
    found = await resolve("hooks.example.com", 443, False, answering(six, PUBLIC))
    assert found == [(socket.AF_INET6, six), (socket.AF_INET, PUBLIC)]


@pytest.mark.asyncio
@pytest.mark.parametrize(("ip", "word"), [("10.0.0.1", "private"), (PUBLIC, "not_loopback")])
async def test_localhost_is_this_machine(ip: str, word: str) -> None:
    """Whatever a name server makes of it: plain http is allowed there."""
    assert await resolve("localhost", 80, True, answering("127.0.0.1", "::1"))
    with pytest.raises(AddressRefused) as refused:
        await resolve("localhost", 80, True, answering("127.0.0.1", ip))
    assert refused.value.reason == word


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.0.0.1"])
async def test_the_system_may_know_other_spellings(host: str) -> None:
    """What it makes of them is checked, not how they look."""
    names = Names()
    assert await names.look_up(host, 443) == [(socket.AF_INET, "127.0.0.1")]
    with pytest.raises(AddressRefused, match="loopback"):
        await resolve(host, 443, False, names.look_up)
    names.close()


@pytest.mark.asyncio
async def test_a_name_server_that_hangs_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the event loop stay free, and whoever asks may stop waiting."""
    over, threads = threading.Event(), set[str]()

    def hang(*_args: object, **_options: object) -> list[object]:
        threads.add(threading.current_thread().name)
        over.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    names = Names()
    asking = [asyncio.create_task(names.look_up("hooks.example.com", 443)) for _ in range(50)]
    assert await asyncio.to_thread(lambda: 1) == 1
    for each in asking:
        each.cancel()
    assert all(await asyncio.gather(*asking, return_exceptions=True))
    names.close()
    over.set()
    assert threads == {"hook-names_0"}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://10.0.0.1/x", "is an address that is refused: private"),
        ("https://169.254.169.254/latest", "is an address that is refused: link_local"),
        ("https://[::ffff:127.0.0.1]/", "is an address that is refused: mapped"),
        ("https://[64:ff9b::a00:1]/", "is an address that is refused: private"),
        ("https://0.0.0.0/", "is an address that is refused: unspecified"),
        ("https://127.1/", "is an address that is refused: spelling"),
        ("https://0x7f.1/", "is an address that is refused: spelling"),
        ("https://2130706433/", "is an address that is refused: spelling"),
        ("https://0300.0250.1/", "is an address that is refused: spelling"),
        ("https://0300.0250.1.1/", "is no address that can be reached"),
        ("https://１２７.0.0.1/", "is no address that can be reached"),
        ("https://[::1%25lo]/", "is an address that is refused: zone"),
        ("https://[fe80::1%25eth0]/", "is an address that is refused: zone"),
        ("https://999.0.0.1/", "is no address that can be reached"),
    ],
)
def test_an_address_that_cannot_do_is_refused_at_start(url: str, said: str) -> None:
    """In one line that names the variable."""
    with pytest.raises(ConfigError) as wrong:
        target(url)
    assert str(wrong.value) == f"GATEWAY_HOOK_URL: {said}"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://hooks.example.com/x", b"hooks.example.com"),
        ("https://hooks.example.com./x", b"hooks.example.com."),
        ("https://bücher.example/", b"xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example/", b"xn--bcher-kva.example"),
        ("http://127.0.0.1:9000/", b"127.0.0.1"),
        ("http://[::1]:9000/", b"::1"),
        ("http://localhost/", b"localhost"),
        ("https://93.184.215.14/", b"93.184.215.14"),
    ],
)
def test_names_are_judged_when_they_are_looked_up(url: str, host: bytes) -> None:
    """At start nothing is asked of a name server."""
    assert target(url).raw_host == host


@pytest.mark.asyncio
async def test_the_connection_is_to_the_address_that_was_checked() -> None:
    """The name stays where the receiver and its certificate look for it."""
    wire = Wire()
    assert await post(wire, answering(PUBLIC)) == 204
    (request,) = wire.sent
    assert str(request.url) == f"https://{PUBLIC}/calls?x=1"
    assert request.headers["host"] == "hooks.example.com"
    assert request.extensions["sni_hostname"] == "hooks.example.com"
    assert await request.aread() == b"{}"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("url", "host", "sni"),
    [
        ("https://bücher.example:8443/", "xn--bcher-kva.example:8443", "xn--bcher-kva.example"),
        ("https://hooks.example.com./", "hooks.example.com.", "hooks.example.com"),
    ],
)
async def test_the_name_is_the_one_of_certificates(url: str, host: str, sni: str) -> None:
    """In ASCII, and without the dot at its end."""
    wire = Wire()
    await post(wire, answering("2606:2800:21f:cb07:6820:80da:af6b:8b2c"), url)
    (request,) = wire.sent
    assert request.url.host == "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
    assert (request.headers["host"], request.extensions["sni_hostname"]) == (host, sni)


@pytest.mark.asyncio
async def test_the_next_address_is_tried_when_one_is_down() -> None:
    """Only when nothing was sent yet: else it could arrive twice."""
    wire = Wire("8.8.8.8")
    assert await post(wire, answering("8.8.8.8", PUBLIC)) == 204
    assert wire.ips == ["8.8.8.8", PUBLIC]
    broken = Wire("8.8.8.8", error=httpx2.ReadError)
    with pytest.raises(httpx2.ReadError):
        await post(broken, answering("8.8.8.8", PUBLIC))
    assert broken.ips == ["8.8.8.8"]


@pytest.mark.asyncio
async def test_nobody_answers() -> None:
    """The last error is the one that is told."""
    wire = Wire("8.8.8.8", PUBLIC)
    with pytest.raises(httpx2.ConnectError):
        await post(wire, answering("8.8.8.8", PUBLIC))


@pytest.mark.asyncio
async def test_a_name_that_changes_its_mind_reaches_nothing_private() -> None:
    """It is asked once per request, and each answer is checked before anything is sent."""
    answers = [[PUBLIC], ["10.0.0.1"], ["127.0.0.1"]]
    asked: list[tuple[str, int]] = []

    async def rebinding(host: str, port: int) -> list[Address]:
        asked.append((host, port))
        return await answering(*answers[len(asked) - 1])(host, port)

    wire = Wire()
    assert await post(wire, rebinding) == 204
    for _ in range(2):
        with pytest.raises(AddressRefused):
            await post(wire, rebinding)
    assert asked == [("hooks.example.com", 443)] * 3
    assert wire.ips == [PUBLIC]


@pytest.mark.asyncio
async def test_plain_http_is_for_loopback_only() -> None:
    """Whatever address the name has."""
    wire = Wire()
    with pytest.raises(AddressRefused, match="plain"):
        await post(wire, answering(PUBLIC), "http://hooks.example.com/")
    assert await post(wire, answering("127.0.0.1"), "http://localhost:9000/") == 204
    assert wire.ips == ["127.0.0.1"]
