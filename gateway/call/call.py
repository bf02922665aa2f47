"""One call, from the carrier's webhook to the last thing closed.

Owns the life cycle (offered, answered, live, ending, ended) and the one task scope of the call:
whoever ends first ends the rest. What is said is :class:`gateway.call.dialogue.Dialogue`'s
business.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from gateway.call.approvals import Approvals
from gateway.call.callbacks import Callbacks
from gateway.call.carrier import CarrierSocket
from gateway.call.colleagues import Colleagues
from gateway.call.context import CallContext, Errand
from gateway.call.control import Control
from gateway.call.departure import Departure
from gateway.call.dialogue import Dialogue
from gateway.call.downstream import Downstream
from gateway.call.hold import Hold
from gateway.call.link import Dialler
from gateway.call.machine import Machine
from gateway.call.meter import Account, Meter, Tariff
from gateway.call.patience import Patience
from gateway.call.recorded import Phrase, phrase
from gateway.call.recorder import Recorder
from gateway.call.session import AgentPlan
from gateway.call.tape import Taping
from gateway.call.taps import Taps
from gateway.call.transfer import Transfer
from gateway.call.upstream import Upstream
from gateway.call.vitals import Vitals
from gateway.call.wiretap import Wiretap
from gateway.core.events import (
    CallEnding,
    CallerStarted,
    CallEvent,
    CallLive,
    CallOffered,
    Listener,
    ModelLost,
)
from gateway.core.ledger import Item
from gateway.core.mediastreams import Start
from gateway.core.pacing import Pacing
from gateway.errors import ModelError
from gateway.settings import Settings

State = Literal["offered", "answered", "live", "consulting", "away", "ending", "ended"]


@dataclass(frozen=True)
class Offer:
    """What the signed webhook says about a call."""

    call_sid: str
    account_sid: str
    caller: str
    called: str
    direction: str = "inbound"
    campaign: str = ""
    stir: str = ""
    """What the caller's carrier vouches for, as the carrier names it; empty = nothing."""
    errand: Errand | None = None
    """What we placed the call for; None = nothing is known of that."""
    agent: str = ""
    """Who answers; empty = the route's agent, or the errand's."""

    @property
    def ours(self) -> str:
        """The number that is ours."""
        return self.caller if self.direction.startswith("outbound") else self.called


