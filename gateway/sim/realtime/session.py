"""Owns one session: wires its parts together and keeps what tests and demos want to know of it.

The parts do the work: configuration, conversation, the caller's side, responses, the script. What
each client event does stands in `handlers`.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed

from gateway.sim.realtime import errors, handlers, usage
from gateway.sim.realtime.asked import settings_for
from gateway.sim.realtime.caller import Caller
from gateway.sim.realtime.config import SessionConfig
from gateway.sim.realtime.conversation import Conversation, Item
from gateway.sim.realtime.director import director_of
from gateway.sim.realtime.ids import IdMint
from gateway.sim.realtime.items import client_item
from gateway.sim.realtime.options import RealtimeOptions
from gateway.sim.realtime.outbox import Outbox
from gateway.sim.realtime.recorder import Recorder, Row
from gateway.sim.realtime.responses import Response, Responses, Studio
from gateway.sim.realtime.script import Answer, Script


class Session:
    """One client's session, live or ended."""

    def __init__(
        self, options: RealtimeOptions, headers: Headers, model: str, script: Script, number: int
    ) -> None:
        self.new_id = IdMint().new
        self.id = self.new_id("sess")
        self.headers = headers
        self.options = options
        self.input_audio = bytearray()
        """Everything the client appended, as it came (unless `keep_audio` is off)."""
        self.conversation = Conversation()
        self.open = True
        self.closed = asyncio.Event()
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.rng = random.Random(f"{options.seed}.{number}")
        self.config = SessionConfig(self.id, model, int(time.time() + options.expiry_s))
        self.director = director_of(script)
        self.caller = Caller(self)
        self._deaf = False
        self._closing = False
        self._conversation_id = self.new_id("conv")
        self._outbox = Outbox(options)
        self._recorder = Recorder(keep=options.trace, limit=options.trace_rows)
        self._timers: set[asyncio.TimerHandle] = set()
        self.responses = Responses(self._studio(model), self._response_done)

    @property
    def trace(self) -> list[Row]:
        """Rows `{"t_ms", "dir", "event"}` since the 101, as the sequence lint reads them."""
        return self._recorder.rows

    async def seen(self, kind: str, n: int = 1, timeout_s: float = 5) -> dict[str, Any]:
        """Waits for the n-th event of type `kind`, from either side; `TimeoutError` if none."""
        return await self._recorder.nth(kind, n, timeout_s)

    # --- for the parts ---

    def emit(self, kind: str, **fields: Any) -> None:
        """Sends one event, in order; nothing once the session is over or about to be."""
        if self.open and not self._closing:
            event = {"type": kind, "event_id": self.new_id("event"), **fields}
            self._recorder.add("S", event=event)
            self._outbox.put(event)

    def emit_item(self, item: Item) -> None:
        """A whole item has entered the conversation."""
        previous = self.conversation.before(item.id)
        self.emit("conversation.item.added", previous_item_id=previous, item=item.wire())
        self.emit("conversation.item.done", previous_item_id=previous, item=item.wire())

    def later(self, delay_s: float, what: Callable[[], None]) -> asyncio.TimerHandle:
        """Calls `what` after a while, unless the session has ended by then."""

        def fire() -> None:
            self._timers.discard(handle)
            what()

        handle = asyncio.get_running_loop().call_later(delay_s, fire)
        self._timers.add(handle)
        return handle

    def respond(self, asked: dict[str, Any], *, idle: bool = False) -> None:
        """Creates a response: `asked` is the client's `response`, `idle` the idle timeout's."""
        settings = settings_for(
            self.config,
            asked,
            self._conversation_id,
            has_audio=self.conversation.has_assistant_audio,
        )
        outside = settings.conversation_id is None
        if not outside:
            self.responses.check_free()
        context = self._context(asked)
        if "input" in asked or outside:
            text = "\n".join(item.text for item in context) if "input" in asked else ""
            answer = self.director.text_answer(text) or self._idle_answer(settings.tool_names)
        elif idle:
            answer = self._idle_answer(settings.tool_names)
        else:
            answer = self.director.next_answer(settings.tool_names)
        if not outside:
            self.caller.disarm()
        self.responses.start(settings, answer, context)
        if self.options.stall and self.options.stall_after_s is None:
            self._stall()

    def close(self, code: int, reason: str) -> None:
        """Closes from the server's side, behind everything sent so far."""
        self._closing = True
        self._outbox.close(code, reason)

    # --- its life ---

    async def run(self, ws: ServerConnection) -> None:
        """From behind the 101 to the end of the socket, which is not kept beyond it."""
        writer = asyncio.create_task(self._outbox.run(ws))
        try:
            await asyncio.sleep(self.options.session_delay_ms / 1000)
            self.caller.configure()
            self.emit("session.created", session=self.config.wire())
            self._arm()
            await self._read(ws)
        finally:
            self._end(ws)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _read(self, ws: ServerConnection) -> None:
        try:
            async for message in ws:
                if self._deaf:
                    await ws.wait_closed()
                await self._receive(message)
        except ConnectionClosed:
            return

    async def _receive(self, message: str | bytes) -> None:
        event_id: str | None = None
        try:
            event = self._parse(message)
            event_id = handlers.event_id_of(event)
            await handlers.handle(self, event)
        except errors.ClientFault as fault:
            self.emit("error", error=fault.payload(event_id))

    def _parse(self, message: str | bytes) -> dict[str, Any]:
        if isinstance(message, bytes):
            self._recorder.add("C", binary_len=len(message))
            raise errors.not_text()
        try:
            event = msgspec.json.decode(message)
        except msgspec.DecodeError:
            self._recorder.add("C", text=message)
            raise errors.invalid_json() from None
        if not isinstance(event, dict):
            self._recorder.add("C", text=message)
            raise errors.not_an_object()
        self._recorder.add("C", event=event)
        return event

    def _arm(self) -> None:
        options = self.options
        self.later(options.expiry_s, self._expire)
        if options.close_after_s is not None:
            self.later(
                options.close_after_s,
                lambda: self.close(options.close_code, options.close_reason),
            )
        if options.stall and options.stall_after_s is not None:
            self.later(options.stall_after_s, self._stall)

    def _stall(self) -> None:
        self._deaf = self.options.stall == "reading"
        self._outbox.stalled = self.options.stall == "sending"

    def _expire(self) -> None:
        self.emit("error", error=errors.expired().payload(None))
        self.close(1001, errors.EXPIRED_TEXT)

    def _end(self, ws: ServerConnection) -> None:
        self.open = False
        self.responses.stop()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.close_code, self.close_reason = ws.close_code, ws.close_reason
        self._recorder.add(
            "C" if ws.protocol.close_rcvd_then_sent else "S",
            close={"code": self.close_code, "reason": self.close_reason},
        )
        self.closed.set()

    # --- responses ---

    def _studio(self, model: str) -> Studio:
        return Studio(
            emit=self.emit,
            new_id=self.new_id,
            rng=self.rng,
            options=self.options,
            conversation=self.conversation,
            meter=usage.Meter(),
            session_id=self.id,
            model=model,
        )

    def _response_done(self, response: Response) -> None:
        if response.settings.conversation_id is not None:
            self.caller.arm(response)
        if response.status in ("completed", "incomplete"):
            limits = usage.rate_limits(response.usage["total_tokens"])
            self.later(
                self.options.rate_limits_ms / 1000,
                lambda: self.emit("rate_limits.updated", rate_limits=limits),
            )

    def _idle_answer(self, tools: set[str]) -> Answer:
        return self.director.idle_answer(tools)

    def _context(self, asked: dict[str, Any]) -> list[Item]:
        if "input" not in asked:
            return list(self.conversation)
        form = self.config.input_format
        return [
            self.conversation.retrieve(item["id"])
            if item["type"] == "item_reference"
            else client_item(item, form, self.new_id)
            for item in asked["input"]
        ]
