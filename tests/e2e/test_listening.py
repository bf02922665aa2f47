"""Listening to a call: the same as its recording, while it lasts, and never in the call's way."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.call.call import Call
from gateway.call.wiretap import MOST
from gateway.core.events import BargeIn, CallAnswered, CallEnded
from gateway.sim.twilio import Callee, HangUp, Pause, TwinCall
from gateway.web.api.listening import FULL, NOT_LIVE, Earpiece
from tests.call.watching import until
from tests.e2e import test_blind_capture as secrets
from tests.e2e.harness import House, house
from tests.e2e.listening import Heard, connecting, listening
from tests.e2e.scenes import agents_in, calls, line, live_call, on_key, scene
from tests.sim.realtime.harness import tone

OFFICE = "+493012345678"
SCRIPT = (
    on_key("1", 'say = "story"')
    + on_key("2", 'say = "wait"')
    + on_key("9", f'say = "bye"\n{calls("end_call")}')
    + '[otherwise]\nsay = "else"\n'
)
CALLER = tone(700, hz=500)
NEAR = 1600
"""Bytes: marks that come late on a busy machine look like a slow carrier."""


def recorded(folder: Path, routes: str = '[default]\nrecording = "on"\n') -> dict[str, Any]:
    """Options of a house whose calls are recorded."""
    agents = agents_in(folder, a_toml='tools = ["end_call"]', routes_toml=routes)
    return {"agents_dir": agents, "agent": "a", "kept_in": folder / "kept"}


def live(running: House, call: TwinCall) -> Call:
    """The gateway's side of a call."""
    found = running.reception.registry.get(call.sid)
    assert found is not None
    return found


def spoken(channel: bytes) -> int:
    """How many bytes of a channel are not silence."""
    return len(channel) - channel.count(0xFF)


@pytest.mark.asyncio
async def test_two_listeners_and_the_recording_hear_the_same(tmp_path: Path) -> None:
    """Every byte, an interruption included; whoever comes later hears the rest.

    Where the agent was heard is an estimate that grows better: the recording asks half a second
    later, so the two may be apart there, one or two milliseconds on a machine that is not busy.
    """
    async with house(scene(tmp_path, SCRIPT), **recorded(tmp_path)) as running:
        call = await live_call(running)
        async with listening(running, call.sid) as first:
            assert live(running, call).listeners == 1
            call.press("1#")
            await first.until(lambda it: line("story")[:4000] in it.agent)
            async with listening(running, call.sid) as second:
                call.say(CALLER)
                await running.until(lambda: bool(running.of(BargeIn, call.sid)))
                await first.until(lambda it: line("else") in it.agent)
                call.press("9#")
                await running.ended(call)
                for each in (first, second):
                    await each.until(lambda it: it.kinds[-1] == "ended")
        caller, agent = running.recording(await running.record(call))
    barge_in = running.of(BargeIn, call.sid)[0]
    assert CALLER in first.caller
    assert line("story") not in first.agent
    assert barge_in.heard_ms < 4000
    assert len(first.audio) > len(second.audio) > 0
    assert first.audio.endswith(second.audio)
    assert caller.endswith(first.caller)
    before = len(caller) - len(first.caller)
    kept, heard = agent[before:], first.agent
    for words in (line("story")[:4000], line("else")[:1600]):
        assert abs(kept.index(words) - heard.index(words)) <= NEAR
    assert abs(spoken(kept) - spoken(heard)) <= NEAR
    assert [each.told[-1] for each in (first, second)] == [
        {"type": "ended", "reason": "agent_hung_up"}
    ] * 2
    assert (first.close_code, second.close_code) == (1000, 1000)


