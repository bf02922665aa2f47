"""Owns responses: their life from `response.created` to `response.done`, and how many there may be.

One response at a time writes to the conversation; out-of-band ones (`conversation: "none"`) run
beside it and are cancelled by id only. A cancelled response closes everything it had opened, in
the order of a completed one. What to say is decided elsewhere.
"""

import asyncio
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from gateway.sim.realtime import errors
from gateway.sim.realtime.asked import ResponseSettings
from gateway.sim.realtime.conversation import Conversation, Item
from gateway.sim.realtime.deltas import argument_tokens, audio_sizes, words
from gateway.sim.realtime.events import response_object
from gateway.sim.realtime.formats import PCM
from gateway.sim.realtime.options import RealtimeOptions
from gateway.sim.realtime.outputs import (
    Emit,
    FunctionCall,
    OutputItem,
    SpokenMessage,
    Stage,
    WrittenMessage,
)
from gateway.sim.realtime.script import Answer, Call, Speech
from gateway.sim.realtime.usage import Meter, prefix_of, usage_object, within

_ITEM_SHARE: Final = 0.56
"""A message is announced at this share of the first-audio delay (195 of 350 ms)."""
_CALL_SHARE: Final = 0.9
_FAILURE_S: Final = 0.05
_TEXT_TOKEN_S: Final = 0.009
_ARGUMENT_TOKEN_S: Final = 0.008
_SPEED_SPREAD: Final = 0.05


@dataclass(frozen=True, slots=True)
class Studio:
    """What all responses of one session work with."""

    emit: Emit
    new_id: Callable[[str], str]
    rng: random.Random
    options: RealtimeOptions
    conversation: Conversation
    meter: Meter
    session_id: str
    model: str


