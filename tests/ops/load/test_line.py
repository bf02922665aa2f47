"""One caller on the line, against a gateway of the tests' own."""

import base64
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.ops.load.harness import SPEECH, a_fixture, an_order, called
from tests.ops.load.peer import TONE, Peer, is_loud, listening

HEARS = {"step": "wait_for_agent", "heard_ms": 100, "timeout_ms": 3000}
SILENCE = {"step": "wait_for_silence", "ms": 200}
SAYS = {"step": "play", "path": "speech.ulaw"}
HANGS_UP = {"step": "hang_up"}
pytestmark = pytest.mark.asyncio


async def test_a_conversation_from_greeting_to_hang_up(tmp_path: Path) -> None:
    """Everything is heard, every frame is there in order, marks come back, nothing is refused."""
    fixture = a_fixture(tmp_path, HEARS, SILENCE, SAYS, HEARS, HANGS_UP)
    async with listening(Peer()) as peer:
        (record,) = await called(an_order(peer, fixture))
    assert (record.failure, record.detail, record.end) == ("", "", "caller")
    assert record.answer_ms is not None
    assert len(record.turns) == 1
    assert record.interruptions == []
    assert peer.badly_signed == 0
    assert peer.starts[0]["customParameters"] == {"ticket": "t&1"}
    assert [message["event"] for message in peer.heard[:2]] == ["connected", "start"]
    assert peer.heard[-1]["event"] == "stop"
    numbered = [int(message["sequenceNumber"]) for message in peer.heard[1:]]
    assert numbered == list(range(1, len(numbered) + 1))
    frames = [message["media"] for message in peer.events("media")]
    assert [int(frame["chunk"]) for frame in frames] == list(range(1, len(frames) + 1))
    times = [int(frame["timestamp"]) for frame in frames]
    assert times == list(range(155, 155 + 20 * len(times), 20))
    assert len(frames) == record.frames
    loud = b"".join(
        base64.b64decode(m["media"]["payload"]) for m in peer.events("media") if is_loud(m)
    )
    assert loud == SPEECH
    assert [mark["mark"]["name"] for mark in peer.events("mark")] == ["said"]


async def test_an_interruption_is_measured(tmp_path: Path) -> None:
    """From the caller's word to the clear; the marks of what was cut off come back."""
    fixture = a_fixture(tmp_path, HEARS, SAYS, {"step": "pause", "ms": 300}, HANGS_UP)
    async with listening(Peer(tone=TONE * 8)) as peer:
        (record,) = await called(an_order(peer, fixture))
    (wait,) = record.interruptions
    assert wait.ms > 0
    assert "interrupted" in [note.kind for note in record.notes]
    assert len(peer.events("mark")) >= 1


async def test_keys_mute_and_vanishing(tmp_path: Path) -> None:
    """Keys arrive, a muted line sends nothing while its timestamps go on, a dropped one no stop."""
    steps = (
        {"step": "dtmf", "digits": "4#"},
        {"step": "mute", "ms": 200},
        {"step": "pause", "ms": 60},
    )
    fixture = a_fixture(tmp_path, HEARS, *steps, {"step": "drop"})
    async with listening(Peer()) as peer:
        (record,) = await called(an_order(peer, fixture))
    assert [message["dtmf"]["digit"] for message in peer.events("dtmf")] == ["4", "#"]
    times = [int(message["media"]["timestamp"]) for message in peer.events("media")]
    assert 220 in [b - a for a, b in pairwise(times)]
    assert peer.events("stop") == []
    assert (record.failure, record.end) == ("", "caller")


@pytest.mark.parametrize(
    ("told", "failure", "detail"),
    [
        ({"refuses": True}, "upgrade_refused", "31920"),
        ({"mute": True}, "no_answer", "in vain"),
        ({"closes": 1011}, "dropped", "1011"),
        ({"status": 500}, "webhook_status", "500"),
        ({"twiml": "<Response><Reject/></Response>"}, "busy", "<Reject>"),
        ({"nonsense": '{"event":"dance"}'}, "protocol_error", "31951"),
    ],
)
async def test_a_call_that_fails_has_its_reason(
    tmp_path: Path, told: dict[str, Any], failure: str, detail: str
) -> None:
    """One word and what was seen."""
    waits = {**HEARS, "timeout_ms": 400}
    fixture = a_fixture(tmp_path, waits, {"step": "pause", "ms": 200}, HANGS_UP)
    async with listening(Peer(**told)) as peer:
        (record,) = await called(an_order(peer, fixture))
    assert record.failure == failure
    assert detail in record.detail


async def test_a_gateway_may_hang_up(tmp_path: Path) -> None:
    """With a proper close; what it wants next is asked, and the caller is still there."""
    fixture = a_fixture(tmp_path, {"step": "pause", "ms": 5000}, HANGS_UP)
    async with listening(Peer(closes=1000)) as peer:
        (record,) = await called(an_order(peer, fixture))
    assert (record.failure, record.end) == ("", "agent")
    assert [form["CallStatus"] for form in peer.nexts] == ["in-progress"]
    assert record.notes[-1].detail == "<Hangup>"


async def test_nobody_heard_is_a_failure(tmp_path: Path) -> None:
    """Though the caller never waited for anybody."""
    fixture = a_fixture(tmp_path, {"step": "pause", "ms": 200}, HANGS_UP)
    async with listening(Peer(mute=True)) as peer:
        (record,) = await called(an_order(peer, fixture))
    assert record.failure == "no_audio"


async def test_a_bad_network_loses_and_delays(tmp_path: Path) -> None:
    """Lost frames are missing from the count; what arrives is in order."""
    fixture = a_fixture(tmp_path, HEARS, SILENCE, SAYS, HEARS, HANGS_UP)
    async with listening(Peer()) as peer:
        order = an_order(peer, fixture, loss=0.2, jitter_ms=60.0, delay_ms=20.0)
        (record,) = await called(order)
    assert record.failure == ""
    assert record.lost > 0
    chunks = [int(message["media"]["chunk"]) for message in peer.events("media")]
    assert chunks == sorted(chunks)
    assert peer.heard[-1]["event"] == "stop"
    # What was sent last may still have been under way when the socket was closed.
    assert len(chunks) <= record.frames
    assert record.turns[0].ms >= 2 * 20


async def test_who_holds_speaks_again_and_again(tmp_path: Path) -> None:
    """Until the time is over; then the caller hangs up."""
    fixture = a_fixture(tmp_path, SAYS, {"step": "wait_for_silence", "ms": 100}, HANGS_UP)
    async with listening(Peer()) as peer:
        (record,) = await called(an_order(peer, fixture, hold_s=3.0))
    assert (record.failure, record.end) == ("", "caller")
    loud = sum(is_loud(message) for message in peer.events("media"))
    assert loud >= 2 * len(SPEECH) / 160
