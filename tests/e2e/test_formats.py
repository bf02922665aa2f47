"""Models that speak other formats than the line: the caller hears what was said, or an apology.

Levels, likeness and place are measured between what one end put on the wire and what the other end
got, in samples: the offline server's own conversions are not what is looked at.
"""

import base64
import dataclasses
import math
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.core.events import BargeIn, ModelLost
from gateway.core.g711 import audioop, to_pcm16
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.realtime.formats import PCM, AudioFormat
from gateway.sim.realtime.session import Session
from gateway.sim.twilio import HangUp, Pause, Play, TwinCall, WaitForAgent, WaitForSilence
from tests.e2e.harness import PHRASES, House, heard_whole, house, told
from tests.e2e.scenes import agents_in, goertzel, on_campaign, scene
from tests.fixtures import payload_of
from tests.sim.realtime.harness import FAST, tone

WIRE = {"g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma", "pcm16": "audio/pcm"}
MIXED = {
    "alaw": ("g711_alaw", "g711_alaw"),
    "pcm": ("pcm16", "pcm16"),
    "alaw_pcm": ("g711_alaw", "pcm16"),
    "pcm_ulaw": ("pcm16", "g711_ulaw"),
}
"""What the model hears and what it says, by agent."""


def formats(heard: str, said: str, greeting: str = "") -> str:
    """An agent's file whose model hears and says these formats."""
    lines = (
        greeting,
        "[model]",
        f'input_audio_format = "{heard}"',
        f'output_audio_format = "{said}"',
    )
    return "\n".join(lines)


class Match(NamedTuple):
    """Where a piece of sound is found in another one, and how much of it."""

    at: int
    """In samples."""
    gain_db: float
    likeness: float
    """1 for the same sound, whatever its level."""


def found(piece: bytes, whole: bytes) -> Match:
    """The best place of a piece in a whole, both 16-bit samples."""
    # Never quite silent: in silence everything would fit.
    at, factor = audioop.findfit(audioop.bias(whole, 2, 1), piece)
    there = whole[2 * at : 2 * at + len(piece)]
    gain = audioop.rms(there, 2) / audioop.rms(piece, 2)
    return Match(at, 20 * math.log10(gain), factor / gain)


def at_8_khz(session: Session, audio: bytes, side: str) -> bytes:
    """A session's audio as 16-bit samples of the line; of 24 kHz every third sample is one."""
    formatted = getattr(session.config, f"{side}_format")
    linear = memoryview(formatted.linear(audio)).cast("h")
    return linear[:: 3 if formatted is PCM else 1].tobytes()


def model_said(session: Session) -> bytes:
    """All of the model's speech, as it left."""
    deltas = told(session, "S", "response.output_audio.delta")
    return b"".join(base64.b64decode(event["delta"]) for event in deltas)


def same(one: bytes, other: bytes) -> int:
    """Two pieces of one sound are in the other: as loud, alike, and as far apart.

    Returns how much later in the other one, in samples.
    """
    starts = [n for n in range(0, len(one) - 1600, 800) if audioop.rms(one[n : n + 1600], 2) > 2000]
    early, late = (found(one[start : start + 1600], other) for start in (starts[0], starts[-1]))
    assert starts[-1] - starts[0] >= 3200
    assert late.at - early.at == (starts[-1] - starts[0]) // 2
    for match in (early, late):
        assert abs(match.gain_db) < 0.5
        assert match.likeness > 0.98
    return early.at - starts[0] // 2


def agents_of_all_formats(folder: Path, greeting: str = "") -> Path:
    """An agent for each of them, with a campaign of its name."""
    files = {f"{name}_toml": formats(*both, greeting) for name, both in MIXED.items()}
    files |= {f"{name}_md": "Echo." for name in MIXED}
    routes = [f'[[route]]\ncampaign = "{name}"\nagent = "{name}"' for name in MIXED]
    return agents_in(folder, routes_toml="\n".join(routes), **files)


