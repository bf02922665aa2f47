"""Webhooks over TLS, and names that change their mind: real connections on loopback."""

import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.store.hooks.courier import Courier
from gateway.store.hooks.reach import Address, PinnedTransport
from tests.store.certificates import Authority
from tests.store.databases import made, settings_in
from tests.store.outboxes import SECRET, Clock, put, rows
from tests.store.receivers import receiving, rude

TAKEN = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class Sender:
    """Sends one webhook after the other, and says what came of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.clock = Clock()
        self.answers = ["127.0.0.1"]
        """What the name server says, one after the other; the last one stays."""
        self.asked = 0

    async def send(self, url: str, tls: ssl.SSLContext) -> str | None:
        """The error; None when it was delivered."""
        settings = settings_in(self._folder, hook_url=url, hook_secret=SECRET)
        engine = await made(settings)
        seq = len(await rows(engine)) + 1
        await put(engine, settings, self.clock, f"CA{seq}:1")
        transport = PinnedTransport(tls, self._look_up)
        courier = Courier(engine, settings, transport=transport, clock=self.clock)
        courier.stop()
        await courier.run()
        row = (await rows(engine))[f"CA{seq}:1"]
        await engine.dispose()
        assert row["attempts"] == 1
        assert (row["state"] == "delivered") is (row["error"] is None)
        error: str | None = row["error"]
        return error

    async def _look_up(self, _host: str, _port: int) -> list[Address]:
        self.asked += 1
        ip = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, ip)]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whom the sender trusts."""
    return Authority(tmp_path)


@pytest_asyncio.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Sender]:
    """One with a database of its own."""
    yield Sender(tmp_path)


@pytest.mark.asyncio
async def test_the_certificate_is_that_of_the_name(sender: Sender, authority: Authority) -> None:
    """Though the connection is made to the address, which no certificate has."""
    asked: list[str | None] = []
    tls = authority.server("localhost")
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with rude(TAKEN, tls=tls) as url:
        assert await sender.send(url, authority.trusted()) is None
    assert asked == ["localhost"]


@pytest.mark.asyncio
async def test_another_certificate_will_not_do(sender: Sender, authority: Authority) -> None:
    """Neither somebody else's, nor one of an authority nobody knows."""
    async with rude(TAKEN, tls=authority.server("hooks.example.com")) as url:
        assert await sender.send(url, authority.trusted()) == "tls"
    async with rude(TAKEN, tls=authority.server("localhost")) as url:
        assert await sender.send(url, ssl.create_default_context()) == "tls"


@pytest.mark.asyncio
async def test_a_server_without_tls_is_told_nothing(sender: Sender, authority: Authority) -> None:
    """It sees no more than the beginning of a handshake."""
    async with receiving() as receiver:
        url = receiver.url.replace("http://127.0.0.1", "https://localhost")
        assert await sender.send(url, authority.trusted()) == "tls"
        assert receiver.told == []


@pytest.mark.asyncio
async def test_a_name_that_moves_inside_reaches_nobody(sender: Sender) -> None:
    """Each webhook asks once, and what it is told is refused before anything is sent."""
    sender.answers = ["127.0.0.1", "10.0.0.1", "169.254.169.254"]
    async with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        came = [await sender.send(url, ssl.create_default_context()) for _ in range(3)]
        assert came == [None, "address_private", "address_link_local"]
        assert (len(receiver.told), sender.asked) == (1, 3)
        assert receiver.told[0].headers["host"].startswith("localhost:")


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["hooks.example.com", "localhost.", "my.localhost"])
async def test_a_name_does_not_lead_to_this_machine(sender: Sender, host: str) -> None:
    """Only an operator who wrote loopback literally gets there."""
    async with receiving() as receiver:
        url = receiver.url.replace("http://127.0.0.1", f"https://{host}")
        assert await sender.send(url, ssl.create_default_context()) == "address_loopback"
        assert receiver.told == []
