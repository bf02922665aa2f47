"""Owns one conversation: its items in order and what may be done to them. Pure.

Sends nothing and mints no ids; it raises the fault the real server would answer with.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.sim.realtime import errors
from gateway.sim.realtime.formats import AudioFormat


@dataclass(slots=True)
class Audio:
    """Sound of one item; `data` may hold more than the `length` bytes that count, or be gone."""

    form: AudioFormat
    data: bytes = b""
    length: int = 0

    @property
    def ms(self) -> int:
        return int(self.form.ms_of(self.length))

    def base64(self) -> str | None:
        if not self.data:
            return None
        return base64.b64encode(self.data[: self.length]).decode()


@dataclass(slots=True)
class Part:
    """One content part of a message: words, sound with its transcript, or an image."""

    type: str
    text: str | None = None
    transcript: str | None = None
    audio: Audio | None = None
    image: dict[str, Any] | None = None

    def wire(self, *, with_audio: bool) -> dict[str, Any]:
        if self.image is not None:
            return self.image
        if self.audio is None:
            return {"type": self.type, "text": self.text}
        shown: dict[str, Any] = {"type": self.type, "transcript": self.transcript}
        data = self.audio.base64() if with_audio else None
        return {**shown, "audio": data} if data else shown


@dataclass(slots=True)
class Item:
    """One entry of the conversation: a message, a function call or its output."""

    id: str
    type: str = "message"
    role: str | None = None
    status: str = "completed"
    content: list[Part] = field(default_factory=list)
    name: str = ""
    call_id: str = ""
    arguments: str = ""
    output: str = ""

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """As it stands in events; live items carry no `object`."""
        head: dict[str, Any] = {"id": self.id, "type": self.type}
        if self.type == "function_call_output":
            return {**head, "call_id": self.call_id, "output": self.output}
        head["status"] = self.status
        if self.type == "function_call":
            return {
                **head,
                "name": self.name,
                "call_id": self.call_id,
                "arguments": self.arguments,
            }
        content = [part.wire(with_audio=with_audio) for part in self.content]
        return {**head, "role": self.role, "content": content}

    @property
    def spoken(self) -> Part | None:
        """The first part with sound."""
        return next((part for part in self.content if part.audio is not None), None)

    @property
    def audio_ms(self) -> int:
        """How long its sound lasts, after truncation; 0 without any."""
        part = self.spoken
        return part.audio.ms if part and part.audio else 0

    @property
    def transcript(self) -> str | None:
        part = self.spoken
        return part.transcript if part else None

    @property
    def text(self) -> str:
        """The written words of a message."""
        return "".join(part.text or "" for part in self.content)


class Conversation:
    """The items in order; iterates over them."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Item:
        return self._items[index]

    @property
    def tail_id(self) -> str | None:
        return self._items[-1].id if self._items else None

    def find(self, item_id: str) -> Item | None:
        return next((item for item in self._items if item.id == item_id), None)

    def before(self, item_id: str) -> str | None:
        """The id of the item in front of `item_id` as things stand now."""
        previous: str | None = None
        for item in self._items:
            if item.id == item_id:
                return previous
            previous = item.id
        return self.tail_id

    @property
    def has_assistant_audio(self) -> bool:
        return any(item.role == "assistant" and item.audio_ms > 0 for item in self._items)

    def append(self, item: Item) -> str | None:
        """Adds at the end; returns the id of the item before it."""
        previous = self.tail_id
        self._items.append(item)
        return previous

    def insert(self, item: Item, previous_item_id: str | None) -> str | None:
        """Adds a client's item after another one, at the end (None) or in front (`root`)."""
        if self.find(item.id):
            raise errors.item_exists(item.id)
        if item.type == "function_call_output" and not self._call(item.call_id):
            raise errors.unknown_call(item.call_id)
        if previous_item_id is None:
            return self.append(item)
        if previous_item_id == "root":
            self._items.insert(0, item)
            return None
        previous = self.find(previous_item_id)
        if previous is None:
            raise errors.previous_unknown(previous_item_id)
        self._items.insert(self._items.index(previous) + 1, item)
        return previous_item_id

    def delete(self, item_id: str) -> None:
        item = self.find(item_id)
        if item is None:
            raise errors.delete_unknown(item_id)
        self._items.remove(item)

    def retrieve(self, item_id: str) -> Item:
        item = self.find(item_id)
        if item is None:
            raise errors.retrieve_unknown(item_id)
        return item

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cuts an answer to what was heard: later sound goes, and all of its transcript."""
        item = self.find(item_id)
        if item is None:
            raise errors.truncate_unknown(item_id)
        parts = item.content[content_index : content_index + 1]
        audio = parts[0].audio if parts else None
        if item.role != "assistant" or audio is None or not audio.length:
            raise errors.not_truncatable()
        if audio_end_ms > audio.ms:
            raise errors.already_shorter(audio.ms, audio_end_ms)
        audio.length = audio.form.bytes_of(audio_end_ms)
        parts[0].transcript = ""

    def call_name(self, call_id: str) -> str:
        """The tool of a call, "" when there is no such call."""
        call = self._call(call_id)
        return call.name if call else ""

    def _call(self, call_id: str) -> Item | None:
        calls = (item for item in self._items if item.type == "function_call")
        return next((item for item in calls if item.call_id == call_id), None)
