"""The notary's phone over whole calls: what must not be said, and an office that may not answer."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from gateway.core.events import (
    BargeIn,
    CallAnswered,
    GuardrailTripped,
    ModelLost,
    TransferFailed,
    TransferStarted,
)
from gateway.core.g711 import audioop
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import (
    Callee,
    HangUp,
    Pause,
    Play,
    Step,
    TwinCall,
    WaitForAgent,
    WaitForSilence,
)
from gateway.sim.twilio.steps import load_payload
from tests.e2e.harness import (
    CALLS,
    LIMIT_S,
    ROOT,
    House,
    heard_part,
    heard_whole,
    hears,
    house,
    told,
)

LINES = ROOT / "gateway" / "sim" / "speech" / "notary"
QUICK = RealtimeOptions(script="notary", first_audio_ms=50, transcription_ms=(50, 80))
OFFICE = "+12025550123"
HELLO = Play(path=CALLS / "hello.ulaw")
CONNECT_ME = Play(path=CALLS / "connect_me.ulaw")
BYE = Play(path=CALLS / "thanks_goodbye.ulaw")
SENTENCE_GAP_MS = 250
NOTE = "The transfer to 'office' failed: {}. The caller is back on the line with you."
RINGS_S = 5
"""How long the office's phone rings here; the shortest a directory may say."""
STRAIGHT = """
name = "straight"
voice = "notary"
[[turn]]
heard = "Please connect me with the office."
say = "connecting"
call = { name = "transfer_call", arguments = { destination = "office" } }
[[on_text]]
match = "The transfer to .* failed"
say = "nobody"
[[turn]]
heard = "Thank you, goodbye."
say = "goodbye"
call = { name = "end_call" }
"""
"""The notary's script without what comes before the wish to be connected."""


def line(name: str) -> bytes:
    """What the offline agent says, as mu-law."""
    return (LINES / f"{name}.ulaw").read_bytes()


def second_sentence_ms(recording: bytes) -> float:
    """Where the words after the first long pause begin."""
    quiet = 0
    for start in range(0, len(recording), 160):
        frame = audioop.ulaw2lin(recording[start : start + 160], 2)
        if audioop.rms(frame, 2) < 100:
            quiet += 20
        elif quiet >= SENTENCE_GAP_MS and start / 8 > quiet:
            return start / 8
        else:
            quiet = 0
    raise ValueError("there is one sentence only")


@pytest.mark.asyncio
async def test_forbidden_advice_is_cut_off_before_it_is_heard_and_taken_back() -> None:
    """The caller hears the harmless beginning, then the correction, and nothing in between."""
    async with house(QUICK, agent="notary") as running:
        call = running.place(
            WaitForAgent(heard_ms=300),
            WaitForSilence(ms=700),
            Play(path=CALLS / "sue_question.ulaw"),
            WaitForAgent(heard_ms=4500),
            WaitForSilence(ms=700),
            HangUp(),
        )
        ended = await running.ended(call)
        (tripped,) = running.of(GuardrailTripped, call.sid)
        (barge_in,) = running.of(BargeIn, call.sid)
        advice, correction = line("advice"), line("correction")
        said = heard_part(call, advice)
        heard = said.size / 8
        assert (tripped.guardrail, barge_in.cause) == ("no_legal_advice", "guardrail")
        assert ended.reason == "caller_hung_up"
        # The forbidden words are in the second sentence, and not a frame of it was heard.
        assert 0 < heard < second_sentence_ms(advice)
        assert abs(barge_in.heard_ms - heard) <= 40
        (taken_back,) = heard_whole(call, correction)
        assert call.heard[said.end : taken_back.begin].strip(b"\xff") == b""
        (session,) = running.model.sessions
        (truncated,) = told(session, "C", "conversation.item.truncate")
        assert truncated["audio_end_ms"] == barge_in.heard_ms
        item = session.conversation.find(truncated["item_id"])
        assert item is not None
        assert (item.audio_ms, item.transcript) == (barge_in.heard_ms, "")
        statuses = [e["response"]["status"] for e in told(session, "S", "response.done")]
        assert statuses == ["completed", "cancelled", "completed"]


@asynccontextmanager
async def straight_to_the_office(tmp_path: Path, office: Callee) -> AsyncIterator[House]:
    """A house whose notary connects at once; the office is that callee."""
    agents = tmp_path / "agents_config"
    shutil.copytree(ROOT / "agents_config", agents, ignore=shutil.ignore_patterns("__pycache__"))
    routes = f'[directory]\noffice = {{ number = "{OFFICE}", timeout_s = {RINGS_S} }}\n'
    (agents / "routes.toml").write_text(routes)
    (tmp_path / "straight.toml").write_text(STRAIGHT)
    options = RealtimeOptions(script="straight", scripts_dir=tmp_path, first_audio_ms=50)
    async with house(options, agents_dir=agents, agent="notary", callees=(office,)) as running:
        yield running


