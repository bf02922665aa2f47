"""Owns what all calls of a twin share: the account, its numbers and calls, webhooks, the clock,
conferences.

The rooms of the twin meet here; the rules of how a call proceeds do not.
"""

import asyncio
import itertools
import re
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass

from gateway.sim.twilio.call import CallIdentity, TwinCall, new_sid
from gateway.sim.twilio.clock import FrameClock
from gateway.sim.twilio.conference import Conference
from gateway.sim.twilio.debugger import Debugger
from gateway.sim.twilio.flow import Ending, Source
from gateway.sim.twilio.network import Network
from gateway.sim.twilio.numbers import Numbers
from gateway.sim.twilio.options import Callee, TwilioOptions
from gateway.sim.twilio.parameters import progress_pairs
from gateway.sim.twilio.steps import Step
from gateway.sim.twilio.webhooks import Webhooks

LegLife = Callable[["Exchange", TwinCall, "LegPlan"], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class LegPlan:
    """A leg dialled for another call or into a conference."""

    callee: Callee
    timeout_s: float
    whisper: Source | None = None
    """TwiML for the called person alone, before the connection is made."""
    hold: Callable[[], Coroutine[None, None, None]] | None = None
    """What the leg does while it is connected; without it, it just stays."""


_E164 = re.compile(r"\+[1-9]\d{6,14}")


class Exchange:
    """The twin's switchboard. `leg_life` is how a dialled leg lives (`lifecycle.leg`)."""

    def __init__(self, options: TwilioOptions, leg_life: LegLife) -> None:
        self.options = options
        self.debugger = Debugger()
        self.clock = FrameClock()
        self.numbers = Numbers(options)
        self.webhooks = Webhooks(options.auth_token, self.debugger, options.webhook_timeout_s)
        self.calls: dict[str, TwinCall] = {}
        self.conferences: dict[str, Conference] = {}
        self._leg_life = leg_life
        self._ordinals = itertools.count()
        self._lives: set[asyncio.Task[None]] = set()
        self._next_create_s = 0.0

    def new_call(
        self, identity: CallIdentity, script: Sequence[Step] = (), network: Network | None = None
    ) -> TwinCall:
        """A call that is queued: known to everybody, not started."""
        call = TwinCall(
            identity,
            script=script,
            network=network or self.options.network,
            options=self.options,
            debugger=self.debugger,
            clock=self.clock,
        )
        self.calls[call.sid] = call
        return call

    def identity(self, to: str, from_: str, direction: str, parent_sid: str = "") -> CallIdentity:
        """Who calls whom."""
        return CallIdentity(to, from_, direction, next(self._ordinals), parent_sid)

    def live(self, call: TwinCall, life: Coroutine[None, None, None]) -> None:
        """Runs the life of a call. A mistake of the twin's own ends the call too, and is shown."""
        task = asyncio.get_running_loop().create_task(life)
        self._lives.add(task)

        def over(done: asyncio.Task[None]) -> None:
            self._lives.discard(done)
            if not call.is_over:
                call.end(Ending("twin-error", "failed"))
                call.leave_clock()
                call.over()
                done.result()
            self._forget()

        task.add_done_callback(over)

    def start_leg(self, call: TwinCall, plan: LegPlan) -> None:
        """Dials."""
        self.live(call, self._leg_life(self, call, plan))

    def _forget(self) -> None:
        """Lets go of the oldest that have ended, when no more of them are to stay known."""
        if (kept := self.options.keep_ended) is None:
            return
        calls = [sid for sid, call in self.calls.items() if call.is_over]
        for sid in calls[: max(0, len(calls) - kept)]:
            del self.calls[sid]
        rooms = [sid for sid, room in self.conferences.items() if room.status == "completed"]
        for sid in rooms[: max(0, len(rooms) - kept)]:
            del self.conferences[sid]

    def announce(self, call: TwinCall, event: str, status: str) -> None:
        """The call reaches a new state: initiated, ringing, answered or completed."""
        call.status = status
        callbacks = call.callbacks
        if not callbacks.url or event not in callbacks.events:
            return
        pairs = progress_pairs(self.options.account_sid, call, call.callback_number)
        call.callback_number += 1
        call.spawn(self.webhooks.notify(call.sid, callbacks.url, pairs, callbacks.method))

    def answer(self, call: TwinCall) -> None:
        """The called side picks up."""
        if call.answered_s is None:
            call.answer()
            loop = asyncio.get_running_loop()
            limit = Ending("time-limit")
            call.time_limit = loop.call_later(call.time_limit_s, call.end, limit)
            self.announce(call, "answered", "in-progress")

    def conference(self, name: str) -> Conference:
        """The running conference of that name, or a new one."""
        for conference in self.conferences.values():
            if conference.friendly_name == name and conference.status != "completed":
                return conference
        conference = Conference(new_sid("CF"), name, self.tell_conference)
        self.conferences[conference.sid] = conference
        return conference

    def tell_conference(self, conference: Conference, call: TwinCall, event: str) -> None:
        """Sends a conference's status callback."""
        callbacks = conference.callbacks
        if callbacks.url and event in callbacks.events:
            pairs = conference.event_pairs(self.options.account_sid, call.sid, event)
            call.spawn(self.webhooks.notify(call.sid, callbacks.url, pairs, callbacks.method))

    def reserve_create_s(self) -> float:
        """How long a call created now must wait for its turn (calls per second), in seconds."""
        rate = self.options.calls_per_second
        if rate is None:
            return 0.0
        now = time.monotonic()
        at_s = max(now, self._next_create_s)
        self._next_create_s = at_s + 1 / rate
        return at_s - now

    async def close(self) -> None:
        """Ends every call and waits for it; whoever does not end in time is cancelled."""
        for call in self.calls.values():
            call.end(Ending("twin-stopped", "completed" if call.answered_s else "canceled"))
        if self._lives:
            await asyncio.wait(self._lives, timeout=self.options.close_timeout_s + 1)
        for task in tuple(self._lives):
            task.cancel()
        if self._lives:
            await asyncio.wait(self._lives)
        self.clock.stop()
        await self.webhooks.close()


def is_phone_number(text: str) -> bool:
    """Whether it is an E.164 number."""
    return _E164.fullmatch(text) is not None
