"""Owns how calls begin and end: ringing, following TwiML with its interruptions, saying goodbye.

The three kinds: `inbound` (somebody calls a number of the account), `outbound` (created over REST)
and `leg` (dialled for another call).
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.sim.twilio.call import TwinCall
from gateway.sim.twilio.debugger import TWIN_UNSUPPORTED
from gateway.sim.twilio.exchange import Exchange, LegPlan
from gateway.sim.twilio.flow import Ending, Fetch, Source
from gateway.sim.twilio.interpreter import Interpreter
from gateway.sim.twilio.options import Callee

_UNANSWERED = {"caller-hangup": "no-answer", "twin-stopped": "canceled"}


@dataclass(frozen=True, slots=True)
class Detection:
    """Answering machine detection of an outbound call."""

    asynchronous: bool = False
    callback: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Outbound:
    """What REST asked for."""

    source: Source
    callee: Callee
    timeout_s: float = 60.0
    wait_s: float = 0.0
    detection: Detection | None = None


async def inbound(exchange: Exchange, call: TwinCall, voice: Fetch | None) -> None:
    """Somebody calls a number of the account; None when the number has no voice URL of its own."""
    exchange.announce(call, "ringing", "ringing")
    call.note("ringing")
    if voice is None:
        call.report(
            TWIN_UNSUPPORTED, "the number has no VoiceUrl (or a TwiML application or a trunk)"
        )
        call.end(Ending("no-voice-url", "failed"))
    await _lived(exchange, call, voice)


async def outbound(exchange: Exchange, call: TwinCall, order: Outbound) -> None:
    """A call created over REST: waits for its turn, rings, asks for TwiML when answered."""
    call.queue_ms = round(order.wait_s * 1000)
    await call.interrupts.during(asyncio.sleep(order.wait_s))
    await _ring(exchange, call, order.callee, order.timeout_s)
    if call.ending is None:
        exchange.answer(call)
    source = order.source
    if call.ending is None and order.detection:
        source = await _detect(exchange, call, order.callee, order.detection) or source
    await _lived(exchange, call, source)


async def leg(exchange: Exchange, call: TwinCall, plan: LegPlan) -> None:
    """A dialled leg: rings, hears the whisper, is connected until somebody ends it."""
    await _ring(exchange, call, plan.callee, plan.timeout_s)
    if call.ending is None:
        exchange.answer(call)
        if plan.whisper is not None:
            await _follow(exchange, call, plan.whisper)
    detour: Source | None = None
    if call.ending is None:
        call.bridge.made.set()
        detour = await call.interrupts.during(plan.hold() if plan.hold else _forever())
        call.bridge.left.set()
    await _lived(exchange, call, detour)


async def _forever() -> None:
    await asyncio.Event().wait()


async def _ring(exchange: Exchange, call: TwinCall, callee: Callee, timeout_s: float) -> None:
    if call.ending is None:
        exchange.announce(call, "initiated", "initiated")
        await call.interrupts.during(_ringing(exchange, call, callee, timeout_s))


async def _ringing(exchange: Exchange, call: TwinCall, callee: Callee, timeout_s: float) -> None:
    if callee.outcome == "failed":
        call.end(Ending("failed", "failed"))
        return
    exchange.announce(call, "ringing", "ringing")
    call.note("ringing")
    ring_s = callee.ring_ms / 1000
    if callee.outcome == "no-answer" or ring_s > timeout_s:
        await asyncio.sleep(timeout_s)
        call.end(Ending("no-answer", "no-answer"))
        return
    await asyncio.sleep(ring_s)
    if callee.outcome == "busy":
        call.end(Ending("busy", "busy"))


async def _detect(
    exchange: Exchange, call: TwinCall, callee: Callee, detection: Detection
) -> Source | None:
    """Answering machine detection: beside the call when asynchronous, else the TwiML waits for it.

    Returns where the call was sent to meanwhile, if it was.
    """
    if not detection.asynchronous:
        detour = await call.interrupts.during(asyncio.sleep(callee.detection_ms / 1000))
        call.answered_by = callee.answered_by
        return detour
    call.spawn(_detect_beside(exchange, call, callee, detection))
    return None


async def _detect_beside(
    exchange: Exchange, call: TwinCall, callee: Callee, detection: Detection
) -> None:
    try:
        async with asyncio.timeout(callee.detection_ms / 1000):
            await call.interrupts.ended.wait()
        return
    except TimeoutError:
        pass
    call.answered_by = callee.answered_by
    call.note("answered-by", callee.answered_by)
    pairs = (
        ("AccountSid", exchange.options.account_sid),
        ("AnsweredBy", callee.answered_by),
        ("CallSid", call.sid),
        ("MachineDetectionDuration", str(callee.detection_ms)),
    )
    if detection.callback:
        await exchange.webhooks.notify(call.sid, detection.callback, pairs, detection.method)


async def _lived(exchange: Exchange, call: TwinCall, source: Source | None) -> None:
    if source is not None:
        await _follow(exchange, call, source)
    await _conclude(exchange, call)


async def _follow(exchange: Exchange, call: TwinCall, source: Source) -> None:
    """TwiML after TwiML, until it runs out or the call is ended."""
    following: Source | None = source
    while following is not None and call.ending is None:
        following = await call.interrupts.during(Interpreter(exchange, call).run(following))


async def _conclude(exchange: Exchange, call: TwinCall) -> None:
    """The end: final status, last callbacks, and only then is the call over."""
    call.end(Ending("completed"))
    ending = call.ending
    assert ending is not None
    call.leave_clock()
    if call.time_limit is not None:
        call.time_limit.cancel()
    call.ended_at = datetime.now(UTC)
    call.note("ended", ending.reason)
    status = ending.status
    if status == "completed" and call.answered_s is None:
        status = _UNANSWERED.get(ending.reason, "no-answer")
    exchange.announce(call, "completed", status)
    await call.settled()
    for stream in call.streams:
        await stream.closed()
    call.over()
