"""Output items open, grow and close in the order of the real server."""

from typing import Any

from gateway.sim.realtime.conversation import Conversation
from gateway.sim.realtime.formats import PCMU
from gateway.sim.realtime.outputs import FunctionCall, OutputItem, SpokenMessage, Stage

Event = dict[str, Any]


class Wire:
    """Collects what is emitted."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.conversation = Conversation()

    def emit(self, kind: str, **fields: Any) -> None:
        self.events.append({"type": kind, **fields})

    def stage(self, conversation: Conversation | None = None) -> Stage:
        return Stage(self.emit, "resp_1", 0, conversation)

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]


def spoken(wire: Wire, *, inside: bool = True) -> SpokenMessage:
    conversation = wire.conversation if inside else None
    return SpokenMessage(wire.stage(conversation), "item_1", PCMU, bytes(range(200)))


def test_a_message_inside_and_outside_the_conversation() -> None:
    """The same events, but for those that speak of the conversation."""
    traces = []
    for inside in (True, False):
        wire = Wire()
        message = spoken(wire, inside=inside)
        message.open()
        message.delta("Hi")
        message.sound(200)
        message.close("completed")
        traces.append(wire.kinds())
        assert len(wire.conversation) == inside
    assert traces[0] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
    ]
    assert traces[1] == [kind for kind in traces[0] if kind.startswith("response.")]


def test_an_item_is_announced_without_content() -> None:
    """In progress and empty; done with its transcript."""
    wire = Wire()
    message = spoken(wire)
    message.open()
    message.delta("Hi")
    message.close("incomplete")
    first, last = wire.events[0]["item"], wire.events[-1]["item"]
    assert (first["status"], first["content"]) == ("in_progress", [])
    assert last["status"] == "incomplete"
    assert last["content"] == [{"type": "output_audio", "transcript": "Hi"}]


def test_only_what_was_sent_can_be_heard() -> None:
    """The length of the item grows with its deltas."""
    wire = Wire()
    message = spoken(wire)
    message.open()
    message.sound(80)
    assert (message.item.audio_ms, message.sent_ms) == (10, 10)
    message.sound(40)
    assert message.item.audio_ms == 15


def test_a_truncated_message_stays_truncated() -> None:
    """Later deltas leave, but neither they nor the words come back into the conversation."""
    wire = Wire()
    message = spoken(wire)
    message.open()
    message.delta("Hi")
    message.sound(80)
    wire.conversation.truncate("item_1", 0, 5)
    message.sound(80)
    message.close("completed")
    assert (message.item.audio_ms, message.item.transcript) == (5, "")
    assert message.sent_ms == 20
    said = [e for e in wire.events if e["type"] == "response.output_audio_transcript.done"]
    assert said[0]["transcript"] == "Hi"


def test_a_forgotten_sound_keeps_its_length() -> None:
    """The item can still be truncated; its audio cannot be shown any more."""
    wire = Wire()
    message = spoken(wire)
    message.open()
    message.sound(200)
    message.close("completed")
    message.forget()
    assert message.item.audio_ms == 25
    assert "audio" not in message.item.wire(with_audio=True)["content"][0]


def test_a_call_grows_by_its_arguments() -> None:
    """The finished arguments carry the name, which validation asks for."""
    wire = Wire()
    call: OutputItem = FunctionCall(wire.stage(wire.conversation), "item_1", "call_1", "look")
    call.open()
    for token in ("{", "}"):
        call.delta(token)
    call.close("completed")
    done = next(e for e in wire.events if e["type"] == "response.function_call_arguments.done")
    assert (done["name"], done["call_id"], done["arguments"]) == ("look", "call_1", "{}")
    assert wire.events[0]["item"]["arguments"] == ""
    assert wire.conversation.call_name("call_1") == "look"
