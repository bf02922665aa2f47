"""Events leave in order, a CLOSE leaves behind them, a cut leaves nothing behind it."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from gateway.sim.realtime.options import RealtimeOptions
from gateway.sim.realtime.outbox import Outbox


@asynccontextmanager
async def client_of(outbox: Outbox, act: Callable[[], None]) -> AsyncIterator[ClientConnection]:
    """A client of a server that runs one outbox and then does something with it."""

    async def run(ws: ServerConnection) -> None:
        writer = asyncio.create_task(outbox.run(ws))
        act()
        await ws.wait_closed()
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)

    async with serve(run, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", proxy=None) as client:
            yield client


@pytest.mark.asyncio
async def test_events_then_close() -> None:
    """Text frames of JSON, in order; the first CLOSE counts."""
    outbox = Outbox(RealtimeOptions())

    def act() -> None:
        for n in range(3):
            outbox.put({"type": "x", "n": n})
        outbox.close(4000, "why")
        outbox.close(1000, "late")

    async with client_of(outbox, act) as client:
        texts = [await client.recv() for _ in range(3)]
        assert all(isinstance(text, str) for text in texts)
        assert [msgspec.json.decode(text)["n"] for text in texts] == [0, 1, 2]
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (4000, "why")


@pytest.mark.asyncio
async def test_a_stalled_outbox_keeps_even_its_close() -> None:
    """Nothing leaves, the socket stays open."""
    outbox = Outbox(RealtimeOptions())

    def act() -> None:
        outbox.stalled = True
        outbox.put({"type": "x"})
        outbox.close(1001, "")

    async with client_of(outbox, act) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.recv(), 0.05)
        assert client.close_code is None


@pytest.mark.asyncio
async def test_the_cut_counts_decoded_speech() -> None:
    """The delta that reaches the limit is the last thing that leaves."""
    outbox = Outbox(RealtimeOptions(fail_after_audio_bytes=200))

    def act() -> None:
        outbox.put({"type": "response.output_text.delta", "delta": "x" * 500})
        for size in (199, 1, 50):
            delta = base64.b64encode(bytes(size)).decode()
            outbox.put({"type": "response.output_audio.delta", "delta": delta})

    async with client_of(outbox, act) as client:
        for _ in range(3):
            await client.recv()
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1006
