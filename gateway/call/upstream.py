"""The model's side of one call: the link, the SDK's session over it, and how both end.

Owns what is open towards the model. Tells the dialogue what the model says and the call when the
model is lost; decides nothing about the caller.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
from agents.realtime import RealtimeSession
from agents.realtime.events import RealtimeToolApprovalRequired
from agents.realtime.model_events import (
    RealtimeModelAudioEvent,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelEvent,
    RealtimeModelRawServerEvent,
)
from agents.realtime.model_inputs import RealtimeModelSendInterrupt
from websockets.exceptions import ConnectionClosed

from gateway.call.answers import MOST_CORRECTIONS
from gateway.call.approvals import Approvals
from gateway.call.context import CallContext
from gateway.call.control import answers_itself
from gateway.call.dialogue import Dialogue
from gateway.call.greeting import Opening
from gateway.call.link import Dialler, ModelLink
from gateway.call.model import TelephonyModel
from gateway.call.narrator import Narrator
from gateway.call.session import AgentPlan, build_session, forget_oldest
from gateway.core import commands
from gateway.core.events import ApprovalDecided, CallEvent, ModelErrorReported
from gateway.core.ledger import Item
from gateway.core.realtime import AudioDelta
from gateway.errors import ModelError

BAD_FRAMES_ALLOWED = 20
"""Malformed messages of the model per call before it counts as lost."""
_CLOSE_LIMIT_S = 3.0
_AUDIENCE_LIMIT_S = 1.0
"""How long the agent's own listeners may take for what is left, after the end."""

_log = structlog.get_logger()


