"""The scripted Realtime server: a hundred model sessions in one process beside their callers.

It speaks the GA protocol as far as a phone gateway needs it, keeps the truth of what it wrote and
what it was told (truncate, delete), and takes its cues from a script (`bench.script`): no voice
activity detection, so that `speech_started` comes when the benchmark wants it.
"""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import Callable
from random import Random
from time import perf_counter_ns
from typing import TYPE_CHECKING

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from bench import realtime
from bench.answer import Answer
from bench.record import CallRecord, Exchange, Item
from bench.stamps import Stamp, StampReader
from gateway.ops.load.clock import Clock

if TYPE_CHECKING:
    from ssl import SSLContext

    from bench.script import Script

GREETING_BYTES = 8000
COMMIT_TO_CREATED_S = 0.005
TRANSCRIPTION_AFTER_S = 0.7


class ModelSession(WSListener):
    """One session: what the gateway's model connection talks to."""

    def __init__(self, number: int, model: ScriptedModel) -> None:
        self.number = number
        self.clock = model.clock
        self.random = Random(f"{model.seed}/{number}")
        self.items: list[Item] = []
        self.record: CallRecord | None = None
        self.answer: Answer | None = None
        self.closed = False
        self._model = model
        self._exchange = model.exchange
        self._script = model.script
        self._reader = StampReader()
        self._settings = realtime.default_session()
        self._transport: WSTransport | None = None
        self._decode = msgspec.json.Decoder(realtime.ClientEvent).decode
        self._last_item: str | None = None
        self._vad_item: str | None = None
        self._next_lengths = [GREETING_BYTES]
        self._exchange.sessions[number] = self.items
        self._handlers: dict[str, Callable[[realtime.ClientEvent], None]] = {
            "session.update": self._update,
            "response.create": self._create,
            "response.cancel": self._cancel,
            "conversation.item.create": self._create_item,
            "conversation.item.truncate": self._truncate,
            "conversation.item.delete": self._delete,
            "conversation.item.retrieve": self._retrieve,
        }

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self.send(realtime.event("session.created", session=self._settings))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.closed = True

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now = perf_counter_ns()
        if frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        if frame.msg_type is not WSMsgType.TEXT or not frame.fin:
            return
        event = self._decode(frame.get_payload_as_memoryview())
        if event.audio is not None:
            self._append(now, event.audio)
        elif handler := self._handlers.get(event.type):
            handler(event)

    def send(self, message: bytes) -> None:
        """Writes one event; after the end it goes nowhere."""
        if self._transport is not None and not self.closed:
            self._transport.send(WSMsgType.TEXT, message)

    # -- cues of the script ---------------------------------------------------------------------

    def respond(self, lengths: list[int]) -> None:
        """Answers with items of these many bytes, if nothing is being said already."""
        if self.closed or (self.answer and not self.answer.done):
            return
        self.answer = Answer(self, lengths)
        self.answer.begin()

    def caller_starts(self) -> None:
        """The caller begins to speak: an interruption when audio of the last answer is unheard."""
        if self.closed or self._vad_item or self.record is None:
            return
        self._vad_item = realtime.new_id("item")
        start_ms = max(0, self.record.inbound.next * 20 - 300)
        started = realtime.event(
            "input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=self._vad_item
        )
        self.record.speech_started(perf_counter_ns(), self.answer.items if self.answer else [])
        self.send(started)
        if self.answer and self._turn_detection.get("interrupt_response"):
            self.answer.cancel("turn_detected", late_delta=self.random.random() < 0.5)

    def caller_stops(self, lengths: list[int]) -> None:
        """The caller has finished a turn; the answer has items of these many bytes, if any."""
        item_id, self._vad_item = self._vad_item, None
        if self.closed or item_id is None or self.record is None:
            return
        heard_ms = self.record.inbound.next * 20
        self.send(
            realtime.event(
                "input_audio_buffer.speech_stopped", audio_end_ms=heard_ms, item_id=item_id
            )
        )
        previous = self.item_added(item_id)
        shown = realtime.user_item(item_id)
        self.send(
            realtime.event(
                "input_audio_buffer.committed", previous_item_id=previous, item_id=item_id
            )
        )
        for kind in ("conversation.item.added", "conversation.item.done"):
            self.send(realtime.event(kind, previous_item_id=previous, item=shown))
        self._next_lengths = lengths or [GREETING_BYTES]
        if lengths and self._turn_detection.get("create_response"):
            self.clock.call_in(COMMIT_TO_CREATED_S, lambda _: self.respond(lengths))
        if self._settings["audio"]["input"]["transcription"]:
            self.clock.call_in(TRANSCRIPTION_AFTER_S, lambda _: self._transcribe(item_id))

    def item_added(self, item_id: str) -> str | None:
        """Puts an item at the end of the conversation; returns the one before it."""
        previous, self._last_item = self._last_item, item_id
        return previous

    # -- what the gateway sends ------------------------------------------------------------------

    def _append(self, now_ns: int, audio: str) -> None:
        for value, _ in self._reader.feed(binascii.a2b_base64(audio)):
            owner, _, seq = Stamp.unpack(value)
            record = self.record or self._bind(owner)
            if record is not None and record.number == owner:
                record.frame_arrived(now_ns, seq)
            else:
                self._exchange.bind(self.number, owner)  # notes the crossed wires

    def _bind(self, call: int) -> CallRecord | None:
        """The first caller audio tells whose session this is, and the script begins."""
        self.record = self._exchange.bind(self.number, call)
        if self.record is not None:
            self.record.inbound_reader = self._reader
            self._script.begin(self, Random(f"{self._model.seed}/{call}"))
        return self.record

    def _update(self, event: realtime.ClientEvent) -> None:
        realtime.merge(self._settings, event.session or {})
        self.send(realtime.event("session.updated", session=self._settings))

    def _create(self, event: realtime.ClientEvent) -> None:
        if self.answer and not self.answer.done:
            text = f"Conversation already has an active response in progress: {self.answer.id}."
            code = "conversation_already_has_active_response"
            self.send(realtime.error(code, text, event.event_id))
            return
        self.respond(self._next_lengths)

    def _cancel(self, event: realtime.ClientEvent) -> None:
        if self.answer and not self.answer.done:
            self.answer.cancel("client_cancelled")
            return
        text = "Cancellation failed: no active response found"
        self.send(realtime.error("response_cancel_not_active", text, event.event_id))

    def _create_item(self, event: realtime.ClientEvent) -> None:
        item = {"id": realtime.new_id("item"), "status": "completed", **(event.item or {})}
        previous = self.item_added(item["id"])
        for kind in ("conversation.item.added", "conversation.item.done"):
            self.send(realtime.event(kind, previous_item_id=previous, item=item))

    def _truncate(self, event: realtime.ClientEvent) -> None:
        item, end_ms = self._find(event.item_id), event.audio_end_ms or 0
        if item is None:
            text = f"Item with item_id not found: {event.item_id}"
            self.send(realtime.error("item_truncate_invalid_item_id", text, event.event_id))
            return
        left_ms = int(item.generated_ms) if item.truncated_ms is None else item.truncated_ms
        if end_ms > left_ms:
            text = f"Audio content of {left_ms}ms is already shorter than {end_ms}ms"
            self.send(realtime.error("invalid_value", text, event.event_id))
            return
        item.truncated_ms = end_ms
        self.send(
            realtime.event(
                "conversation.item.truncated",
                item_id=item.item_id,
                content_index=0,
                audio_end_ms=end_ms,
            )
        )

    def _delete(self, event: realtime.ClientEvent) -> None:
        item = self._find(event.item_id)
        if item is None or item.deleted:
            text = f"Error deleting item: the item with id '{event.item_id}' does not exist."
            self.send(realtime.error("item_delete_invalid_item_id", text, event.event_id))
            return
        item.deleted = True
        self.send(realtime.event("conversation.item.deleted", item_id=item.item_id))

    def _retrieve(self, event: realtime.ClientEvent) -> None:
        item = self._find(event.item_id)
        if item is None:
            text = f"Error retrieving item: the item with id '{event.item_id}' does not exist."
            self.send(realtime.error("item_retrieve_invalid_item_id", text, event.event_id))
            return
        shown = realtime.assistant_item(item.item_id, "completed", "")
        self.send(realtime.event("conversation.item.retrieved", item=shown))

    def _transcribe(self, item_id: str) -> None:
        text, usage = "And what about tomorrow?", {"type": "duration", "seconds": 1}
        kind = "conversation.item.input_audio_transcription"
        self.send(realtime.event(f"{kind}.delta", item_id=item_id, content_index=0, delta=text))
        self.send(
            realtime.event(
                f"{kind}.completed",
                item_id=item_id,
                content_index=0,
                transcript=text,
                usage=usage,
            )
        )

    def _find(self, item_id: str | None) -> Item | None:
        return next((item for item in reversed(self.items) if item.item_id == item_id), None)

    @property
    def _turn_detection(self) -> realtime.Json:
        return self._settings["audio"]["input"]["turn_detection"] or {}


class ScriptedModel:
    """The server: makes a session of every connection."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock = clock
        self.seed = seed
        self.script: Script
        self.exchange: Exchange
        self.connections = 0
        self._servers: list[asyncio.Server] = []

    def take(self, exchange: Exchange, script: Script) -> None:
        """From now on sessions belong to this run."""
        self.exchange, self.script = exchange, script

    async def start(self, tls: SSLContext | None = None) -> int:
        """Listens on a free loopback port (one more with each call), which it returns."""
        server = await ws_create_server(self._accept, "127.0.0.1", 0, ssl=tls)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
            await server.wait_closed()

    def _accept(self, request: WSUpgradeRequest) -> WSListener:
        self.connections += 1
        return ModelSession(self.connections, self)
