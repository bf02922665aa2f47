"""The control of a standalone twin."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.sim.twilio import PhoneNumber, TwilioOptions, TwilioTwin
from tests.sim.twilio.peer import ACCOUNT, CALLER, NUMBER, TOKEN, Peer


@pytest.mark.asyncio
async def test_a_call_can_be_placed_followed_and_ended_over_http(tmp_path: Path) -> None:
    """With a script in JSON, its truth, its recording, the caller's hands and the debugger."""
    (tmp_path / "hello.ulaw").write_bytes(b"\x01" * 800)
    peer = Peer()
    await peer.start()
    number = PhoneNumber(NUMBER, voice_url=f"{peer.url}/voice")
    twin = TwilioTwin(TwilioOptions(ACCOUNT, TOKEN, numbers=(number,)), sounds=tmp_path)
    await twin.start()
    peer.answers["/voice"] = peer.connect()
    async with httpx2.AsyncClient(base_url=twin.url, auth=(ACCOUNT, TOKEN)) as http:
        order: dict[str, Any] = {
            "to": NUMBER,
            "from": CALLER,
            "caller": [{"step": "play", "path": "hello.ulaw"}],
        }
        made = (await http.post("/twin/calls", json=order)).json()
        call = twin.calls[made["call_sid"]]
        assert (made["to"], made["from"], made["state"]) == (NUMBER, CALLER, "queued")
        await call.until("caller-quiet", 10)
        path = f"/twin/calls/{call.sid}"
        assert (await http.post(f"{path}/press", json={"digits": "1"})).status_code == 204
        assert (await http.post(f"{path}/hang-up")).status_code == 204
        await call.wait(10)
        shown = (await http.get(path)).json()
        assert shown["reason"] == "caller-hangup"
        assert [e["kind"] for e in shown["timeline"]][:2] == ["ringing", "webhook"]
        assert [each["call_sid"] for each in (await http.get("/twin/calls")).json()] == [call.sid]
        sound = await http.get(f"{path}/audio.wav")
        assert (sound.headers["content-type"], sound.content[:4]) == ("audio/wav", b"RIFF")
        assert (await http.get("/twin/debugger")).json() == []
        dropped = (await http.post("/twin/calls", json={"to": NUMBER})).json()["call_sid"]
        await twin.calls[dropped].until("stream-started", 10)
        assert (await http.post(f"/twin/calls/{dropped}/drop")).status_code == 204
        await twin.calls[dropped].wait(10)
        assert twin.calls[dropped].end_reason == "dropped"
    await twin.stop()
    await peer.stop()


@pytest.mark.asyncio
async def test_mistakes_are_answered_and_strangers_are_not() -> None:
    """A wrong number, a wrong step, no JSON, an unknown call, no password."""
    twin = TwilioTwin(TwilioOptions(ACCOUNT, TOKEN, numbers=(PhoneNumber(NUMBER),)))
    await twin.start()
    async with httpx2.AsyncClient(base_url=twin.url, auth=(ACCOUNT, TOKEN)) as http:
        for body in (
            b'{"to": "+1"}',
            b'{"to": "%s", "caller": [{}]}' % NUMBER.encode(),
            b"{",
            b"1",
        ):
            answer = await http.post("/twin/calls", content=body)
            assert (answer.status_code, answer.json()["code"]) == (400, 20001)
        assert (await http.get("/twin/calls/CA1")).status_code == 404
    async with httpx2.AsyncClient(base_url=twin.url) as stranger:
        assert (await stranger.get("/twin/calls")).status_code == 401
    await twin.stop()
