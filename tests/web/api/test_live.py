"""``/api/live`` over the wire: what viewers get, and that no viewer costs a call anything."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.core.events import CallEnded, CallOffered, DtmfGroup, Noted
from gateway.observe.live.desk import Watch
from gateway.web.api import live
from gateway.web.api.live import watch_of
from tests.web.carrier import LIMIT_S, new_call_sid
from tests.web.running import Gateway, running

TOKEN = "a-made-up-api-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
OFFERED = CallOffered("+12025550100", "+12025550123", "desk", "inbound")
OVER = CallEnded("idle", 1.0, 1.0, 1, 1, 0)
EVERYTHING = ["calls", "health", "approvals"]


@asynccontextmanager
async def gateway(folder: Path, **more: Any) -> AsyncIterator[Gateway]:
    """A running gateway with a token."""
    async with running(folder, api_token=TOKEN, **more) as found:
        yield found


def viewer(port: int) -> connect:
    """A socket to the live board."""
    return connect(
        f"ws://127.0.0.1:{port}/api/live",
        additional_headers=BEARER,
        proxy=None,
        compression=None,
        max_size=None,
        ping_interval=None,
    )


async def ask(ws: ClientConnection, *topics: str) -> dict[str, Any]:
    """Says what is watched; the snapshot."""
    await ws.send(json.dumps({"watch": topics}))
    while (told := await take(ws))["type"] != "snapshot":
        pass
    return told


async def take(ws: ClientConnection) -> dict[str, Any]:
    """The next message."""
    async with asyncio.timeout(LIMIT_S):
        told: dict[str, Any] = json.loads(await ws.recv())
    return told


async def get(found: Gateway, path: str) -> httpx2.Response:
    """A request with the token."""
    return await found.http.get(path, headers=BEARER)


@pytest.mark.asyncio
async def test_a_call_is_seen_from_offer_to_end(tmp_path: Path) -> None:
    """A viewer of all calls and of the one sees it come, live and go; so does who asks."""
    sid = new_call_sid()
    async with gateway(tmp_path) as found, viewer(found.port) as ws:
        assert (await ask(ws, "calls"))["calls"] == []
        stream = await found.call(sid)
        states = set()
        while "live" not in states:
            states |= {each["state"] for each in (await take(ws)).get("calls", [])}
        (shown,) = (await get(found, "/api/live/calls")).json()
        assert (shown["call_sid"], shown["caller"], shown["state"]) == (sid, "+15550100", "live")
        told = await ask(ws, f"call:{sid}")
        kinds = [each["kind"] for each in told["call"]["entries"]]
        assert kinds[:2] == ["state", "state"]
        await stream.ws.close()
        while "ended" not in (told := await take(ws)):
            pass
        assert told["ended"] == {"call_sid": sid, "reason": "socket_lost"}
        whole = (await get(found, f"/api/live/calls/{sid}")).json()
        assert (whole["state"], whole["reason"]) == ("ended", "socket_lost")
        assert whole["entries"][-1]["state"] == "ended"
        assert (await get(found, "/api/live/calls")).json() == []


@pytest.mark.asyncio
async def test_everything_comes_with_the_snapshot(tmp_path: Path) -> None:
    """What was asked for, and nothing else."""
    async with gateway(tmp_path) as found, viewer(found.port) as ws:
        told = await ask(ws, *EVERYTHING)
        assert set(told) == {"type", "version", *EVERYTHING}
        assert told["health"]["status"] == "ready"
        assert set(await ask(ws, "call:CA9")) == {"type", "version", "call"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("no JSON", 1008),
        ("[]", 1008),
        ('{"watch": "calls"}', 1008),
        ('{"watch": ["everything"]}', 1008),
        ('{"watch": ["call:"]}', 1008),
        ('{"watch": ["call:CA1", "call:CA2"]}', 1008),
        ('{"watch": [], "more": 1}', 1008),
        (json.dumps({"watch": ["calls"] * 11}), 1008),
        (b"\x00", 1008),
        ("x" * 70_000, 1009),
    ],
)
async def test_a_wrong_message_closes_with_a_reason(
    tmp_path: Path, sent: str | bytes, code: int
) -> None:
    """Which says what was expected."""
    async with gateway(tmp_path) as found, viewer(found.port) as ws:
        await ws.send(sent)
        with pytest.raises(ConnectionClosed) as closed:
            await take(ws)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code
        assert code == 1009 or "watch" in closed.value.rcvd.reason
        assert (await get(found, "/api/live/calls")).status_code == 200


@pytest.mark.asyncio
async def test_who_asks_for_nothing_is_sent_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket that says nothing does not stay."""
    monkeypatch.setattr(live, "FIRST_S", 0.01)
    async with gateway(tmp_path) as found, viewer(found.port) as ws:
        with pytest.raises(ConnectionClosed) as closed:
            await take(ws)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


