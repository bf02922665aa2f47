"""Calls back: agreed on in a call, let in as a call of ours ahead of its time.

Owns what the agent is told, so that it can tell the caller: when it will be, or what forbids it.
Whoever changes their mind within a call has one call back, the last.
"""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import structlog

from gateway.call.callbacks import CallbackWish, data_of
from gateway.call.context import Errand
from gateway.core.appointments import agreed, moment, zone_of
from gateway.core.callee import Callee, Refusal, parse
from gateway.ops.placing.book import DATABASE_FAULTS
from gateway.ops.placing.placing import Placing
from gateway.settings import Settings
from gateway.store.dials import Ask, Dial, Dials

MOST = 5
"""Times one call may be told another time."""
_RING_S = 60
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)

_NOT_WRITTEN = (
    "Not done: it could not be written down just now. Say so, and ask the caller to call again."
)
_WORDS = {
    "when": "`when` must be ISO 8601 with a time of day, such as 2026-11-27T15:30",
    "past": "that time has passed; where the caller is, it is {now}",
    "too_far": "that is more than 30 days ahead: agree on an earlier day",
    "zone": "the caller may be in one of several time zones: ask in which, and write `when` with "
    "its offset from UTC",
    "times": "the time was changed too often in this call: the last one stands",
    "quiet_hours": "nobody is called from {quiet} where the caller is: agree on a time outside of "
    "that",
    "do_not_call": "the caller's number is on the list of those that are not called",
    "per_number": "this number may not be called that often: agree on another day",
    "per_minute": "too many calls are to be made at that time: agree on another one",
    "per_day": "too many calls are to be made on that day: agree on another one",
    "at_once": "too many calls are made just now: agree on a later time",
    "switch": "calling out is switched off for the time being",
    "country": "numbers of the caller's country are not called from here",
    "prefix": "numbers like the caller's are not called from here",
}
"""By rule, what the agent is told; it is the caller who hears it."""
_OTHER = "the caller's number cannot be called back from here"
_TROUBLE = "it cannot be arranged, for reasons that are not the caller's"

_log = structlog.get_logger()


class CallbackDesk:
    """Takes the wishes of all calls. Lives in the loop of the calls."""

    def __init__(self, placing: Placing, dials: Dials, settings: Settings) -> None:
        self._placing = placing
        self._dials = dials
        self._settings = settings
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, wish: CallbackWish) -> str:
        """What came of it, in words for the agent."""
        callee = parse(wish.number)
        at = callee if isinstance(callee, Refusal) else self._moment(callee, wish)
        if isinstance(at, Refusal):
            return self._refused(wish, at, callee)
        try:
            async with self._one_at_a_time:
                dial = await self._let_in(wish, at)
        except DATABASE_FAULTS as error:
            _log.warning("callback.not_written", call_sid=wish.call_sid, error=type(error).__name__)
            return _NOT_WRITTEN
        if isinstance(dial, Refusal):
            return self._refused(wish, dial, callee)
        _log.info("callback.agreed", call_sid=wish.call_sid, dial=dial.id)
        return f"The caller will be called back on {told(at)}. Tell them so."

    def _moment(self, callee: Callee, wish: CallbackWish) -> datetime | Refusal:
        at = moment(wish.when, callee.zones, wish.timezone)
        if isinstance(at, Refusal):
            return at
        return agreed(at, self._placing.now()) or at

    async def _let_in(self, wish: CallbackWish, at: datetime) -> Dial | Refusal:
        keys = [f"callback:{wish.call_sid}:{ordinal}" for ordinal in range(1, MOST + 1)]
        known = await self._dials.under(keys)
        waiting = [each for each in known if each.state == "waiting"]
        dial: Dial | Refusal | None = next((it for it in waiting if it.not_before == at), None)
        if dial is None:
            if len(known) == MOST:
                return Refusal("times", "", "changed too often")
            dial = await self._placing.ask(self._ask(wish, at, keys[len(known)]))
        if isinstance(dial, Dial):  # one that could not be taken back the last time, too
            for each in waiting:
                if each.id != dial.id:
                    await self._placing.take_back(each.id)
        return dial

    def _ask(self, wish: CallbackWish, at: datetime, key: str) -> Ask:
        errand = wish.errand or Errand("")
        return Ask(
            to=wish.number,
            from_=wish.ours if _E164.fullmatch(wish.ours) else self._settings.twilio_phone_number,
            agent=wish.agent,
            campaign=wish.campaign or None,
            data=data_of(wish),
            record=errand.record,
            amd=errand.amd,
            max_minutes=errand.max_minutes,
            ring_s=_RING_S,
            by="callback",
            key=key,
            not_before=at,
            expires_at=at + timedelta(seconds=self._settings.outbound_max_age_s),
        )

    def _refused(self, wish: CallbackWish, refusal: Refusal, callee: Callee | Refusal) -> str:
        _log.info("callback.refused", call_sid=wish.call_sid, rule=refusal.rule)
        if isinstance(callee, Refusal):
            return f"Not done: {_OTHER}."
        zone = zone_of(callee.zones, wish.timezone) or UTC
        words = _WORDS.get(refusal.rule, _TROUBLE)
        now, quiet = told(self._placing.now().astimezone(zone)), self._settings.outbound_quiet
        return f"Not done: {words.format(now=now, quiet=quiet.replace('-', ' to '))}."


def told(at: datetime) -> str:
    """A moment, as somebody would say it."""
    return f"{at:%A}, {at.day} {at:%B %Y}, {at:%H:%M} ({at.tzinfo})"
