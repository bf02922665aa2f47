"""One response of the scripted model: its events in the order of the GA server, its audio faster
than it is heard.

Audio leaves in irregular deltas of about 200 ms, not aligned to frames, at 4.5 times real time
(what is known of the real server's pace), each byte of it stamped.
"""

from __future__ import annotations

import binascii
from random import Random
from time import perf_counter_ns
from typing import Protocol

from bench import realtime
from bench.record import Item
from bench.stamps import BYTE_NS, FRAME_BYTES, Stamp, stamped_frame, tail
from gateway.ops.load.clock import Clock

SPEED = 4.5
ITEM_AFTER_S = 0.195
AUDIO_AFTER_S = 0.345
RATE_LIMITS_AFTER_S = 0.043
WORDS = (" I will gladly", " look into that", " for you now,", " it takes just", " a moment.")


class Conversation(Protocol):
    """What an answer needs of its model session."""

    clock: Clock
    random: Random
    number: int
    items: list[Item]
    closed: bool

    def send(self, message: bytes) -> None: ...
    def item_added(self, item_id: str) -> str | None: ...


class Answer:
    """A response in the making."""

    def __init__(self, conversation: Conversation, lengths: list[int]) -> None:
        self.id = realtime.new_id("resp")
        self.items: list[Item] = []
        self.done = False
        self._to = conversation
        self._lengths = lengths
        self._transcript = ""
        self._pending = b""
        self._previous: str | None = None
        self._output: list[realtime.Json] = []

    def begin(self) -> None:
        """Announces the response; its audio follows by itself."""
        created = realtime.response(self.id, "in_progress")
        self._to.send(realtime.event("response.created", response=created))
        self._to.clock.call_in(ITEM_AFTER_S, self._open_item)

    def cancel(self, reason: str, *, late_delta: bool = False) -> None:
        """Ends the response unfinished; with `late_delta` one more piece was already under way."""
        if self.done:
            return
        if self._speaking:
            item = self.items[-1]
            left = item.length - item.written
            if late_delta and left and item.written:
                self._write(min(left, self._next_size()))
            self._close_item("incomplete")
        self._finish("cancelled", {"type": "cancelled", "reason": reason}, realtime.NO_USAGE)

    @property
    def _speaking(self) -> bool:
        """An item is open."""
        return len(self.items) > len(self._output)

    def _open_item(self, due_ns: int) -> None:
        if self.done or self._to.closed:
            return
        to, index = self._to, len(self.items)
        item = Item(to.number, len(to.items), realtime.new_id("item"), self._lengths[index])
        self.items.append(item)
        to.items.append(item)
        self._transcript = ""
        self._previous = to.item_added(item.item_id)
        shown = realtime.assistant_item(item.item_id, "in_progress", None)
        self._send("response.output_item.added", output_index=index, item=shown)
        to.send(
            realtime.event("conversation.item.added", previous_item_id=self._previous, item=shown)
        )
        self._send_part("response.content_part.added", part={"type": "audio", "transcript": ""})
        self._say()
        lead_s = AUDIO_AFTER_S - ITEM_AFTER_S if index == 0 else 0
        to.clock.call_at(due_ns + int(lead_s * 1e9), self._delta)

    def _delta(self, due_ns: int) -> None:
        if self.done or self._to.closed:
            return
        item = self.items[-1]
        size = min(self._next_size(), item.length - item.written)
        self._say()
        self._write(size)
        after_ns = due_ns + int(size * BYTE_NS / SPEED)
        last = item.written >= item.length
        self._to.clock.call_at(after_ns, self._item_done if last else self._delta)

    def _item_done(self, due_ns: int) -> None:
        if self.done or self._to.closed:
            return
        self._close_item("completed")
        if len(self.items) < len(self._lengths):
            self._open_item(due_ns)
        else:
            self._finish("completed", None, realtime.USAGE)

    def _next_size(self) -> int:
        low, high = (800, 2400) if self.items[-1].written else (640, 1100)
        return self._to.random.randrange(low, high)

    def _write(self, size: int) -> None:
        """Sends the next `size` bytes of the open item."""
        item, audio = self.items[-1], self._pending
        first = (item.written + len(audio)) // FRAME_BYTES
        stamp = int(Stamp(item.session, item.index, first))
        whole = item.length // FRAME_BYTES
        while len(audio) < size:
            if first < whole:
                audio += stamped_frame(stamp)
                first, stamp = first + 1, stamp + 1
            else:
                audio += tail(size - len(audio))
        self._pending = audio[size:]
        encoded = binascii.b2a_base64(audio[:size], newline=False)
        index = len(self.items) - 1
        message = realtime.audio_delta(self.id, item.item_id, index, encoded)
        item.wrote(perf_counter_ns(), size)
        self._to.send(message)

    def _say(self) -> None:
        words = WORDS[len(self.items[-1].delta_ends) % len(WORDS)]
        self._transcript += words
        index = len(self.items) - 1
        item_id = self.items[-1].item_id
        self._to.send(realtime.transcript_delta(self.id, item_id, index, words))

    def _close_item(self, status: str) -> None:
        item, text = self.items[-1], self._transcript
        self._pending = b""
        self._send_part("response.output_audio.done")
        self._send_part("response.output_audio_transcript.done", transcript=text)
        self._send_part("response.content_part.done", part={"type": "audio", "transcript": text})
        shown = realtime.assistant_item(item.item_id, status, text)
        self._to.send(
            realtime.event("conversation.item.done", previous_item_id=self._previous, item=shown)
        )
        self._send("response.output_item.done", output_index=len(self.items) - 1, item=shown)
        self._output.append(shown)

    def _finish(self, status: str, details: realtime.Json | None, usage: realtime.Json) -> None:
        self.done = True
        done = realtime.response(self.id, status, output=self._output, details=details, usage=usage)
        self._to.send(realtime.event("response.done", response=done))
        self._to.clock.call_in(RATE_LIMITS_AFTER_S, self._rate_limits)

    def _rate_limits(self, _: int) -> None:
        if not self._to.closed:
            self._to.send(realtime.event("rate_limits.updated", rate_limits=realtime.RATE_LIMITS))

    def _send(self, kind: str, **fields: object) -> None:
        self._to.send(realtime.event(kind, response_id=self.id, **fields))

    def _send_part(self, kind: str, **fields: object) -> None:
        self._send(
            kind,
            item_id=self.items[-1].item_id,
            output_index=len(self.items) - 1,
            content_index=0,
            **fields,
        )