@pytest.mark.asyncio
async def test_models_of_all_formats_converse(tmp_path: Path) -> None:
    """Each hears what its caller said, and its caller hears what it said: the same, sent back."""
    agents = agents_of_all_formats(tmp_path)
    words = payload_of("hello")
    steps = (Play(payload=words), WaitForAgent(heard_ms=300), WaitForSilence(ms=700), HangUp())
    options = RealtimeOptions(script="echo", **FAST)
    async with house(options, agents_dir=agents, agent="a") as running:
        placed = {name: on_campaign(running, name, *steps) for name in MIXED}
        for name, call in placed.items():
            assert (await running.ended(call)).reason == "caller_hung_up", name
        for name, call in placed.items():
            session = speaking(running, *MIXED[name])
            said, heard = to_pcm16(words), to_pcm16(call.heard)
            assert same(said, at_8_khz(session, bytes(session.input_audio), "input")) == 0
            same(at_8_khz(session, model_said(session), "output"), heard)
            echo = found(said[4800:12800], heard)
            assert abs(echo.gain_db) < 0.5
            assert echo.likeness > 0.98


def speaking(running: House, hears: str, says: str) -> Session:
    """The model's session with these formats."""
    wanted = (WIRE[hears], WIRE[says])
    (session,) = (
        each
        for each in running.model.sessions
        if (each.config.input_format.type, each.config.output_format.type) == wanted
    )
    return session


GREETS = 'greeting = "Hello."'
MOST_NOISE = 8000
"""Bytes of the line: a second."""


@pytest.mark.asyncio
async def test_a_tone_stays_a_tone_both_ways(tmp_path: Path) -> None:
    """1 kHz, as loud as it was, without a click at any seam between messages."""
    agents = agents_of_all_formats(tmp_path, GREETS)
    options = scene(tmp_path, '[greeting]\nsay = "tone"\n[otherwise]\nsay = "else"', {"tone": 1000})
    (tmp_path / "speech" / "tones" / "tone.ulaw").write_bytes(tone(1000, hz=1000))
    steps = (WaitForAgent(heard_ms=960), WaitForSilence(ms=200), Play(payload=tone(1000, hz=1000)))
    async with house(options, agents_dir=agents, agent="a") as running:
        placed = {name: on_campaign(running, name, *steps, HangUp()) for name in MIXED}
        from_caller = purest(to_pcm16(tone(1000, hz=1000)), 8000)
        for name, call in placed.items():
            await running.ended(call)
            session = speaking(running, *MIXED[name])
            took = session.config.input_format
            gave = session.config.output_format
            at_model = purest(took.linear(bytes(session.input_audio)), rate_of(took))
            from_model = purest(gave.linear(model_said(session)), rate_of(gave))
            at_caller = purest(to_pcm16(call.heard), 8000)
            for left, came in ((from_caller, at_model), (from_model, at_caller)):
                assert abs(came.level_db - left.level_db) < 0.5, name
                assert came.purity_db > 35, name


def rate_of(formatted: AudioFormat) -> int:
    """Samples per second."""
    return 1000 * formatted.bytes_per_ms // formatted.sample_bytes


class Tone(NamedTuple):
    """What is left of a tone."""

    level_db: float
    purity_db: float
    """Over all that is beside it, in the worst 20 ms: a click fills them."""


def purest(pcm: bytes, rate: int) -> Tone:
    """The 1 kHz in the loud part of 16-bit samples."""
    linear, size = list(memoryview(pcm).cast("h")), rate // 50
    pieces = [linear[start : start + size] for start in range(0, len(linear) - size, size)]
    loud = [piece for piece in pieces if max(piece) > 3000][2:-2]  # its ends are no tone
    assert len(loud) > 40
    tones = [goertzel(piece, 1000, rate) for piece in loud]
    beside = [sum(n * n for n in piece) - t for piece, t in zip(loud, tones, strict=True)]
    ratios = (t / max(1.0, rest) for t, rest in zip(tones, beside, strict=True))
    return Tone(10 * math.log10(sum(tones) / len(tones) / size), 10 * math.log10(min(ratios)))