@pytest.mark.asyncio
async def test_a_listener_hears_a_caller_come_back_from_a_transfer(tmp_path: Path) -> None:
    """Told when the caller leaves and returns, without the silence between; one recording."""
    cold = on_key("1", f'say = "wait"\n{calls("transfer_call", destination="office", warm=False)}')
    routes = f'[default]\nrecording = "on"\n[directory.office]\nnumber = "{OFFICE}"\n'
    options = recorded(tmp_path, routes)
    agents_in(tmp_path, a_toml='tools = ["transfer_call", "end_call"]', routes_toml=routes)
    script = cold + SCRIPT.replace('match = "phone: 1$"', 'match = "phone: 3$"')
    callees = (Callee(OFFICE, "busy", ring_ms=1500),)
    async with house(scene(tmp_path, script), callees=callees, **options) as running:
        call = await live_call(running)
        async with listening(running, call.sid) as heard:
            call.press("1#")
            await heard.until(lambda it: "back" in it.kinds)
            at = len(heard.audio)
            call.press("2#")
            await heard.until(lambda it: line("wait") in it.agent[at // 2 :])
            call.press("9#")
            await running.ended(call)
            await heard.until(lambda it: it.kinds[-1] == "ended")
        caller, _ = running.recording(await running.record(call))
    assert heard.kinds == ["started", "away", "back", "ended"]
    assert len(call.streams) == 2
    started, away, back, _ = heard.told
    assert started["at_ms"] < away["at_ms"] < back["at_ms"]
    assert abs((away["at_ms"] - started["at_ms"]) * 16 - at) <= 16 * 750
    assert len(caller) - len(heard.caller) >= (back["at_ms"] - away["at_ms"]) * 8


@pytest.mark.asyncio
async def test_no_listener_hears_the_keys_of_a_secret(tmp_path: Path) -> None:
    """Neither while they are typed nor behind; what the caller said before is heard."""
    folder = secrets.agents(tmp_path / "agents")
    async with house(secrets.options(tmp_path), agents_dir=folder) as running:
        call = running.place(*secrets.ASKED, *secrets.typed(secrets.PIN), Pause(ms=1500), HangUp())
        await running.until(lambda: bool(running.of(CallAnswered, call.sid)))
        async with listening(running, call.sid) as heard:
            await running.ended(call)
            await heard.until(lambda it: it.kinds[-1] == "ended")
    assert secrets.tones_in(secrets.behind(call.said)) > 20
    assert secrets.tones_in(secrets.behind(heard.caller)) == 0


def narrow() -> socket.socket:
    """A connection whose end of the wire holds little."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return made


@asynccontextmanager
async def frozen(running: House, call_sid: str) -> AsyncIterator[Heard]:
    """One who is connected, and takes nothing."""
    made = narrow()
    host, port = running.base.removeprefix("http://").split(":")
    made.connect((host, int(port)))
    async with connecting(running, call_sid, sock=made, max_queue=1, close_timeout=1) as heard:
        yield heard


@pytest.mark.asyncio
async def test_a_frozen_listener_is_skipped_ahead_and_costs_nobody_anything(
    tmp_path: Path,
) -> None:
    """The call and the other listener go on; thawed, it is told how much it missed, and hears the
    call as it is now.
    """
    async with house(scene(tmp_path, SCRIPT), **recorded(tmp_path)) as running:
        call = await live_call(running)
        async with frozen(running, call.sid) as cold, listening(running, call.sid) as warm:
            wiretap = live(running, call).wiretap
            earpiece = wiretap._listeners[0]
            assert isinstance(earpiece, Earpiece)
            await until(lambda: earpiece._skipped_bytes > 0, 30)
            call.press("2#")
            await warm.until(lambda it: line("wait") in it.agent)
            thawed = asyncio.ensure_future(cold.listen())
            await cold.until(lambda it: line("wait") in it.agent)
            call.press("9#")
            await running.ended(call)
            await cold.until(lambda it: it.kinds[-1] == "ended")
            await warm.until(lambda it: it.kinds[-1] == "ended")
            await thawed
    assert (cold.kinds, warm.kinds) == (["started", "skipped", "ended"], ["started", "ended"])
    missed = round(cold.told[1]["ms"] * 16)
    assert missed >= 2000 * 16 - 3200
    whole = len(warm.audio) + (warm.told[0]["at_ms"] - cold.told[0]["at_ms"]) * 16
    assert len(cold.audio) + missed == whole
    assert CallEnded.__name__ in [type(event).__name__ for _, event in running.events]


@pytest.mark.asyncio
async def test_who_takes_nothing_at_all_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a close, which would wait behind what they did not take."""
    monkeypatch.setattr("gateway.web.api.listening.TAKE_LIMIT_S", 0.5)
    async with house(scene(tmp_path, SCRIPT), **recorded(tmp_path)) as running:
        call = await live_call(running)
        async with frozen(running, call.sid):
            await until(lambda: live(running, call).listeners == 1)
            await until(lambda: live(running, call).listeners == 0, 30)
        call.press("9#")
        assert (await running.ended(call)).reason == "agent_hung_up"


@pytest.mark.asyncio
async def test_a_listener_who_is_cut_off_is_forgotten(tmp_path: Path) -> None:
    """Nobody listens then: nothing of it is left on the call's path."""
    agents = agents_in(tmp_path, a_toml='tools = ["end_call"]')
    async with house(scene(tmp_path, SCRIPT), agents_dir=agents, agent="a") as running:
        call = await live_call(running)
        async with listening(running, call.sid) as heard:
            await heard.until(lambda it: len(it.audio) > 3200)
            assert live(running, call).dialogue.outbound.tape is not None
            heard.socket.transport.abort()
            await until(lambda: live(running, call).listeners == 0)
            assert live(running, call).dialogue.outbound.tape is None
            assert live(running, call).downstream.microphone.tape is None
        call.press("9#")
        assert (await running.ended(call)).reason == "agent_hung_up"


@pytest.mark.asyncio
async def test_who_cannot_listen_is_told_why(tmp_path: Path) -> None:
    """A call that is not there, or over, and the ninth who wants to."""
    agents = agents_in(tmp_path, a_toml='tools = ["end_call"]')
    async with house(scene(tmp_path, SCRIPT), agents_dir=agents, agent="a") as running:
        async with listening(running, "CA" + "0" * 32) as nobody:
            await nobody.until(lambda it: it.close_code is not None)
        call = await live_call(running)
        async with AsyncExitStack() as stack:
            for _ in range(MOST):
                await stack.enter_async_context(listening(running, call.sid))
            async with listening(running, call.sid) as ninth:
                await ninth.until(lambda it: it.close_code is not None)
            assert live(running, call).listeners == MOST
        call.hang_up()
        await running.ended(call)
    assert (nobody.close_code, ninth.close_code) == (NOT_LIVE, FULL)
    assert nobody.told == [{"type": "refused", "error": "there is no live call with this ID"}]
    assert "8 people" in ninth.told[0]["error"]