@pytest.mark.asyncio
async def test_there_are_so_many_viewers_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one is told so; when one leaves, another may come."""
    monkeypatch.setattr(live, "MOST_VIEWERS", 1)
    async with gateway(tmp_path) as found:
        async with viewer(found.port) as first:
            await ask(first, "calls")
            async with viewer(found.port) as second:
                with pytest.raises(ConnectionClosed) as closed:
                    await take(second)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
        async with asyncio.timeout(LIMIT_S):
            while not await is_admitted(found.port):
                pass  # the first one's end is still to be noticed


async def is_admitted(port: int) -> bool:
    """True when a viewer gets its snapshot."""
    async with viewer(port) as ws:
        try:
            return "calls" in await ask(ws, "calls")
        except ConnectionClosed:
            return False


@pytest.mark.asyncio
async def test_nobody_without_the_token_sees_anything(tmp_path: Path) -> None:
    """Neither by asking nor by watching."""
    async with gateway(tmp_path) as found:
        wrong = {"Authorization": "Bearer another"}
        assert (await found.http.get("/api/live/calls", headers=wrong)).status_code == 401
        address = f"ws://127.0.0.1:{found.port}/api/live"
        with pytest.raises(InvalidStatus, match="401"):
            async with connect(address, additional_headers=wrong, proxy=None):
                pytest.fail("was accepted")


@pytest.mark.asyncio
async def test_a_call_that_never_was_is_not_found(tmp_path: Path) -> None:
    """In one clear line."""
    async with gateway(tmp_path) as found:
        answer = await get(found, "/api/live/calls/CA9")
        assert (answer.status_code, list(answer.json())) == (404, ["error"])


@pytest.mark.asyncio
async def test_a_frozen_viewer_costs_nothing_and_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads nothing at all: the gateway holds one message for it, others are told in time, and
    after a while its connection is gone, however much lies in it.
    """
    monkeypatch.setattr(live, "STUCK_S", 1.0)
    async with gateway(tmp_path) as found:
        frozen = await freeze(found.port)
        async with viewer(found.port) as awake:
            await ask(awake, "calls")
            found.board.hear("CA1", OFFERED)
            (stuck,) = [
                each for each in found.server.server_state.connections if is_live(each, frozen)
            ]
            most, noted = 0, 0
            async with asyncio.timeout(LIMIT_S * 3):
                while stuck in found.server.server_state.connections:
                    noted += 1
                    found.board.hear("CA1", Noted(1.0, f"{noted} " + "x" * 3900))
                    most = max(most, stuck.transport.get_write_buffer_size())
                    if noted % 50 == 0:
                        await asyncio.sleep(0.05)
            assert most < 64 * 1024 + 5_000_000  # one message: a thousand entries of 4 KB each
            found.board.hear("CA1", OVER)
            while "gone" not in await take(awake):
                pass
        frozen.close()


async def freeze(port: int) -> socket.socket:
    """A socket that watches a call and never reads: the smallest buffers there are."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", port))
    request = (
        f"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {'A' * 22}==\r\n"
        f"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    )
    await loop.sock_sendall(raw, request.encode())
    assert b"101" in await loop.sock_recv(raw, 1024)
    body = json.dumps({"watch": ["calls", "call:CA1"]}).encode()
    await loop.sock_sendall(raw, bytes([0x81, 0x80 | len(body), 0, 0, 0, 0]) + body)
    return raw


def is_live(connection: Any, peer: socket.socket) -> bool:
    """True for the server's end of a socket."""
    return bool(getattr(connection, "client", None) == peer.getsockname())


@pytest.mark.parametrize(
    ("text", "watch"),
    [
        ('{"watch": []}', Watch()),
        ('{"watch": ["calls", "call:CA1", "call:CA1"]}', Watch(calls=True, call_sid="CA1")),
        ('{"watch": ["health", "approvals"]}', Watch(health=True, approvals=True)),
    ],
)
def test_topics_are_understood(text: str, watch: Watch) -> None:
    """Each of them, the same call twice, and none."""
    assert watch_of(text) == watch


@pytest.mark.asyncio
async def test_messages_come_no_faster_than_four_a_second(tmp_path: Path) -> None:
    """Whatever happens meanwhile comes together."""
    async with gateway(tmp_path) as found, viewer(found.port) as ws:
        found.board.hear("CA1", OFFERED)
        version = (await ask(ws, "call:CA1"))["version"]
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for count in range(30):
            found.board.hear("CA1", DtmfGroup(count, 1.0))
            found.board.hear("CA2", OFFERED if count % 2 else OVER)  # nobody here watches it
            await asyncio.sleep(0.02)
        told = [each async for each in drained(ws)]
        lasted = loop.time() - begun
        assert sum(len(each["entries"]) for each in told) >= 30
        assert len(told) <= lasted / 0.25 + 2
        assert [each["from"] for each in told] == [
            version,
            *(each["version"] for each in told[:-1]),
        ]


async def drained(ws: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    """The messages until the last entry came."""
    while True:
        told = await take(ws)
        yield told
        if any(each.get("count") == 29 for each in told.get("entries", [])):
            return
