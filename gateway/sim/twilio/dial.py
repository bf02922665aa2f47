"""Owns `<Dial>`: rings other numbers for a call, or puts it into a conference.

https://www.twilio.com/docs/voice/twiml/dial
"""

import asyncio

from gateway.sim.twilio.call import TwinCall
from gateway.sim.twilio.conference import Participant
from gateway.sim.twilio.debugger import TWIML_SCHEMA
from gateway.sim.twilio.exchange import LegPlan
from gateway.sim.twilio.flow import Callbacks, Ending, Fetch, Flow
from gateway.sim.twilio.mixing import Mixer
from gateway.sim.twilio.run import Pairs, Run
from gateway.sim.twilio.twiml import Verb

_TIMEOUT_S = 30
_TIME_LIMIT_S = 4 * 3600


async def dial(run: Run, verb: Verb) -> Flow:
    """Rings or joins; afterwards `action` decides, or the next verb."""
    run.call.script_runs = True
    room = next((child for child in verb.children if child.name == "Conference"), None)
    if room is not None:
        run.answer()
        return run.action(verb, await _meet(run, room))
    return run.action(verb, await _ring(run, verb))


async def _meet(run: Run, room: Verb) -> Pairs:
    conference = run.exchange.conference(room.text)
    if room.get("statusCallback") and not conference.callbacks.url:
        conference.callbacks = callbacks(run, room, default="")
    run.call.note("conference", room.text)
    await conference.attend(
        Participant(
            run.call,
            label=room.get("participantLabel"),
            muted=room.flag("muted"),
            start_conference_on_enter=room.flag("startConferenceOnEnter", True),
            end_conference_on_exit=room.flag("endConferenceOnExit"),
        )
    )
    return (("ConferenceSid", conference.sid), ("DialCallStatus", "answered"))


async def _ring(run: Run, verb: Verb) -> Pairs:
    legs = [_start_leg(run, verb, noun) for noun in _numbers(verb)]
    if not legs:
        run.call.report(TWIML_SCHEMA, "<Dial> without a number")
        return (("DialBridged", "false"), ("DialCallStatus", "failed"))
    try:
        bridged = await _first_bridged(legs)
        for leg in legs:
            if leg is not bridged:
                leg.end(Ending("canceled", "canceled"))
        if bridged is None:
            return _outcome(legs[-1], bridged=False)
        run.answer()
        run.call.note("bridged", bridged.identity.to)
        await _talk(run.call, bridged, verb.number("timeLimit", _TIME_LIMIT_S))
        return _outcome(bridged, bridged=True)
    finally:
        for leg in legs:
            if not leg.bridge.left.is_set():
                leg.end(Ending("dial-ended"))


def _numbers(verb: Verb) -> list[Verb]:
    plain = [Verb("Number", {}, verb.text, ())] if verb.text else []
    return plain + [child for child in verb.children if child.name == "Number"]


def _start_leg(run: Run, verb: Verb, noun: Verb) -> TwinCall:
    exchange, call = run.exchange, run.call
    caller_id = verb.get("callerId") or call.identity.from_
    callee = exchange.options.callee(noun.text)
    identity = exchange.identity(noun.text, caller_id, "outbound-dial", call.sid)
    leg = exchange.new_call(identity, callee.script)
    leg.callbacks = callbacks(run, noun, default="completed")
    whisper = None
    if url := noun.get("url"):
        whisper = Fetch(run.resolve(url), noun.get("method", "POST").upper())
    call.note("dial", noun.text)
    exchange.start_leg(leg, LegPlan(callee, verb.number("timeout", _TIMEOUT_S), whisper))
    return leg


async def _first_bridged(legs: list[TwinCall]) -> TwinCall | None:
    """The first leg that is there to talk; None when all of them ended."""
    waiting = {asyncio.create_task(_is_bridged(leg)): leg for leg in legs}
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                leg = waiting.pop(task)
                if task.result():
                    return leg
        return None
    finally:
        for task in waiting:
            task.cancel()


async def _is_bridged(leg: TwinCall) -> bool:
    events = {asyncio.create_task(leg.bridge.made.wait()), asyncio.create_task(leg.until_over())}
    try:
        await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for event in events:
            event.cancel()
    return leg.bridge.made.is_set()


async def _talk(call: TwinCall, leg: TwinCall, limit_s: float) -> None:
    """Until one side ends it, or the leg is sent to other TwiML over REST."""
    mixer = Mixer()
    for each in (call, leg):
        each.meet(mixer)
    try:
        async with asyncio.timeout(limit_s):
            await leg.bridge.left.wait()
    except TimeoutError:
        leg.end(Ending("dial-time-limit"))
        await leg.bridge.left.wait()
    finally:
        for each in (call, leg):
            each.part()


def _outcome(leg: TwinCall, *, bridged: bool) -> Pairs:
    return (
        ("DialBridged", "true" if bridged else "false"),
        ("DialCallDuration", str(leg.duration_s)),
        ("DialCallSid", leg.sid),
        ("DialCallStatus", "completed" if bridged else leg.status),
    )


def callbacks(run: Run, noun: Verb, default: str) -> Callbacks:
    """A noun's statusCallback attributes."""
    return Callbacks(
        url=run.resolve(noun.get("statusCallback")) if noun.get("statusCallback") else "",
        method=noun.get("statusCallbackMethod", "POST").upper(),
        events=frozenset(noun.get("statusCallbackEvent", default).split()),
    )