@dataclass(frozen=True)
class Line:
    """What all calls share."""

    settings: Settings
    dialler: Dialler
    listener: Listener
    """Is told every call's events."""
    approvals: Approvals
    taping: Taping | None = None
    """Where recordings are made; None = nothing is recorded."""
    tariff: Tariff = field(default_factory=Tariff)
    """What things cost, and how much may be spent."""
    colleagues: Colleagues | None = None
    """Who can be asked to take a call; None = nobody."""
    vitals: Vitals = field(default_factory=Vitals)
    """What the audio path counts."""
    callbacks: Callbacks = field(default_factory=Callbacks)


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
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._timers: list[asyncio.TimerHandle] = []
        self._lost: ModelError | None = None
        self.dialogue = Dialogue(
            pacing=Pacing(lead_ms=line.settings.lead_ms),
            formats=(plan.input_format, plan.output_format),
            greeting=plan.greeting_request(),
            withheld=plan.withheld(),
            emit=self._emit,
            on_lost=self.model_lost,
            on_interrupted=self._interrupted,
            rules=plan.floor,
            on_audio=None if plan.audience is None else (lambda delta: self._upstream.spoke(delta)),
            on_usage=lambda event: self._meter.used(event),
            vitals=line.vitals,
        )
        self.downstream = Downstream(
            self.dialogue,
            self._emit,
            say=lambda text: self._upstream.say(text),
            on_key=lambda: self._patience.key(),
            on_gone=self.end,
        )
        taps = Taps(self.dialogue, self.downstream.microphone)
        self.wiretap = Wiretap(taps)
        self._recorder = Recorder(offer.call_sid, plan.route, line.taping, taps, self._emit)
        self._meter = Meter(
            _account(offer, plan),
            line.tariff,
            self.dialogue,
            self._emit,
            on_spent=lambda: self._forsake("spend_limit"),
            on_over=lambda: self.say_and_end("goodbye", "spend_limit"),
        )
        self._departure = Departure(self.dialogue, self._going)
        microphone = self.downstream.microphone
        hold = Hold(self.dialogue, microphone)
        self.transfer = Transfer(self, self._departure, hold, line.colleagues)
        self.machine = Machine(offer.errand, self.dialogue, microphone, self._departure, self.end)
        self._patience = Patience(
            plan,
            self.dialogue,
            self._undisturbed,
            self.hang_up,
            lambda: self.say_and_end("goodbye", "time_limit"),
        )
        self._upstream = Upstream(
            plan,
            _context(self),
            line.dialler,
            line.approvals,
            self.dialogue,
            self._emit,
            self.model_lost,
        )
        self._emit(_offered(offer, plan))  # now: who asked for the call may wait for its record

    # The life

    async def run(self) -> str:
        """The whole life of the call; returns the reason it ended. Everything is closed by then."""
        self._after(self._settings.no_stream_timeout_s, partial(self._no_stream, self.ticket))
        self._after(self._settings.connect_timeout_s, self._model_slow)
        self._recorder.offered()
        self._upstream.start()
        reason = "cancelled"
        try:
            reason = await self._ended
        finally:
            self.state = "ending"
            ended_at = time.monotonic()
            try:
                await self._tear_down()
            finally:
                self.state = "ended"
                self.dialogue.outbound.close(ended_at)
                self._emit(self.downstream.ended(reason, ended_at))
        return reason

    def end(self, reason: str) -> None:
        """Ends the call now; only the first reason counts. What is still playing is cut off."""
        if not self._ended.done():
            self._ended.set_result(reason)
            self.state = "ending"

    @property
    def outcome(self) -> str | None:
        """Why the call ended, known before everything of it is closed; None while it lasts."""
        if self._ended.cancelled():
            return "cancelled"
        return self._ended.result() if self._ended.done() else None

    @property
    def listeners(self) -> int:
        """How many people listen to the call."""
        return len(self.wiretap)

    def hang_up(self, reason: str) -> None:
        """Ends the call once the goodbye has been heard; a caller who speaks up keeps the call."""
        if self._ended.done() or self.transfer.taken_over:
            return
        if self.transfer.consulting:
            self.transfer.forget()
        self._departure.begin(reason, self.end, said=self.dialogue.answers.spoke_last)

    def part(self) -> None:
        """The stream is given up: the caller goes elsewhere, and may come back."""
        self.state = "away"
        self.wiretap.part()
        self.downstream.part()

    def come_back(self, status: str, ticket: str) -> None:
        """The destination did not take the caller, who comes back on another stream."""
        self.state, self.ticket = "offered", ticket
        self.transfer.come_back(status)
        self._after(self._settings.no_stream_timeout_s, partial(self._no_stream, self.ticket))

    def returned(self, text: str) -> None:
        """The caller is the agent's again, who is told so; on the stream that never closed, or
        soon on another one.
        """
        if self.state == "consulting":
            self.state = "live"
            if self._lost is not None:
                self.say_and_end("apology", self._lost.reason)
        self.dialogue.tell(text)

    def say_and_end(self, name: Phrase, reason: str) -> None:
        """Plays a recorded phrase in place of the agent and ends the call when it was heard."""
        if not self.downstream.is_open or self._ended.done():
            self.end(reason)
            return
        self._forsake(reason)
        self._departure.cancel()
        self.transfer.forget()
        self.dialogue.outbound.clear()
        self.dialogue.outbound.play_own(f"gateway:{name}", phrase(name))
        self._departure.begin(reason, self.end, said=True)

    # The carrier

    def attach(self, start: Start, socket: CarrierSocket) -> Downstream:
        """The stream presented this call's ticket; returns who hears it."""
        self.state = "live" if self.dialogue.inbound.is_open else "answered"
        self.downstream.attach(start, socket)
        if self._lost is not None:
            self.say_and_end("apology", self._lost.reason)
        return self.downstream

    def carrier_ended(self, status: str) -> None:
        """The carrier's status callback: the call is over."""
        transferred = self.transfer.delivered and status == "completed"
        self.end("transferred" if transferred else f"carrier_{status}")

    # The model

    def model_lost(self, reason: str, detail: str) -> None:
        """The model refused us or is gone for good: apology, hang-up. The first loss counts."""
        if self._lost is not None or self._ended.done():
            return
        self._lost = ModelError(reason, detail)
        self._emit(ModelLost(reason, detail))
        if self.downstream.is_open and not self.transfer.consulting:
            self.say_and_end("apology", reason)
        else:
            self._upstream.give_up()  # the apology waits for the caller

    def _forsake(self, reason: str) -> None:
        """The model is not wanted any more: its end is ours now, and no loss."""
        self._lost = self._lost or ModelError(reason)
        self._upstream.give_up()

    def _stay(self) -> None:
        """Who speaks up keeps the call; a transfer that was announced is not undone by a word, and
        without a model there is no call to keep.
        """
        leaves = self.transfer.key is not None or self.machine.present or self._lost is not None
        if not leaves and self._departure.cancel():
            self.state = "live"

    def _interrupted(self, item: Item) -> None:
        self._stay()
        self._upstream.interrupted(item)

    # Inside

    def _undisturbed(self) -> bool:
        """True while a caller and the agent are on the line and nobody is leaving."""
        return self.state == "live" and self.transfer.key is None and not self.machine.present

    def _going(self, reason: str) -> None:
        if self.transfer.key is None:
            self.state = "ending"
            self._emit(CallEnding(reason))

    def _no_stream(self, ticket: str) -> None:
        if self.state == "offered" and self.ticket == ticket:
            self.end("no_stream")

    def _model_slow(self) -> None:
        if not self.dialogue.inbound.is_open:
            seconds = self._settings.connect_timeout_s
            self.model_lost("model_timeout", f"not ready in {seconds:g} s")

    async def _tear_down(self) -> None:
        for timer in self._timers:
            timer.cancel()
        for each in (self._patience, self._meter, self.machine):
            each.stop()
        self.transfer.stop()
        self._departure.cancel()
        self.wiretap.close(self.outcome or "cancelled")
        self.dialogue.disconnect()
        self.downstream.close()
        recording = self._loop.create_task(self._recorder.close())
        # At once: what a tool that was broken off would tell the model now, nobody hears.
        await self._upstream.close()
        await recording

    def _emit(self, event: CallEvent) -> None:
        if self.state == "answered" and isinstance(event, CallLive):
            self.state = "live"
        elif isinstance(event, CallerStarted):
            self._stay()
        self._line.listener(self.offer.call_sid, event)
        for each in (self.wiretap, self._recorder, self._meter, self._patience, self.machine):
            each.hear(event)

    def _after(self, delay_s: float, callback: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(delay_s, callback))