class Upstream:
    """One call's connection to the model, from the dial to the last thing closed."""

    def __init__(
        self,
        plan: AgentPlan,
        context: CallContext,
        dialler: Dialler,
        approvals: Approvals,
        dialogue: Dialogue,
        emit: Callable[[CallEvent], None],
        on_lost: Callable[[str, str], None],
    ) -> None:
        self._plan = plan
        self._context = context
        self._dialler = dialler
        self._approvals = approvals
        self._dialogue = dialogue
        self._emit = emit
        self._on_lost = on_lost
        self._narrator = Narrator(emit, dialogue.since_open_ms)
        self._seat = None if plan.audience is None else plan.audience.seat(context)
        recorded = plan.recorded_greeting
        self._opening = None if recorded is None else Opening(recorded, dialogue, emit)
        self._link: ModelLink | None = None
        self._session: RealtimeSession | None = None
        self._given_up = False
        self._bad_frames = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Dials the model and lives with it until it ends, in a task of its own; a recorded
        greeting waits for nobody.
        """
        if self._opening is not None:
            self._opening.play()
        self._spawn(self._converse(), f"model {self._context.call_sid}")

    def give_up(self) -> None:
        """The model is not wanted any more, now: nothing of it is heard from here on."""
        self._given_up = True
        self._dialogue.disconnect()
        if self._link is not None:
            self._link.abort()

    def say(self, text: str) -> None:
        """Adds words to the conversation as the caller's and asks for an answer."""
        if self._session is not None and self._dialogue.connected:
            if self._plan.keys_end_turns:
                self._dialogue.send(commands.commit())
            self._spawn(self._session.send_message(text))

    def interrupted(self, item: Item) -> None:
        """Surfaces ``audio_interrupted`` to whoever iterates the session."""
        if self._opening is not None:
            self._opening.cut(item)
        if self._session is not None and item.item_id:
            event = RealtimeModelAudioInterruptedEvent(item.item_id, item.content_index)
            self._spawn(self._surface(event))

    def spoke(self, delta: AudioDelta) -> None:
        """Surfaces the agent's audio as the SDK's ``audio`` event, for an agent that listens."""
        if self._session is not None and self._seat is not None:
            event = RealtimeModelAudioEvent(
                data=delta.audio,
                response_id=delta.response_id,
                item_id=delta.item_id,
                content_index=delta.content_index,
            )
            self._spawn(self._surface(event))

    async def close(self) -> None:
        """Closes session, link and tasks; bounded, whatever the server does."""
        self._approvals.withdraw(self._context.call_sid)
        try:
            async with asyncio.timeout(_CLOSE_LIMIT_S):
                if self._session is not None:
                    await self._session.close()
        except TimeoutError:
            _log.warning("call.close_timed_out", call_sid=self._context.call_sid)
        finally:
            self.give_up()
            # Again: the session may have asked while it was being closed.
            self._approvals.withdraw(self._context.call_sid)
            if self._seat is not None:
                await self._seat.leave(_AUDIENCE_LIMIT_S)
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._session = self._link = None  # breaks the circle: their memory goes at once

    # The link

    def model_frame(self, frame: bytes) -> bool:
        """One message of the model, in its read callback."""
        try:
            wanted = self._dialogue.model_frame(frame)
        except ModelError as error:
            self._bad_frames += 1
            self._emit(ModelErrorReported(error.reason))
            if self._bad_frames > BAD_FRAMES_ALLOWED:
                self._on_lost("model_garbage", error.reason)
            return error.reason == "bad_event"  # the SDK reports it; anything else would end it
        if not wanted and self._seat is not None:
            self._spawn(self._show(frame))
        return wanted

    def model_configured(self) -> None:
        """The session's settings are on their way."""
        self._dialogue.configured()
        if self._opening is not None:
            self._opening.configured()

    def model_closed(self) -> None:
        """The link is gone; without our asking that is a lost model, clean close or not."""
        link = self._link
        if link is not None:
            self._on_lost("model_closed", f"{link.close_code or ''} {link.close_reason}".strip())

    # Inside

    async def _converse(self) -> None:
        model = TelephonyModel(self._dial, self._sdk_interrupts, self._answers_itself)
        try:
            self._session = session = await build_session(self._plan, model, self._context)
            if self._seat is not None:
                model.add_listener(self._seat)
            await session.enter()
            async for event in session:
                self._narrator.tell(event)
                if isinstance(event, RealtimeToolApprovalRequired):
                    self._ask_approval(session, event)
                if self._seat is None:
                    forget_oldest(session)
                else:
                    self._seat.hear(event)
        except ModelError as error:
            self._on_lost(error.reason, str(error))
        except ConnectionClosed as error:
            self._on_lost("model_closed", type(error).__name__)
        except Exception as error:  # noqa: BLE001 the one call boundary
            # The SDK and the agents' own code may raise anything; the caller hears an apology.
            call_sid, name = self._context.call_sid, type(error).__name__
            _log.error("call.crashed", call_sid=call_sid, error=name)
            _log.debug("call.crashed.trace", call_sid=call_sid, exc_info=error)
            self._on_lost("model_session", name)
        else:
            self._on_lost("model_closed", "the session ended")

    async def _surface(self, event: RealtimeModelEvent) -> None:
        """Shows an event that the gateway keeps from the SDK to whoever listens to it."""
        if self._seat is not None:
            await self._seat.on_event(event)
        if self._session is not None:
            await self._session.on_event(event)

    async def _show(self, frame: bytes) -> None:
        """What the SDK does not get it would have shown raw: who listens misses nothing."""
        await self._surface(RealtimeModelRawServerEvent(json.loads(frame)))

    def _ask_approval(self, session: RealtimeSession, event: RealtimeToolApprovalRequired) -> None:
        tool, asked_at = event.tool.name, time.monotonic()

        def decided(verdict: str, message: str | None) -> None:
            waited_ms, at_ms = (time.monotonic() - asked_at) * 1000, self._dialogue.since_open_ms()
            self._emit(ApprovalDecided(tool, verdict, waited_ms, at_ms))
            if verdict == "approved":
                self._spawn(session.approve_tool_call(event.call_id))
            else:
                self._spawn(session.reject_tool_call(event.call_id, rejection_message=message))

        call_sid, agent = self._context.call_sid, event.agent.name
        self._approvals.ask(call_sid, agent, tool, event.call_id, event.arguments, decided)

    async def _dial(self, url: str, headers: Mapping[str, str]) -> ModelLink:
        if self._plan.credentials is not None:
            headers = await self._plan.credentials()
        self._link = link = await self._dialler.dial(url, headers, self)
        if self._given_up:
            link.abort()
            raise ModelError("model_unreachable", "given up while connecting")
        self._dialogue.connect(link.write)
        return link

    def _sdk_interrupts(self, event: RealtimeModelSendInterrupt) -> None:
        """Guardrail, operator or ``session.interrupt()``: through the same door as the caller."""
        if not self._dialogue.connected:
            return  # what plays is the apology or the goodbye, and it is heard to its end
        if event.playback_only and event.response_id and not self._unheard(event.response_id):
            return  # too late: another answer is playing by now, and it is innocent
        cause = "guardrail" if event.response_id else "operator"
        if event.response_id and not self._dialogue.answers.may_be_corrected():
            self._on_lost("guardrail_loop", f"{MOST_CORRECTIONS} answers in a row tripped")
            return
        self._dialogue.interrupt(cause, cancel=not event.playback_only)

    def _unheard(self, response_id: str) -> bool:
        ledger = self._dialogue.outbound.ledger
        ledger.settle(time.monotonic())
        return any(item.response_id == response_id for item in ledger.open_items())

    def _answers_itself(self, tool: str, output: str) -> bool:
        if self._dialogue.answers.caller_speaks:
            return False  # the answer to what the caller is saying is the answer to this, too
        return answers_itself(tool, output, spoken=self._dialogue.answers.spoke_last)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str | None = None) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
