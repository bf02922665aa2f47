"""What the first caller would wait for is made before: the SDK's validators."""

import json
import subprocess
import sys

import pytest
from agents.realtime import RealtimeSession
from agents.realtime.events import RealtimeAgentEndEvent, RealtimeError

from gateway.call import rehearsal

FIRST_CALL = """
import asyncio
from pydantic import TypeAdapter
from pydantic.main import BaseModel
from agents.realtime.openai_realtime import OpenAIRealtimeWebSocketModel
from gateway.call.model import ONLY_AHEAD, UNUSED_BY_SDK
from gateway.call.rehearsal import rehearse
from tests.call.model_events import golden_events

made = []

def told(function):
    def tell(subject, *args, **kwargs):
        made.append(type(subject).__name__)
        return function(subject, *args, **kwargs)
    return tell

async def main():
    {rehearsal}
    BaseModel.model_rebuild = classmethod(told(BaseModel.model_rebuild.__func__))
    TypeAdapter.__init__ = told(TypeAdapter.__init__)
    model = OpenAIRealtimeWebSocketModel()
    for event in golden_events():
        if event["type"] not in UNUSED_BY_SDK | ONLY_AHEAD and event["type"] in {kinds!r}:
            await model._handle_ws_event(event)

asyncio.run(main())
print(len(made), made[:5])
"""
KINDS = {
    "session.created",
    "session.updated",
    "conversation.item.added",
    "conversation.item.input_audio_transcription.completed",
    "response.created",
    "response.output_item.done",
    "response.done",
}


def first_call(rehearsal: str) -> str:
    """What the first conversation of a new process has to make, after that."""
    script = FIRST_CALL.format(rehearsal=rehearsal, kinds=KINDS)
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    return run.stdout.strip()


def test_after_a_rehearsal_the_first_call_makes_no_validators() -> None:
    """Every kind of event that reaches the SDK, in a process of its own."""
    assert first_call("await rehearse()") == "0 []"


def test_without_one_it_does() -> None:
    """The test above would notice."""
    assert not first_call("pass").startswith("0 ")


@pytest.mark.asyncio
async def test_the_play_is_a_true_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK finds nothing wrong with it, and answers as in a real conversation."""
    seen: list[object] = []
    sent: list[str] = []
    put = RealtimeSession._put_event

    async def tell(session: RealtimeSession, event: object) -> bool:
        seen.append(event)
        return await put(session, event)  # type: ignore[arg-type]

    async def send(_stage: object, message: str) -> None:
        sent.append(json.loads(message)["type"])

    monkeypatch.setattr(RealtimeSession, "_put_event", tell)
    monkeypatch.setattr(rehearsal._Stage, "send", send)
    await rehearsal.rehearse()
    assert [each for each in seen if isinstance(each, RealtimeError)] == []
    assert [type(each) for each in seen].count(RealtimeAgentEndEvent) == 2
    assert sent == ["session.update", "conversation.item.create", "response.create"]