def _context(call: Call) -> CallContext:
    offer, route = call.offer, call.plan.route
    control = Control(
        call._loop,
        call.dialogue,
        route.directory,
        call.downstream.keys,
        call.hang_up,
        call.transfer,
        lambda granted: call._recorder.consent(granted=granted),
        partial(call._line.callbacks.ask, offer, call.plan),
    )
    return CallContext(
        call_sid=offer.call_sid,
        caller=offer.caller,
        called=offer.called,
        agent=call.plan.name,
        control=control,
        direction=offer.direction,
        route=route,
    )


def other_side(offer: Offer) -> str:
    """The number that is not ours."""
    return offer.called if offer.direction.startswith("outbound") else offer.caller


def _account(offer: Offer, plan: AgentPlan) -> Account:
    return Account(
        call_sid=offer.call_sid,
        number=other_side(offer),
        direction=offer.direction,
        route=plan.route,
        model=plan.model_name,
        transcriber=plan.transcriber,
    )


def _offered(offer: Offer, plan: AgentPlan) -> CallOffered:
    return CallOffered(
        called=offer.called,
        caller=offer.caller,
        agent=plan.name,
        direction=offer.direction,
        route=plan.route.name,
        campaign=offer.campaign,
        stir=offer.stir,
        model=plan.model_name,
    )