# The door of interruption


@pytest.mark.asyncio
async def test_an_interruption_is_told_in_milliseconds_of_the_models_own_audio(
    tmp_path: Path,
) -> None:
    """In every format: where the caller stopped listening, to two frames and the lag."""
    agents = agents_of_all_formats(tmp_path, GREETS)
    options = scene(tmp_path, '[greeting]\nsay = "story"\n[otherwise]\nsay = "else"')
    steps = (WaitForAgent(heard_ms=1500), Play(payload=tone(300)), Pause(ms=300), HangUp())
    async with house(options, agents_dir=agents, agent="a") as running:
        placed = {name: on_campaign(running, name, *steps) for name in MIXED}
        for name, call in placed.items():
            await running.ended(call)
            (barge_in,) = running.of(BargeIn, call.sid)
            (clear,) = call.clears
            session = speaking(running, *MIXED[name])
            (truncate,) = told(session, "C", "conversation.item.truncate")
            assert truncate["audio_end_ms"] == barge_in.heard_ms
            off_ms = abs(barge_in.heard_ms - clear.heard_bytes_total / 8)
            assert off_ms <= 40 + max(running.twin.clock_lateness_ms), name
            assert told(session, "S", "error") == []
            item = session.conversation.retrieve(truncate["item_id"])
            assert abs(item.audio_ms - barge_in.heard_ms) <= 1


# A server that does not keep its word


@pytest.mark.asyncio
async def test_a_server_that_ignores_the_format_is_found_out_before_it_speaks(
    tmp_path: Path,
) -> None:
    """Who asked for something else than it speaks hears an apology, and nothing before it."""
    agents = agents_of_all_formats(tmp_path, GREETS)
    options = scene(tmp_path, '[greeting]\nsay = "hello"\n[otherwise]\nsay = "else"')
    options = dataclasses.replace(options, ignore_format=True)
    async with house(options, agents_dir=agents, agent="a") as running:
        placed = {name: on_campaign(running, name, *AGENT_HEARD) for name in MIXED}
        ended = {name: (await running.ended(call)).reason for name, call in placed.items()}
        wrong = "model_audio_format"
        assert ended == dict.fromkeys(MIXED, wrong) | {"pcm": "caller_hung_up"}
        for name in ended.keys() - {"pcm"}:
            assert noise_before_apology(placed[name]) == b""


AGENT_HEARD = (WaitForAgent(heard_ms=500), WaitForSilence(ms=400), HangUp())


@pytest.mark.asyncio
async def test_a_server_that_lies_about_the_format_is_found_out_by_its_voice(
    tmp_path: Path,
) -> None:
    """It confirms G.711 and sends 16-bit samples: an apology after less than a second of noise."""
    agents = agents_of_all_formats(tmp_path, GREETS)
    options = RealtimeOptions(lie_about_format=True, **{**FAST, "speed": 4.5})
    async with house(options, agents_dir=agents, agent="a") as running:
        placed = {name: on_campaign(running, name) for name in ("alaw", "pcm_ulaw")}
        for name, call in placed.items():
            assert (await running.ended(call)).reason == "model_audio_format"
            (lost,) = running.of(ModelLost, call.sid)
            assert lost.detail == f"the audio looks like pcm16, not {WIRE[MIXED[name][1]]}"
            assert len(noise_before_apology(call)) <= MOST_NOISE


def noise_before_apology(call: TwinCall) -> bytes:
    """What the caller heard until the apology began."""
    (apology,) = heard_whole(call, (PHRASES / "apology.ulaw").read_bytes())
    return call.heard[: apology.begin].strip(b"\xff")
