"""Owns `<Connect><Stream>`: opens the media stream, stays until it ends, tells where to go on.

https://www.twilio.com/docs/voice/twiml/connect and https://www.twilio.com/docs/voice/twiml/stream
"""

import random
import time

from gateway.sim.twilio.call import TwinCall, new_sid
from gateway.sim.twilio.debugger import (
    INVALID_TRACK,
    TWIML_SCHEMA,
    TWIN_UNSUPPORTED,
    TwilioFault,
)
from gateway.sim.twilio.flow import Flow
from gateway.sim.twilio.parameters import stream_pairs
from gateway.sim.twilio.run import Run
from gateway.sim.twilio.stream import StreamContext, StreamEnd, StreamPlan, TwinStream
from gateway.sim.twilio.twiml import Verb
from gateway.sim.twilio.webhooks import is_url

_PARAMETER_LIMIT = 500


async def connect(run: Run, verb: Verb) -> Flow:
    """Runs the stream. Afterwards `action` decides; the next verb, when there never was one."""
    noun = next((child for child in verb.children if child.name == "Stream"), None)
    if noun is None:
        run.call.report(TWIN_UNSUPPORTED, "<Connect> without <Stream>")
        return None
    end = await _streamed(run, noun)
    if end is None:
        return None  # `action` is of a stream that was: after a failure the next verb runs
    if end.kind == "lost" and not run.exchange.options.action_after_loss:
        return None
    return run.action(verb)


async def _streamed(run: Run, noun: Verb) -> StreamEnd | None:
    """Opens the stream and waits for its end; None when it could not be opened."""
    call = run.call
    call.script_runs = False
    try:
        stream = _stream_of(call, stream_plan(noun))
    except TwilioFault as fault:
        call.report(fault.code, fault.detail)
        return None
    try:
        await stream.open()
    except TwilioFault as fault:
        call.report(fault.code, fault.detail)
        _notify(run, stream, "stream-error", str(fault))
        return None
    call.begin_stream(stream)
    _notify(run, stream, "stream-started")
    try:
        end = await stream.ended
    finally:
        stream.hang_up()
        call.stream = None
        call.script_runs = False
        call.note("stream-ended", stream.sid)
        _notify(run, stream, *_event(stream))
    return end


def _stream_of(call: TwinCall, plan: StreamPlan) -> TwinStream:
    """A stream of this call, not connected yet."""
    seed = f"{call.network.seed}/{call.identity.ordinal}/{len(call.streams)}"
    context = StreamContext(
        sid=new_sid("MZ"),
        call_sid=call.sid,
        options=call.options,
        network=call.network,
        rng=random.Random(seed),
        report=call.report,
    )
    return TwinStream(plan, context)


def stream_plan(noun: Verb) -> StreamPlan:
    """What `<Stream>` asks for; `TwilioFault` 31941 for its track, 12200 for a parameter or
    callback."""
    if noun.get("track", "inbound_track") != "inbound_track":
        raise TwilioFault(INVALID_TRACK, "only inbound_track is allowed in <Connect>")
    parameters: dict[str, str] = {}
    for child in noun.children:
        name, value = child.get("name"), child.get("value")
        if not name or len(name) + len(value) >= _PARAMETER_LIMIT:
            raise TwilioFault(
                TWIML_SCHEMA, "<Parameter> without name, or of 500 characters or more"
            )
        parameters[name] = value
    callback = noun.get("statusCallback")
    if callback and not is_url(callback):
        raise TwilioFault(TWIML_SCHEMA, "the statusCallback of <Stream> must be absolute")
    return StreamPlan(
        url=noun.get("url"),
        name=noun.get("name"),
        parameters=parameters,
        status_callback=callback,
        status_callback_method=noun.get("statusCallbackMethod", "POST").upper(),
    )


def _event(stream: TwinStream) -> tuple[str, str]:
    end = stream.ended.result() if stream.ended.done() else StreamEnd("stopped")
    if end.kind in ("lost", "protocol-error"):
        return "stream-error", f"{end.code} {end.detail}"
    return "stream-stopped", ""


def _notify(run: Run, stream: TwinStream, event: str, error: str = "") -> None:
    plan = stream.plan
    if plan.status_callback:
        pairs = stream_pairs(
            run.exchange.options.account_sid, run.call, stream, event, error, time.time_ns()
        )
        webhooks = run.exchange.webhooks
        run.call.spawn(
            webhooks.notify(run.call.sid, plan.status_callback, pairs, plan.status_callback_method)
        )
