"""Interruption mode `gateway` over whole calls: coughs, words and answers, by the twin's truth.

The twin plays in packets of 20 ms, as telephone networks do: what has begun cannot be called back.
"""

from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import BargeIn, CallerStopped, FalseAlarm, TurnDone
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.realtime.session import Session
from gateway.sim.twilio import HangUp, Network, Pause, Play, Step, WaitForAgent, WaitForSilence
from tests.e2e.harness import CALLS, SPEECH, House, hears, house, told

QUICK = RealtimeOptions(first_audio_ms=50, transcription_ms=(50, 80))
GREETING = (SPEECH / "greeting.ulaw").read_bytes()
COUGH, MM_HM = Play(path=CALLS / "cough.ulaw"), Play(path=CALLS / "mm_hm.ulaw")
INTERRUPT = Play(path=CALLS / "interruption.ulaw")
PACKET_MS = 20


def agents(folder: Path, *lines: str) -> Path:
    """An agent that greets, in mode `gateway`."""
    text = "\n".join(['greeting = "Greet."', 'interruption = "gateway"', *lines])
    (folder / "assistant.toml").write_text(text)
    (folder / "assistant.md").write_text("Help.")
    return folder


async def called(
    running: House, *steps: Step, network: Network | None = None
) -> tuple[Any, Session]:
    """A whole call; the carrier's call and the model's session."""
    call = running.place(*steps, network=network)
    await running.ended(call)
    return call, running.model.sessions[0]


def without_the_pause(heard: bytes, before: int) -> bytes:
    """What was heard of the greeting, the pause in it left out, silence being all there was."""
    begin = heard.index(GREETING[:before])
    rest = heard[begin + before :]
    pause = rest.find(GREETING[before:])
    assert pause > 0, "something of the greeting is missing or was heard twice"
    assert rest[:pause] == b"\xff" * pause
    return heard[begin:][:before] + rest[pause:][: len(GREETING) - before]


def asked(session: Session) -> list[str]:
    """What the model was asked to do, caller audio and settings left out."""
    left_out = ("input_audio_buffer.append", "session.update")
    kinds = [row["event"]["type"] for row in session.trace if row["dir"] == "C" and "event" in row]
    return [kind for kind in kinds if kind not in left_out]


@pytest.mark.asyncio
@pytest.mark.parametrize("delay_ms", [0, 60])
async def test_a_cough_costs_a_pause_and_nothing_else(tmp_path: Path, delay_ms: int) -> None:
    """What the caller heard is the greeting byte for byte, and the model's conversation has no
    trace of the cough.
    """
    async with house(QUICK, agents_dir=agents(tmp_path), packet_ms=PACKET_MS) as running:
        call, session = await called(
            running,
            WaitForAgent(heard_ms=900),
            COUGH,
            Pause(ms=400),
            WaitForSilence(ms=900),
            HangUp(),
            network=Network(delay_ms=delay_ms),
        )
        assert len(call.clears) == 1
        assert call.clears[0].cleared_bytes > 0
        assert without_the_pause(call.heard, call.clears[0].heard_bytes_total) == GREETING
        assert asked(session) == ["response.create", "conversation.item.delete"]
        assert [(item.role, item.type) for item in session.conversation] == [
            ("assistant", "message")
        ]
        (alarm,) = running.of(FalseAlarm, call.sid)
        assert alarm.paused_ms > 0
        assert running.of(BargeIn, call.sid) == running.of(CallerStopped, call.sid) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("delay_ms", [0, 80])
async def test_a_real_interruption_is_exact_and_answered(tmp_path: Path, delay_ms: int) -> None:
    """Cancelled or not any more, truncated at what was heard, and answered once."""
    async with house(QUICK, agents_dir=agents(tmp_path), packet_ms=PACKET_MS) as running:
        call, session = await called(
            running,
            WaitForAgent(heard_ms=900),
            INTERRUPT,
            WaitForAgent(heard_ms=300),
            HangUp(),
            network=Network(delay_ms=delay_ms),
        )
        (cut,) = told(session, "C", "conversation.item.truncate")
        assert abs(cut["audio_end_ms"] - call.clears[-1].heard_bytes_total / 8) <= 40
        assert len(told(session, "C", "response.create")) == 2
        assert [row["type"] for row in told(session, "S", "error")] == []
        (stopped,) = running.of(CallerStopped, call.sid)
        (reply,) = [e.turn for e in running.of(TurnDone, call.sid) if e.turn.kind == "reply"]
        assert stopped.at_ms > 0
        assert reply.response_ms is not None
        assert GREETING[-800:] not in call.heard


@pytest.mark.asyncio
@pytest.mark.parametrize("ignored", [True, False])
async def test_mm_hm_stops_the_agent_or_not(tmp_path: Path, ignored: bool) -> None:
    """As the agent's file says."""
    lines = ("[turns]", f"backchannel_ms = {700 if ignored else 0}")
    async with house(QUICK, agents_dir=agents(tmp_path, *lines), packet_ms=PACKET_MS) as running:
        call, session = await called(
            running, WaitForAgent(heard_ms=900), MM_HM, Pause(ms=1500), HangUp()
        )
        assert len(running.of(FalseAlarm, call.sid)) == ignored
        assert len(running.of(BargeIn, call.sid)) == (not ignored)
        assert len(told(session, "C", "response.create")) == (1 if ignored else 2)


@pytest.mark.asyncio
async def test_a_greeting_that_must_be_heard_is_heard(tmp_path: Path) -> None:
    """The caller talks over it: it is neither held back nor cut, and then there is an answer."""
    lines = ("[turns]", 'uninterruptible = ["greeting"]')
    async with house(QUICK, agents_dir=agents(tmp_path, *lines), packet_ms=PACKET_MS) as running:
        call, session = await called(
            running, WaitForAgent(heard_ms=300), INTERRUPT, Pause(ms=3500), HangUp()
        )
        assert call.clears == []
        assert hears(call, GREETING)
        assert len(told(session, "C", "response.create")) == 2


@pytest.mark.asyncio
async def test_a_short_answer_is_an_answer(tmp_path: Path) -> None:
    """The agent is silent: `yes` is a turn, however short."""
    async with house(QUICK, agents_dir=agents(tmp_path), packet_ms=PACKET_MS) as running:
        call, session = await called(
            running,
            WaitForAgent(heard_ms=300),
            WaitForSilence(ms=700),
            Play(path=CALLS / "yes.ulaw"),
            WaitForAgent(heard_ms=300),
            HangUp(),
        )
        assert len(told(session, "C", "response.create")) == 2
        assert running.of(FalseAlarm, call.sid) == []
