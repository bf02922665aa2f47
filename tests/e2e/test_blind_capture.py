"""Secrets pressed in whole calls: nobody but a tool with the token learns a digit.

The twin presses each key as an event and lets its tone be heard as well, over the caller's voice,
as carriers do that do not take it out.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.call.call import Call
from gateway.core.blanking import has_tone
from gateway.core.events import BargeIn, CallEvent, DtmfGroup
from gateway.core.g711 import audioop, from_pcm16, to_pcm16
from gateway.core.tones import dtmf
from gateway.observe.logs import event_log
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.realtime.session import Session
from gateway.sim.twilio import Dtmf, HangUp, Pause, Play, Step, TwinCall, WaitForAgent
from gateway.sim.twilio import WaitForSilence as Quiet
from tests.e2e.harness import CALLS, LIMIT_S, House, house, told

PIN, CARD, SHORT = "9047138265", "4111111111111111", "82603917"
"""Long enough not to turn up by chance in a time or an address."""
QUESTION = (CALLS / "order_question.ulaw").read_bytes()
SCRIPT = """
name = "secrets"
voice = "assistant"
[greeting]
say = "greeting"
[[turn]]
say = "order_question_ack"
call = { name = "collect_digits", arguments = { purpose = "the PIN", count = 10 } }
[[on_text]]
match = "pressed"
say = "got_digits"
[[after_tool.collect_digits]]
match = "the PIN"
say = "transfer_ack"
[[after_tool.collect_digits.call]]
name = "collect_digits"
arguments = { purpose = "the card", count = 16, check = "luhn" }
[[after_tool.collect_digits]]
match = "the card|gave up"
say = "anything_else"
[[after_tool.collect_digits]]
say = "transfer_ack"
call = { name = "collect_digits", arguments = { purpose = "the PIN", count = 10, check = "luhn" } }
[otherwise]
say = "anything_else"
"""
ASKED: tuple[Step, ...] = (
    WaitForAgent(heard_ms=300),
    Quiet(ms=700),
    Play(payload=QUESTION),
    WaitForAgent(heard_ms=300),
    Quiet(ms=700),
)
"""The caller asks, and has been asked for the PIN."""


def options(folder: Path) -> RealtimeOptions:
    """An offline model that collects digits."""
    (folder / "secrets.toml").write_text(SCRIPT)
    return RealtimeOptions(
        script="secrets", scripts_dir=folder, first_audio_ms=50, transcription_ms=(50, 80)
    )


def agents(folder: Path) -> Path:
    """An agent that may ask for digits."""
    folder.mkdir()
    (folder / "assistant.toml").write_text('greeting = "Greet."\ntools = ["collect_digits"]\n')
    (folder / "assistant.md").write_text("Help.")
    return folder


def voiced(key: str, at: int) -> bytes:
    """The tone of a key over a piece of the caller's voice."""
    tone = to_pcm16(dtmf(key, 120, 80))
    voice = audioop.mul(to_pcm16(QUESTION[at * 800 :][: len(tone) // 2]), 2, 0.2)
    return from_pcm16(audioop.add(tone, voice.ljust(len(tone), b"\0"), 2))


def typed(keys: str) -> tuple[Step, ...]:
    """Keys, each with its tone."""
    return tuple(
        step
        for at, key in enumerate(keys)
        for step in (Dtmf(key, gap_ms=20), Play(payload=voiced(key, at % 20)))
    )


def tones_in(audio: bytes) -> int:
    """How many windows of 20 ms, every 10 ms, are the tone of a key."""
    return sum(has_tone(audio[at : at + 160]) for at in range(0, len(audio) - 159, 80))


def behind(audio: bytes) -> bytes:
    """What came behind the caller's question."""
    return audio[audio.index(QUESTION) + len(QUESTION) :]


def written(session: Session) -> str:
    """Every event the model got from the gateway, the audio left out."""
    events = [row["event"] for row in session.trace if row["dir"] == "C" and "event" in row]
    return json.dumps([each for each in events if not each["type"].endswith(".append")])


def outputs(session: Session) -> list[str]:
    """What the tools told the model, in order."""
    items = [event["item"] for event in told(session, "C", "conversation.item.create")]
    return [item["output"] for item in items if item["type"] == "function_call_output"]


def everything(call: Call) -> str:
    """What printing the parts of a live call shows."""
    keys, context = call.downstream.keys, call._upstream._context
    parts: list[Any] = [call, keys, keys._secrets, keys._keys, keys._entry, context]
    return repr([*parts, context.control, vars(call)])


class Watched(list[tuple[str, CallEvent]]):
    """The events of a call; with each of them it is logged, and the call is printed as it is."""

    def __init__(self, running: House) -> None:
        super().__init__()
        self._running = running
        self.shown = ""
        self.kept: dict[str, str] = {}
        """The secrets of the call by token."""

    def append(self, event: tuple[str, CallEvent]) -> None:
        """One more event."""
        super().append(event)
        event_log()(*event)
        for call in self._running.reception.registry:
            self.shown += everything(call)
            self.kept |= call.downstream.keys._secrets._digits


@pytest.fixture
def logged(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> Callable[[], str]:
    """Whatever was logged, the SDK's tool arguments and results included."""
    caplog.set_level(logging.DEBUG, "openai.agents")

    def everything_logged() -> str:
        printed = capsys.readouterr()
        return caplog.text + printed.out + printed.err

    return everything_logged


def check_nowhere(secrets: tuple[str, ...], running: House, watched: Watched, logged: str) -> None:
    """Fails when one of the secrets is anywhere but in the call's own safe."""
    session = running.model.sessions[0]
    places = {
        "events to the model": written(session),
        "conversation": " ".join(item.text or "" for item in session.conversation),
        "call events": repr(list(watched)),
        "printed parts": watched.shown,
        "logs": logged,
    }
    assert "dtmf" in logged
    assert [name for name, place in places.items() if any(each in place for each in secrets)] == []
    assert tones_in(behind(bytes(session.input_audio))) == 0


async def held(running: House, *steps: Step) -> tuple[TwinCall, Session, Watched]:
    """A whole call, watched."""
    running.events = watched = Watched(running)
    call = running.place(*steps)
    await running.ended(call)
    return call, running.model.sessions[0], watched


@pytest.mark.asyncio
async def test_two_secrets_in_one_call_are_known_to_nobody(
    tmp_path: Path, logged: Callable[[], str]
) -> None:
    """A PIN and a card number, as events and as tones over the voice: the model has two tokens."""
    async with house(options(tmp_path), agents_dir=agents(tmp_path / "agents")) as running:
        call, session, watched = await held(
            running,
            *ASKED,
            *typed(PIN),
            WaitForAgent(heard_ms=300),
            Quiet(ms=700),
            *typed(CARD),
            WaitForAgent(heard_ms=300),
            HangUp(),
        )
        assert tones_in(behind(call.said)) > 5 * len(PIN + CARD)
        pin, card = outputs(session)
        assert "10 digits, typed for the PIN" in pin
        assert "16 digits, typed for the card" in card
        assert sorted(watched.kept.values()) == sorted([PIN, CARD])
        assert all(any(token in told for told in (pin, card)) for token in watched.kept)
        assert [group.count for group in running.of(DtmfGroup, call.sid)] == [10, 16]
        assert running.of(BargeIn, call.sid) == []
        check_nowhere((PIN, CARD), running, watched, logged())


@pytest.mark.asyncio
async def test_entries_that_fail_and_one_that_is_given_up(
    tmp_path: Path, logged: Callable[[], str]
) -> None:
    """Too short, a wrong check digit, given up: the model is told so, and keys are keys again."""
    async with house(options(tmp_path), agents_dir=agents(tmp_path / "agents")) as running:
        again = (WaitForAgent(heard_ms=300), Quiet(ms=700))
        _, session, watched = await held(
            running,
            *ASKED,
            *typed(f"{SHORT}#"),
            *again,
            *typed(PIN),
            *again,
            *typed(f"{PIN[:8]}**"),
            *again,
            Pause(ms=1600),
            Dtmf("1042#"),
            WaitForAgent(heard_ms=300),
            HangUp(),
        )
        short, wrong, given_up = outputs(session)
        assert short.startswith("Failed: 8 digits were typed, 10 are needed.")
        assert wrong.startswith("Failed: the number is not valid")
        assert given_up.startswith("The caller gave up")
        assert watched.kept == {}
        texts = [item.text for item in session.conversation if item.text]
        assert any("pressed these keys on the phone: 1042" in text for text in texts)
        check_nowhere((PIN, PIN[:8], SHORT), running, watched, logged())


@pytest.mark.asyncio
async def test_hanging_up_in_the_middle_leaves_nothing(
    tmp_path: Path, logged: Callable[[], str]
) -> None:
    """The call ends at once, as any other, and half a secret is nowhere."""
    async with house(options(tmp_path), agents_dir=agents(tmp_path / "agents")) as running:
        call, session, watched = await held(running, *ASKED, *typed(PIN[:8]), HangUp())
        assert call.end_reason
        assert outputs(session) == []
        assert watched.kept == {}
        await asyncio.wait_for(running.reception.registry.wait_empty(), LIMIT_S)
        check_nowhere((PIN[:8],), running, watched, logged())
