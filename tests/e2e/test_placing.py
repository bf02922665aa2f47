"""Phones are rung through the twin's REST API, and what became of each is known."""

from pathlib import Path

import pytest

from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import Callee, HangUp, Play, WaitForAgent, WaitForSilence
from tests.e2e.harness import CALLS, NUMBER
from tests.e2e.phones import CALLEE, calling_house, outcome, ring, rung

FAST = RealtimeOptions(first_audio_ms=50, transcription_ms=(50, 80))
ASKS = (
    WaitForAgent(heard_ms=500),
    WaitForSilence(ms=700),
    Play(path=CALLS / "order_question.ulaw"),
    WaitForAgent(heard_ms=500),
    WaitForSilence(ms=600),
    HangUp(),
)


@pytest.mark.asyncio
async def test_a_phone_is_rung_answered_and_talks(tmp_path: Path) -> None:
    """The callee hears the agent, asks, is answered, and hangs up; all of it is in the view."""
    callee = Callee(CALLEE, ring_ms=200, script=ASKS)
    async with calling_house(tmp_path, callee, options=FAST) as running:
        asked = await ring(running)
        assert asked["state"] == "waiting"
        view = await outcome(running, asked["id"])
        (call,) = rung(running)
        assert view["call_sid"] == call.sid
        assert (view["outcome"], view["well"], view["from"]) == ("completed", True, NUMBER)
        assert view["call_reason"] in ("caller_hung_up", "carrier_completed")
        assert view["turns"] >= 2
        assert view["cost_usd"] > 0
        assert view["duration_ms"] > 1000
