"""The twin as a whole: a call through a real application and back."""

import pytest

from gateway.errors import ConfigError
from gateway.sim.twilio import HangUp, Pause, Play
from tests.sim.twilio.peer import CALLER, NUMBER, codes, echo, peer_and_twin

SPEECH = bytes(range(160)) * 10


@pytest.mark.asyncio
async def test_an_echoing_application_is_heard_with_what_was_said() -> None:
    """What the caller says comes back byte for byte, and the call ends when he hangs up."""
    async with peer_and_twin() as (peer, twin):
        peer.answers["/voice"] = peer.connect()
        peer.on_media = echo
        script = (Play(payload=SPEECH), Pause(200), HangUp())
        call = twin.place_call(NUMBER, CALLER, script)
        await call.wait(10)
    assert SPEECH in call.said
    assert SPEECH in call.heard.replace(b"\xff", b"")  # an echo runs dry between frames
    assert call.end_reason == "caller-hangup"
    assert call.status == "completed"
    assert codes(twin) == []
    assert [m["event"] for m in peer.streams[0].messages[:2]] == ["connected", "start"]
    assert peer.streams[0].messages[-1]["event"] == "stop"
    assert all(hook.signed for hook in peer.hooks)


@pytest.mark.asyncio
async def test_a_number_the_account_does_not_have_cannot_be_called() -> None:
    """A wrong number is a mistake of whoever places the call, told at once."""
    async with peer_and_twin() as (_peer, twin):
        with pytest.raises(ConfigError, match=r"\+15559999999"):
            twin.place_call("+15559999999")
