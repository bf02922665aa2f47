"""One call, from the carrier's webhook to the last thing closed.

Owns the life cycle (offered, answered, live, ending, ended) and the one task scope of the call:
whoever ends first ends the rest. What is said is :class:`gateway.call.dialogue.Dialogue`'s
business.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from agents.realtime import RealtimeSession
from agents.realtime.model_events import RealtimeModelAudioInterruptedEvent
from agents.realtime.model_inputs import RealtimeModelSendInterrupt
from websockets.exceptions import ConnectionClosed

from gateway.call.carrier import CarrierSocket
from gateway.call.departure import Departure
from gateway.call.dialogue import Dialogue
from gateway.call.keys import Keys
from gateway.call.link import Dialler, ModelLink
from gateway.call.model import TelephonyModel
from gateway.call.narrator import Narrator
from gateway.call.recorded import Phrase, phrase
from gateway.call.session import WIRE_FORMAT, AgentPlan, build_session
from gateway.call.tools import CallContext
from gateway.core.events import (
    CallAnswered,
    CallEnded,
    CallEnding,
    CallerStarted,
    CallEvent,
    CallLive,
    CallOffered,
    CarrierOddity,
    DtmfGroup,
    Listener,
    ModelErrorReported,
    ModelLost,
)
from gateway.core.g711 import BYTES_PER_MS
from gateway.core.ledger import Item
from gateway.core.mediastreams import Media, Start
from gateway.core.pacing import Pacing
from gateway.errors import ModelError
from gateway.settings import Settings

State = Literal["offered", "answered", "live", "ending", "ended"]

_CLOSE_LIMIT_S = 3.0
_BAD_FRAMES_ALLOWED = 20

_log = structlog.get_logger()


@dataclass(frozen=True)
class Offer:
    """What the signed webhook says about a call."""

    call_sid: str
    account_sid: str
    caller: str
    called: str
    direction: str = "inbound"


@dataclass(frozen=True)
class Line:
    """What all calls share: settings, the dialler, and who listens to call events."""

    settings: Settings
    dialler: Dialler
    listener: Listener


class Call:
    """One phone call with one agent."""

    def __init__(self, offer: Offer, plan: AgentPlan, line: Line) -> None:
        self.offer = offer
        self.plan = plan
        self.state: State = "offered"
        self.ticket = ""
        self._line = line
        self._settings = line.settings
        self._loop = asyncio.get_running_loop()
        self._offered_at = time.monotonic()
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: list[asyncio.TimerHandle] = []
        self._socket: CarrierSocket | None = None
        self._link: ModelLink | None = None
        self._session: RealtimeSession | None = None
        self._lost: ModelError | None = None
        self._bad_frames = 0
        self._keys = Keys(self._digits_pressed)
        self._narrator = Narrator(self._emit, self._since_open_ms)
        self.dialogue = Dialogue(
            pacing=Pacing(lead_ms=line.settings.lead_ms),
            audio_format=WIRE_FORMAT,
            greeting=plan.greeting_request(),
            emit=self._emit,
            on_lost=self.model_lost,
            on_interrupted=self._interrupted,
        )
        self._departure = Departure(self.dialogue, self._going, self.end)

    # The life

    async def run(self) -> str:
        """The whole life of the call; returns the reason it ended. Everything is closed by then."""
        offer = self.offer
        self._emit(CallOffered(offer.called, offer.caller, self.plan.name, offer.direction))
        self._after(self._settings.no_stream_timeout_s, self._no_stream)
        self._after(self._settings.connect_timeout_s, self._model_slow)
        model = self._loop.create_task(self._converse(), name=f"model {offer.call_sid}")
        reason = "cancelled"
        try:
            reason = await self._ended
        finally:
            self.state = "ending"
            ended_at = time.monotonic()
            try:
                await self._tear_down(model)
            finally:
                self.state = "ended"
                self._emit_ended(reason, ended_at)
        return reason

    def end(self, reason: str) -> None:
        """Ends the call now; only the first reason counts. What is still playing is cut off."""
        if not self._ended.done():
            self._ended.set_result(reason)
            self.state = "ending"

    def hang_up(self, reason: str) -> None:
        """Ends the call once the goodbye has been heard; a caller who speaks up keeps the call."""
        if not self._ended.done():
            self._departure.begin(reason, said=self.dialogue.spoke_last)

    def say_and_end(self, name: Phrase, reason: str) -> None:
        """Plays a recorded phrase in place of the agent and ends the call when it was heard."""
        if self._socket is None or self._ended.done():
            self.end(reason)
            return
        self._lost = self._lost or ModelError(reason)  # its end is ours now, and no loss
        self._departure.cancel()
        self.dialogue.disconnect()
        if self._link is not None:
            self._link.abort()
        outbound = self.dialogue.outbound
        outbound.clear()
        item = outbound.ledger.item(f"gateway:{name}")
        outbound.play(item, phrase(name))
        outbound.finish(item)
        self._departure.begin(reason, said=True)

    # The carrier

    def attach(self, start: Start, socket: CarrierSocket) -> None:
        """The stream presented this call's ticket: the caller is on the line."""
        self._socket = socket
        self.state = "live" if self.dialogue.inbound.is_open else "answered"
        now = time.monotonic()
        self.dialogue.opened_at = now
        self._emit(CallAnswered(start.stream_sid, (now - self._offered_at) * 1000))
        self.dialogue.outbound.attach(socket, start.stream_sid)
        if self._lost is not None:
            self.say_and_end("apology", self._lost.reason)

    def carrier_frame(self, media: Media) -> None:
        """Caller audio: the carrier's clock for the ledger, the payload for the model."""
        dialogue = self.dialogue
        dialogue.outbound.ledger.playout.frame(media.timestamp_ms, time.monotonic())
        dialogue.inbound.frame(media.payload)

    def carrier_mark(self, name: str) -> None:
        """A mark came back, genuine or void: the ledger knows."""
        self.dialogue.outbound.mark_returned(name)

    def carrier_digit(self, digit: str) -> None:
        """A key was pressed: the agent falls silent, the digits become one message."""
        if self.dialogue.connected:  # without a model the apology or goodbye is heard to its end
            self.dialogue.interrupt("dtmf", cancel=True)
        self._keys.press(digit)

    def carrier_oddity(self, kind: str) -> None:
        """Something unknown or malformed was left out."""
        self._emit(CarrierOddity(kind))

    def carrier_gone(self, reason: str) -> None:
        """The stream ended or broke."""
        self.end(reason)

    # The model

    def model_frame(self, frame: bytes) -> bool:
        """One message of the model, in its read callback."""
        try:
            return self.dialogue.model_frame(frame)
        except ModelError as error:
            self._bad_frames += 1
            self._emit(ModelErrorReported(error.reason))
            if self._bad_frames > _BAD_FRAMES_ALLOWED:
                self.model_lost("model_garbage", error.reason)
            return error.reason == "bad_event"  # the SDK reports it; anything else would end it

    def model_configured(self) -> None:
        """The session's settings are on their way."""
        self.dialogue.configured()

    def model_closed(self) -> None:
        """The link is gone; without our asking that is a lost model, clean close or not."""
        link = self._link
        if link is not None:
            self.model_lost("model_closed", f"{link.close_code or ''} {link.close_reason}".strip())

    def model_lost(self, reason: str, detail: str) -> None:
        """The model refused us or is gone for good: apology, hang-up. The first loss counts."""
        if self._lost is not None or self._ended.done():
            return
        self._lost = ModelError(reason, detail)
        self._emit(ModelLost(reason, detail))
        if self._socket is not None:
            self.say_and_end("apology", reason)
        else:
            self._fall_silent()

    async def _converse(self) -> None:
        """The model's side: connect, then what the SDK's session tells, until it ends."""
        model = TelephonyModel(self._dial, self._sdk_interrupts, self._answers_itself)
        try:
            session = await build_session(self.plan, model, self._context())
            self._session = session
            await session.enter()
            async for event in session:
                self._narrator.tell(event)
        except ModelError as error:
            self.model_lost(error.reason, str(error))
        except ConnectionClosed as error:
            self.model_lost("model_closed", type(error).__name__)
        except Exception as error:  # noqa: BLE001 the one call boundary
            # The SDK and the agents' own code may raise anything; the caller hears an apology.
            _log.error("call.crashed", call_sid=self.offer.call_sid, error=type(error).__name__)
            _log.debug("call.crashed.trace", call_sid=self.offer.call_sid, exc_info=error)
            self.model_lost("model_session", type(error).__name__)
        else:
            self.model_lost("model_closed", "the session ended")

    async def _dial(self, url: str, headers: Mapping[str, str]) -> ModelLink:
        self._link = link = await self._line.dialler.dial(url, headers, self)
        if self._lost is not None:  # given up meanwhile
            link.abort()
            raise self._lost
        self.dialogue.connect(link.write)
        return link

    def _sdk_interrupts(self, event: RealtimeModelSendInterrupt) -> None:
        """Guardrail, operator or ``session.interrupt()``: through the same door as the caller."""
        cause = "guardrail" if event.response_id else "operator"
        self.dialogue.interrupt(cause, cancel=not event.playback_only)

    def _answers_itself(self, tool: str) -> bool:
        """After ``end_call`` with a spoken goodbye nothing more is to be said."""
        return tool != "end_call" or not self.dialogue.spoke_last

    def _stay(self) -> None:
        if self._departure.cancel():
            self.state = "live"

    def _interrupted(self, item: Item) -> None:
        self._stay()
        if self._session is not None and item.item_id:
            event = RealtimeModelAudioInterruptedEvent(item.item_id, item.content_index)
            self._spawn(self._session.on_event(event))

    # Inside

    def _going(self, reason: str) -> None:
        self.state = "ending"
        self._emit(CallEnding(reason))

    def _no_stream(self) -> None:
        if self._socket is None:
            self.end("no_stream")

    def _model_slow(self) -> None:
        if not self.dialogue.inbound.is_open:
            seconds = self._settings.connect_timeout_s
            self.model_lost("model_timeout", f"not ready in {seconds:g} s")

    def _fall_silent(self) -> None:
        """Lost before the caller was on the line: the apology waits for the stream."""
        self.dialogue.disconnect()
        if self._link is not None:
            self._link.abort()

    async def _tear_down(self, model: asyncio.Task[None]) -> None:
        for timer in self._timers:
            timer.cancel()
        self._keys.stop()
        self._departure.cancel()
        self.dialogue.disconnect()
        self.dialogue.outbound.detach()
        if self._socket is not None:
            self._socket.close()
        try:
            async with asyncio.timeout(_CLOSE_LIMIT_S):
                if self._session is not None:
                    await self._session.close()
        except TimeoutError:
            _log.warning("call.close_timed_out", call_sid=self.offer.call_sid)
        finally:
            if self._link is not None:
                self._link.abort()
            tasks = [model, *self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _context(self) -> CallContext:
        offer = self.offer

        def hang_up(reason: str) -> None:
            self._loop.call_soon_threadsafe(self.hang_up, reason)

        return CallContext(offer.call_sid, offer.caller, offer.called, self.plan.name, hang_up)

    def _digits_pressed(self, digits: str) -> None:
        self._emit(DtmfGroup(len(digits), self._since_open_ms()))
        if self._session is not None and self.dialogue.connected:
            text = f"The caller pressed these keys on the phone: {digits}"
            self._spawn(self._session.send_message(text))

    def _emit(self, event: CallEvent) -> None:
        if self.state == "answered" and isinstance(event, CallLive):
            self.state = "live"
        elif isinstance(event, CallerStarted):
            self._stay()
        self._line.listener(self.offer.call_sid, event)

    def _emit_ended(self, reason: str, at: float) -> None:
        dialogue = self.dialogue
        heard = dialogue.outbound.ledger.heard_bytes(at)
        opened_at = at if dialogue.opened_at is None else dialogue.opened_at
        self._emit(
            CallEnded(
                reason=reason,
                duration_ms=(at - opened_at) * 1000,
                heard_ms=heard / BYTES_PER_MS,
                inbound_frames=dialogue.inbound.frames,
                turns=dialogue.turns.turns,
                interruptions=dialogue.interruptions,
            )
        )

    def _since_open_ms(self) -> float:
        return self.dialogue.since_open_ms()

    def _after(self, delay_s: float, callback: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(delay_s, callback))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
