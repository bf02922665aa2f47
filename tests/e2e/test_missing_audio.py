"""Frames that never come, over whole calls: turns end, and the model's clock is the carrier's."""

import dataclasses

import pytest

from gateway.core.events import CallerStopped
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import HangUp, Mute, Network, Pause, Play, WaitForAgent, WaitForSilence
from tests.e2e.harness import CALLS, SPEECH, House, hears, house, told

QUICK = RealtimeOptions(first_audio_ms=50, transcription_ms=(50, 80))
QUESTION = (CALLS / "order_question.ulaw").read_bytes()
HALF = QUESTION[: 1800 * 8]
ACK = (SPEECH / "order_question_ack.ulaw").read_bytes()
SILENCE_MS = 500
"""What ends a turn with the shipped agent."""


def offset_ms(said: bytes, piece: bytes, running: House) -> float:
    """Where a piece of the caller's audio ends, from the first frame on."""
    first_ms = running.twin.options.first_timestamp_ms
    return (said.index(piece) + len(piece)) / 8 - first_ms


@pytest.mark.asyncio
async def test_a_caller_who_is_muted_in_mid_sentence_is_answered() -> None:
    """The turn ends while nothing comes from the carrier, where the sound ended."""
    async with house(QUICK) as running:
        call = running.place(
            WaitForAgent(heard_ms=300),
            WaitForSilence(ms=700),
            Play(payload=HALF),
            Mute(ms=5000),
            HangUp(),
        )
        ended = await running.ended(call)
        session = running.model.sessions[0]
        (stopped,) = told(session, "S", "input_audio_buffer.speech_stopped")
        expected_ms = offset_ms(call.said, HALF, running) + SILENCE_MS
        assert abs(stopped["audio_end_ms"] - expected_ms) <= 250  # the words fade before the cut
        assert len(running.of(CallerStopped, call.sid)) == 1
        assert hears(call, ACK)
        assert len(session.input_audio) > ended.inbound_frames * 160 + 4000 * 8


@pytest.mark.asyncio
async def test_after_a_mute_the_clock_is_true() -> None:
    """What is said behind it begins for the model where it begins for the carrier."""
    async with house(QUICK) as running:
        call = running.place(
            WaitForAgent(heard_ms=300),
            WaitForSilence(ms=700),
            Mute(ms=2000),
            Play(payload=QUESTION),
            Pause(ms=1000),
            HangUp(),
        )
        await running.ended(call)
        session = running.model.sessions[0]
        heard = bytes(session.input_audio)
        assert QUESTION in heard
        at_ms = (heard.index(QUESTION) + len(QUESTION)) / 8
        assert abs(at_ms - offset_ms(call.said, QUESTION, running)) <= 20
        (stopped,) = told(session, "S", "input_audio_buffer.speech_stopped")
        assert abs(stopped["audio_end_ms"] - at_ms - SILENCE_MS) <= 250


@pytest.mark.asyncio
async def test_lost_frames_are_silence_of_their_length() -> None:
    """Three in a hundred: the caller is understood, and no offset drifts."""
    async with house(dataclasses.replace(QUICK, seed=3)) as running:
        call = running.place(
            WaitForAgent(heard_ms=300),
            WaitForSilence(ms=700),
            Play(payload=QUESTION),
            WaitForAgent(heard_ms=300),
            HangUp(),
            network=Network(loss=0.03, seed=5),
        )
        ended = await running.ended(call)
        session = running.model.sessions[0]
        padded = len(session.input_audio) // 160 - ended.inbound_frames
        assert padded >= 3
        assert len(told(session, "S", "input_audio_buffer.speech_stopped")) == 1
        audio = bytes(session.input_audio)
        first_bytes = running.twin.options.first_timestamp_ms * 8
        said = call.said[first_bytes:][: len(audio)]
        differing = sum(
            audio[at : at + 160] not in (said[at : at + 160], b"\xff" * 160)
            for at in range(0, len(audio), 160)
        )
        assert differing == 0