def ask_for_the_office(running: House, *then: Step) -> TwinCall:
    """A caller who wants to be connected, and what follows when the agent has said that it does."""
    return running.place(CONNECT_ME, WaitForAgent(heard_ms=1500), WaitForSilence(ms=700), *then)


def steps_of(call: TwinCall) -> list[str]:
    """What happened on a line, in order."""
    return [entry.kind for entry in call.timeline]


@pytest.mark.asyncio
async def test_an_office_that_answers_talks_to_the_caller(tmp_path: Path) -> None:
    """The announcement is heard first; both talk; then the call is over, and the model with it."""
    office = Callee(OFFICE, ring_ms=300, script=(HELLO, Pause(ms=4500), HangUp()))
    async with straight_to_the_office(tmp_path, office) as running:
        call = ask_for_the_office(running, Pause(ms=1000), HELLO, Pause(ms=5000), HangUp())
        ended = await running.ended(call)
        assert ended.reason == "transferred"
        assert [each.destination for each in running.of(TransferStarted)] == ["office"]
        assert hears(call, line("connecting"))
        after = steps_of(call)[steps_of(call).index("bridged") :]
        said = [step for step in after if step.startswith("caller")]
        assert said[:2] == ["caller-speaks", "caller-quiet"]
        (leg,) = (each for each in running.twin.calls.values() if each is not call)
        assert (leg.identity.to, leg.identity.from_) == (OFFICE, call.identity.from_)
        assert "caller-speaks" in steps_of(leg)
        hello = load_payload(HELLO)
        assert hears(leg, hello)
        (connecting,), (greeted,) = heard_whole(call, line("connecting")), heard_whole(call, hello)
        assert connecting.end <= greeted.begin
        assert call.end_reason == "hangup"  # ours, when the office had hung up
        (session,) = running.model.sessions
        await asyncio.wait_for(session.closed.wait(), LIMIT_S)
        assert running.of(ModelLost) == running.of(TransferFailed) == []


async def nobody_answers(tmp_path: Path, outcome: Literal["busy", "no-answer"]) -> None:
    """One call to an office that does not answer, and what must be true of it."""
    office = Callee(OFFICE, outcome=outcome, ring_ms=1000)
    async with straight_to_the_office(tmp_path, office) as running:
        call = ask_for_the_office(running, WaitForAgent(heard_ms=1500), WaitForSilence(ms=700), BYE)
        ended = await running.ended(call)
        assert ended.reason == "agent_hung_up"
        (failed,) = running.of(TransferFailed, call.sid)
        assert (failed.destination, failed.status) == ("office", outcome)
        (session,) = running.model.sessions
        assert len(running.of(CallAnswered, call.sid)) == len(call.streams) == 2
        notes = [item.text for item in session.conversation if item.role == "system"]
        assert notes == [NOTE.format(outcome)]
        names = ("connecting", "nobody", "goodbye")
        heard = [part.begin for name in names for part in heard_whole(call, line(name))]
        assert heard == sorted(heard)
        assert running.of(BargeIn) == running.of(ModelLost) == []
        assert {entry.code for entry in running.twin.debugger} <= {31921}


@pytest.mark.asyncio
async def test_a_caller_nobody_answers_is_back_with_the_same_agent(tmp_path: Path) -> None:
    """Busy or not there: it knows which, says so at once and to the end, and goes on as before."""
    await asyncio.gather(
        nobody_answers(tmp_path / "1", "busy"), nobody_answers(tmp_path / "2", "no-answer")
    )


@pytest.mark.asyncio
async def test_a_caller_who_gives_up_while_it_rings_leaves_nobody_behind(tmp_path: Path) -> None:
    """The office's phone stops ringing, and the model is let go.

    The carrier reports a `completed` call, which is what it also reports of two who talked.
    """
    async with straight_to_the_office(tmp_path, Callee(OFFICE, ring_ms=4000)) as running:
        call = ask_for_the_office(running)
        await call.until("dial", LIMIT_S)
        call.hang_up()
        ended = await running.ended(call)
        assert ended.reason == "transferred"
        (leg,) = (each for each in running.twin.calls.values() if each is not call)
        await leg.wait(LIMIT_S)
        assert leg.status == "no-answer"
        assert "answered" not in steps_of(leg)
        (session,) = running.model.sessions
        await asyncio.wait_for(session.closed.wait(), LIMIT_S)
        await asyncio.wait_for(running.reception.registry.wait_empty(), LIMIT_S)
