"""Owns one output item of a response on the wire: opening it, its deltas, closing it.

Two orders hold (captured): `response.output_item.added` before `conversation.item.added`, and
`conversation.item.done` before `response.output_item.done`. Content parts say `audio` and `text`
where items say `output_audio` and `output_text`. Knows no time: the response decides when.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.sim.realtime.conversation import Audio, Conversation, Item, Part
from gateway.sim.realtime.events import obfuscation
from gateway.sim.realtime.formats import AudioFormat

Emit = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where an output item appears: its response, its place in it, the conversation if any."""

    emit: Emit
    response_id: str
    index: int
    conversation: Conversation | None


class OutputItem:
    """What all kinds of output items share."""

    def __init__(self, stage: Stage, item: Item) -> None:
        self.item = item
        self._stage = stage
        self._where: dict[str, Any] = {
            "response_id": stage.response_id,
            "item_id": item.id,
            "output_index": stage.index,
        }

    def open(self) -> None:
        """Announces the item, in the response first."""
        self.item.status = "in_progress"
        self._emit_item("response.output_item.added")
        if self._stage.conversation is not None:
            previous = self._stage.conversation.append(self.item)
            self._emit_in_conversation("conversation.item.added", previous)

    def delta(self, text: str) -> None:
        raise NotImplementedError

    def close(self, status: str) -> None:
        """Ends what is open and the item itself; `status` is completed or incomplete."""
        self.item.status = status
        self._close_content()
        if self._stage.conversation is not None:
            previous = self._stage.conversation.before(self.item.id)
            self._emit_in_conversation("conversation.item.done", previous)
        self._emit_item("response.output_item.done")

    def _close_content(self) -> None:
        raise NotImplementedError

    def _emit(self, kind: str, **fields: Any) -> None:
        self._stage.emit(f"response.{kind}", **self._where, **fields)

    def _emit_in_conversation(self, kind: str, previous: str | None) -> None:
        self._stage.emit(kind, previous_item_id=previous, item=self.item.wire())

    def _emit_item(self, kind: str) -> None:
        self._stage.emit(
            kind,
            response_id=self._stage.response_id,
            output_index=self._stage.index,
            item=self.item.wire(),
        )


class SpokenMessage(OutputItem):
    """An assistant message of sound and its transcript."""

    def __init__(self, stage: Stage, item_id: str, form: AudioFormat, data: bytes) -> None:
        super().__init__(stage, Item(item_id, role="assistant"))
        self._audio = Audio(form, data)
        self._sent = 0
        self._words: list[str] = []

    def open(self) -> None:
        super().open()
        part = Part("output_audio", transcript="", audio=self._audio)
        self._emit("content_part.added", content_index=0, part={"type": "audio", "transcript": ""})
        self.item.content.append(part)

    @property
    def sent_ms(self) -> float:
        """Sound that has left, whatever was truncated since."""
        return self._audio.form.ms_of(self._sent)

    def forget(self) -> None:
        """Keeps the length of the sound only."""
        self._audio.data = b""

    def delta(self, text: str) -> None:
        self._words.append(text)
        self._emit(
            "output_audio_transcript.delta",
            content_index=0,
            delta=text,
            obfuscation=obfuscation(text),
        )

    def sound(self, size: int) -> None:
        """The next `size` bytes of the speech."""
        data = self._audio.data[self._sent : self._sent + size]
        if self._audio.length == self._sent:  # not truncated meanwhile
            self._audio.length += len(data)
        self._sent += len(data)
        self._emit(
            "output_audio.delta", content_index=0, delta=base64.b64encode(data).decode("ascii")
        )

    def _close_content(self) -> None:
        said = "".join(self._words)
        if self._audio.length == self._sent:
            self.item.content[0].transcript = said
        part = {"type": "audio", "transcript": said}
        self._emit("output_audio.done", content_index=0)
        self._emit("output_audio_transcript.done", content_index=0, transcript=said)
        self._emit("content_part.done", content_index=0, part=part)


class WrittenMessage(OutputItem):
    """An assistant message of text."""

    def __init__(self, stage: Stage, item_id: str) -> None:
        super().__init__(stage, Item(item_id, role="assistant"))
        self._part = Part("output_text", text="")

    def open(self) -> None:
        super().open()
        self._emit("content_part.added", content_index=0, part={"type": "text", "text": ""})
        self.item.content.append(self._part)

    def delta(self, text: str) -> None:
        self._part.text = f"{self._part.text}{text}"
        self._emit("output_text.delta", content_index=0, delta=text, obfuscation=obfuscation(text))

    def _close_content(self) -> None:
        text = self._part.text
        self._emit("output_text.done", content_index=0, text=text)
        self._emit("content_part.done", content_index=0, part={"type": "text", "text": text})


class FunctionCall(OutputItem):
    """A call to one of the session's tools."""

    def __init__(self, stage: Stage, item_id: str, call_id: str, name: str) -> None:
        super().__init__(stage, Item(item_id, "function_call", name=name, call_id=call_id))

    def delta(self, text: str) -> None:
        self.item.arguments += text
        self._emit(
            "function_call_arguments.delta",
            call_id=self.item.call_id,
            delta=text,
            obfuscation=obfuscation(text),
        )

    def _close_content(self) -> None:
        self._emit(
            "function_call_arguments.done",
            call_id=self.item.call_id,
            name=self.item.name,
            arguments=self.item.arguments,
        )