class Response:
    """One response being generated."""

    def __init__(
        self,
        studio: Studio,
        settings: ResponseSettings,
        answer: Answer,
        context: Sequence[Item],
        on_done: Callable[["Response"], None],
    ) -> None:
        self.id = studio.new_id("resp")
        self.settings = settings
        self.status = "in_progress"
        self.usage: dict[str, Any] = usage_object()
        self._studio = studio
        self._answer = answer
        self._context = context
        self._on_done = on_done
        self._items: list[OutputItem] = []
        self._open: OutputItem | None = None
        self._sizes: deque[int] = deque()
        self._due_s = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def audio_ms(self) -> float:
        """Speech generated so far, over all items."""
        return sum(item.sent_ms for item in self._items if isinstance(item, SpokenMessage))

    def start(self) -> None:
        """Announces the response at once; the rest follows in its own task."""
        self._studio.emit("response.created", response=response_object(self.id, self.settings))
        self._task = asyncio.create_task(self._run())

    def cancel(self, reason: Literal["turn_detected", "client_cancelled"]) -> None:
        """Closes everything now, after such deltas as were already on their way."""
        self.stop()
        if isinstance(self._open, SpokenMessage):
            for _ in range(min(self._studio.options.late_deltas, len(self._sizes))):
                self._open.sound(self._sizes.popleft())
        self._close("incomplete")
        self._finish("cancelled", {"type": "cancelled", "reason": reason})

    def stop(self) -> None:
        """Ends the task and nothing else."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        options, answer = self._studio.options, self._answer
        if options.never_respond:
            return
        if answer.fail is not None:
            await asyncio.sleep(_FAILURE_S)
            studio = self._studio
            error = errors.generation_failure(answer.fail, studio.model, studio.session_id)
            self._finish("failed", {"type": "failed", "error": error})
            return
        limit = self.settings.max_output_tokens
        parts, whole = within(answer.parts, limit if isinstance(limit, int) else math.inf)
        self._due_s = asyncio.get_running_loop().time()
        for part in parts:
            await self._generate(part)
            self._close("completed" if whole or part is not parts[-1] else "incomplete")
        if whole:
            self._finish("completed")
        else:
            self._finish("incomplete", {"type": "incomplete", "reason": "max_output_tokens"})

    async def _generate(self, part: Speech | Call) -> None:
        if isinstance(part, Call):
            await self._call(part)
        elif self.settings.output_modalities == ("text",):
            await self._write(part)
        else:
            await self._speak(part)

    async def _speak(self, part: Speech) -> None:
        rng = self._studio.rng
        form = PCM if self._studio.options.lie_about_format else self.settings.form
        data = form.from_payload(part.payload)
        first = not self._items
        if first:
            await self._wait(_ITEM_SHARE * self._first_audio_s, always=True)
        message = SpokenMessage(self._stage(), self._studio.new_id("item"), form, data)
        self._begin(message)
        if first:
            self._due_s += (1 - _ITEM_SHARE) * self._first_audio_s
        speed = self._studio.options.speed * rng.uniform(1 - _SPEED_SPREAD, 1 + _SPEED_SPREAD)
        tokens, said, gone = words(part.text), 0, 0
        self._sizes = deque(audio_sizes(len(data), form, rng))
        while self._sizes:
            gone += self._sizes[0]
            upto = max(2, math.ceil(len(tokens) * gone / len(data)))
            for token in tokens[said:upto]:
                message.delta(token)
            said = max(said, upto)
            await self._wait(0, always=first and gone == self._sizes[0])
            duration_s = form.ms_of(self._sizes[0]) / 1000
            message.sound(self._sizes.popleft())
            self._due_s += duration_s / speed
        await self._wait(0)

    async def _write(self, part: Speech) -> None:
        if not self._items:
            await self._wait(_ITEM_SHARE * self._first_audio_s, always=True)
        message = WrittenMessage(self._stage(), self._studio.new_id("item"))
        self._begin(message)
        for token in words(part.text):
            message.delta(token)
            await self._wait(_TEXT_TOKEN_S)

    async def _call(self, part: Call) -> None:
        if not self._items:
            await self._wait(_CALL_SHARE * self._first_audio_s, always=True)
        new_id = self._studio.new_id
        call = FunctionCall(self._stage(), new_id("item"), new_id("call"), part.name)
        self._begin(call)
        for token in argument_tokens(part.arguments):
            await self._wait(_ARGUMENT_TOKEN_S)
            call.delta(token)

    @property
    def _first_audio_s(self) -> float:
        return self._studio.options.first_audio_ms / 1000

    def _stage(self) -> Stage:
        studio, outside = self._studio, self.settings.conversation_id is None
        conversation = None if outside else studio.conversation
        return Stage(studio.emit, self.id, len(self._items), conversation)

    async def _wait(self, seconds: float, *, always: bool = False) -> None:
        """Until `seconds` after what came before; an instant answer waits for its start only."""
        self._due_s += seconds
        left = self._due_s - asyncio.get_running_loop().time()
        skipped = self._answer.instant and not always
        await asyncio.sleep(0 if skipped else max(0.0, left))

    def _begin(self, item: OutputItem) -> None:
        self._items.append(item)
        self._open = item
        item.open()

    def _close(self, status: str) -> None:
        if self._open is not None:
            self._open.close(status)
            if isinstance(self._open, SpokenMessage) and not self._studio.options.keep_audio:
                self._open.forget()
            self._open = None
            self._sizes.clear()

    def _finish(self, status: str, details: dict[str, Any] | None = None) -> None:
        self.status = status
        items = [output.item for output in self._items]
        if status in ("completed", "incomplete"):
            prefix = prefix_of(self.settings.instructions, list(self.settings.tools))
            self.usage = usage_object(*self._studio.meter.read(prefix, self._context, items))
        response = response_object(
            self.id,
            self.settings,
            status=status,
            details=details,
            output=[item.wire() for item in items],
            usage=self.usage,
        )
        self._studio.emit("response.done", response=response)
        self._on_done(self)


class Responses:
    """All responses of one session."""

    def __init__(self, studio: Studio, on_done: Callable[[Response], None]) -> None:
        self._studio = studio
        self._on_done = on_done
        self.active: Response | None = None
        self._beside: dict[str, Response] = {}

    def check_free(self) -> None:
        """The fault of a second response in the conversation."""
        if self.active is not None:
            raise errors.response_active(self.active.id)

    def start(
        self, settings: ResponseSettings, answer: Answer, context: Sequence[Item]
    ) -> Response:
        """Creates a response and announces it."""
        response = Response(self._studio, settings, answer, context, self._done)
        if settings.conversation_id is None:
            self._beside[response.id] = response
        else:
            self.check_free()
            self.active = response
        response.start()
        return response

    def cancel(self, response_id: str | None) -> None:
        """A client's cancel; without an id it means the one in the conversation."""
        found = self.active
        if response_id is not None and (found is None or found.id != response_id):
            found = self._beside.get(response_id)
        if found is None:
            raise errors.nothing_to_cancel()
        found.cancel("client_cancelled")

    def interrupt(self) -> None:
        """The caller speaks: ends the response in the conversation, if there is one."""
        if self.active is not None:
            self.active.cancel("turn_detected")

    def stop(self) -> None:
        """The session is over: no more events, no tasks left."""
        for response in [self.active, *self._beside.values()]:
            if response is not None:
                response.stop()

    def _done(self, response: Response) -> None:
        self._beside.pop(response.id, None)
        if response is self.active:
            self.active = None
        self._on_done(response)
