"""Who gets in: offers from signed webhooks, streams with tickets, and what they become.

Owns admission and the start of a call's one task. Money rule: a model is dialled only here, for a
webhook whose signature was checked, once per CallSid.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable

import structlog

from gateway.call.call import Call, Line, Offer, other_side
from gateway.call.carrier import CarrierSocket
from gateway.call.context import Destination
from gateway.call.downstream import Downstream
from gateway.call.registry import Registry
from gateway.call.session import AgentPlan
from gateway.call.transfer import Room
from gateway.core import tickets
from gateway.core.direction import SOFTPHONE
from gateway.core.mediastreams import Start
from gateway.core.strain import Strain
from gateway.errors import ConfigError, Rejected

_MOST_CALLED_CHARS = 64
"""Of the called address in a ticket: a SIP address may be long, a TwiML parameter may not."""

_NO_ROOM = {"draining": "draining", "full": "capacity", "overloaded": "overloaded"}
"""Why nobody is taken, by the registry's status."""

_log = structlog.get_logger()


class Reception:
    """Turns offers into calls and streams into their callers."""

    def __init__(self, line: Line, plan_for: Callable[[Offer], AgentPlan], secret: bytes) -> None:
        self.registry = Registry(line.settings.max_calls, Strain(line.settings.max_lag_ms))
        self.approvals = line.approvals
        self.callbacks = line.callbacks
        self.rejections: Counter[str] = Counter()
        self._line = line
        self._plan_for = plan_for
        self._secret = secret
        self._used = tickets.UsedNonces()
        self._tasks: set[asyncio.Task[None]] = set()

    # The webhook

    def offer(self, offer: Offer) -> Call:
        """The call of this webhook, its model being dialled; the same one for the same CallSid.

        Raises Rejected: ``draining``, ``capacity``, ``overloaded``, ``route_capacity``,
        ``spend_limit`` when nothing may be spent any more today, ``agent_broken`` when the agent's
        files cannot serve this call, or ``call_over`` for a webhook of a call that ended within
        24 h (a replay).
        """
        known = self.registry.get(offer.call_sid)
        if known is not None:
            return known
        if self.registry.ended_reason(offer.call_sid, time.monotonic()) is not None:
            raise self._refusal("call_over")
        expected = offer.errand is not None and self.registry.is_reserved(offer.errand.dial)
        if not expected and (refusal := _NO_ROOM.get(self.registry.status)):
            raise self._refusal(refusal)
        return self._begin(offer)

    def _begin(self, offer: Offer) -> Call:
        try:
            plan = self._plan_for(offer)
        except ConfigError as error:
            _log.error("agent.broken", call_sid=offer.call_sid, error=str(error))
            raise self._refusal("agent_broken") from error
        limit = plan.route.max_calls
        if limit is not None and self.registry.on_route(plan.route.name) >= limit:
            raise self._refusal("route_capacity")
        if self._line.tariff.forbids(other_side(offer), plan.route) is not None:
            raise self._refusal("spend_limit")
        call = Call(offer, plan, self._line)
        call.ticket = self._ticket(offer, plan.name)
        self.registry.add(call)
        task = asyncio.get_running_loop().create_task(self._live(call), name=offer.call_sid)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return call

    def _ticket(self, offer: Offer, agent: str) -> str:
        return tickets.issue(
            self._secret,
            call_sid=offer.call_sid,
            account_sid=offer.account_sid,
            called=offer.called[:_MOST_CALLED_CHARS],
            agent=agent,
            nonce=os.urandom(16),
            now=time.time(),
        )

    async def _live(self, call: Call) -> None:
        reason = "cancelled"
        try:
            reason = await call.run()
        finally:
            self.registry.remove(call, reason, time.monotonic())

    # The stream

    def admit(self, start: Start, socket: CarrierSocket, *, softphone: bool = False) -> Downstream:
        """The call's end of a stream, by its ticket; raises Rejected for every stranger.

        ``softphone`` = the stream came through the API: to a call that came through it, and no
        other one.
        """
        audio = (start.encoding, start.sample_rate, start.channels)
        if audio != ("audio/x-mulaw", 8000, 1):
            raise Rejected("media_format")
        ticket = tickets.verify(
            self._secret,
            start.parameters.get("ticket", ""),
            call_sid=start.call_sid,
            account_sid=start.account_sid,
            now=time.time(),
        )
        call = self.registry.get(start.call_sid)
        if call is not None and (call.offer.direction == SOFTPHONE) is not softphone:
            raise Rejected("ticket_other_socket")  # and is not used up by whoever stole it
        self._used.redeem(ticket, time.time())
        if call is None or call.state != "offered":
            raise Rejected("call_over")
        return call.attach(start, socket)

    def loop_late(self, late_s: float) -> None:
        """How late the loop was (s), ten times a second: too often too late, and nobody gets in."""
        strain = self.registry.strain
        before = strain.too_much
        strain.sample(late_s)
        if strain.too_much is not before:
            _log.warning(
                "gateway.recovered" if before else "gateway.overloaded", calls=len(self.registry)
            )

    def rejected(self, reason: str) -> None:
        """Counts a refusal; the log line carries nothing a stranger wrote."""
        self.rejections[reason] += 1
        _log.warning("rejected", reason=reason, total=self.rejections[reason])

    def _refusal(self, reason: str) -> Rejected:
        self.rejected(reason)
        return Rejected(reason)

    # The transfer

    def onward(self, call_sid: str, *, there: bool) -> Destination | Room | Call | None:
        """Where the carrier is to connect this caller to; None when to nobody, the call itself when
        the caller comes back to it: who waited for them has left.

        ``there`` = the caller is still on the line; whoever is not needs no destination.
        """
        call = self._away(call_sid)
        if call is None:
            return None
        if not there:
            call.end("caller_hung_up")
            return None
        if call.transfer.failed:
            return self._back(call, call.transfer.failed)
        return call.transfer.onward()

    def transfer_ended(self, call_sid: str, failure: str, *, there: bool) -> Call | None:
        """The destination is done with the caller. The call, if the caller comes back to it.

        ``failure`` is the carrier's word for why they did not talk; empty when they did.
        """
        call = self._away(call_sid)
        if call is None:
            return None
        if there:
            failure = call.transfer.parted(failure)
        if failure and there:
            return self._back(call, failure)
        call.end("caller_hung_up" if failure else "transferred")
        return None

    def _away(self, call_sid: str) -> Call | None:
        """The call, while its caller is elsewhere; nobody comes back into one that is over."""
        call = self.registry.get(call_sid)
        return call if call is not None and call.transfer.away and call.outcome is None else None

    def _back(self, call: Call, failure: str) -> Call:
        call.come_back(failure, self._ticket(call.offer, call.plan.name))
        return call

    # The end

    def outcome(self, call_sid: str) -> str | None:
        """Why a call of the last 24 h ended; None while it lives or when it is unknown."""
        call = self.registry.get(call_sid)
        if call is not None:
            return call.outcome
        return self.registry.ended_reason(call_sid, time.monotonic())

    def answered_by(self, call_sid: str, who: str) -> bool:
        """The carrier says who or what took a call of ours; False when the call is not here."""
        call = self.registry.get(call_sid)
        if call is not None:
            call.machine.told(who)
        return call is not None

    def carrier_ended(self, call_sid: str, status: str) -> None:
        """The carrier says the call is over; whatever of it still stands here is closed."""
        call = self.registry.get(call_sid)
        if call is not None:
            call.carrier_ended(status)

    def drain(self) -> None:
        """No new calls from now on; calls whose webhook was answered are still admitted."""
        self.registry.draining = True

    def say_goodbye(self, reason: str) -> None:
        """Every caller hears a goodbye, then the calls end."""
        for call in self.registry:
            call.say_and_end("goodbye", reason)


class SoftphoneDoor:
    """The reception as the streams of softphones meet it."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    def admit(self, start: Start, socket: CarrierSocket) -> Downstream:
        """The call's end of a stream, by its ticket; raises Rejected for every stranger."""
        return self._reception.admit(start, socket, softphone=True)

    def rejected(self, reason: str) -> None:
        """Counts a refusal."""
        self._reception.rejected(reason)
