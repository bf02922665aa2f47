"""The listener's end of a call: what is kept for one who is slow, and who may listen."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from gateway.web.api.listening import MOST_BEHIND_MS, Earpiece, ListenSocket
from tests.call.watching import soon
from tests.web.carrier import new_call_sid
from tests.web.running import running

CHUNK = b"\x01\x02" * 800
"""A tenth of a second."""


async def taken(earpiece: Earpiece, count: int) -> list[Any]:
    """The next pieces; texts as what they say."""
    pieces = [await soon(asyncio.ensure_future(earpiece.take())) for _ in range(count)]
    return [json.loads(each) if isinstance(each, str) else each for each in pieces]


@pytest.mark.asyncio
async def test_a_listener_takes_everything_in_order() -> None:
    """Sound and news, and the end last; who waits gets the next piece as soon as it is there."""
    earpiece = Earpiece()
    waiting = asyncio.ensure_future(earpiece.take())
    await asyncio.sleep(0)
    earpiece.audio(CHUNK)
    assert await soon(waiting) == CHUNK
    earpiece.told("away", 1200.0)
    earpiece.told("back", 9200.5)
    earpiece.audio(CHUNK)
    earpiece.ended("transferred")
    assert await taken(earpiece, 5) == [
        {"type": "away", "at_ms": 1200.0},
        {"type": "back", "at_ms": 9200.5},
        CHUNK,
        {"type": "ended", "reason": "transferred"},
        None,
    ]


@pytest.mark.asyncio
async def test_what_a_listener_does_not_take_is_left_out() -> None:
    """All of it at once: it is told how much, and what comes then is new. News are not lost."""
    earpiece = Earpiece()
    most = MOST_BEHIND_MS // 100
    for _ in range(most):
        earpiece.audio(CHUNK)
    earpiece.told("away", 2000.0)
    for n in range(3 * most + 5):
        earpiece.audio(bytes([n % 250]) * 1600)
    assert len(earpiece._waiting) <= most + 1
    skipped, away, *rest = await taken(earpiece, 2 + 5)
    left = 4 * most + 5 - len(rest)
    assert skipped == {"type": "skipped", "ms": 100.0 * left}
    assert away == {"type": "away", "at_ms": 2000.0}
    assert rest[-1] == bytes([(3 * most + 4) % 250]) * 1600
    earpiece.ended("caller_hung_up")
    assert (await taken(earpiece, 2))[1] is None


@pytest.mark.asyncio
@pytest.mark.parametrize("frames", [1, 1000])
async def test_memory_for_a_listener_is_bounded(frames: int) -> None:
    """However long it sleeps."""
    earpiece = Earpiece()
    for _ in range(frames):
        earpiece.audio(CHUNK)
    assert sum(map(len, earpiece._waiting)) <= MOST_BEHIND_MS * 16


class Trail:
    """Who did what."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []

    def note(self, who: Any, action: str, *, call_sid: str = "", detail: str = "") -> None:
        assert detail == ""
        self.lines.append((who.name, action, call_sid))


@pytest.mark.asyncio
async def test_listening_is_written_down(tmp_path: Any) -> None:
    """When it began and when it ended; whoever is refused did not listen."""

    trail = Trail()
    async with running(tmp_path, api_token="made-up", parts={"audit": trail}) as gateway:
        call_sid = new_call_sid()
        await gateway.call(call_sid)
        base = f"ws://127.0.0.1:{gateway.settings.port}/api/live/calls"
        headers = {"Authorization": "Bearer made-up"}
        async with connect(f"{base}/CA1/listen", additional_headers=headers, proxy=None) as none:
            assert json.loads(await none.recv())["type"] == "refused"
        async with connect(
            f"{base}/{call_sid}/listen", additional_headers=headers, proxy=None
        ) as socket:
            started = json.loads(await socket.recv())
            assert (started["type"], started["call_sid"]) == ("started", call_sid)
            assert (started["rate"], started["channels"]) == (8000, ["caller", "agent"])
            await socket.send("nobody listens to a listener")
        gateway.live(call_sid).end("test")
        await gateway.ended(call_sid)
    assert trail.lines == [
        ("token", "listen.started", call_sid),
        ("token", "listen.ended", call_sid),
    ]


def test_operators_listen() -> None:
    """The least role that opens the socket."""
    (socket,) = ListenSocket(None, None).sockets()  # type: ignore[arg-type]
    assert socket.role == "operator"
