"""Owns the form fields of Twilio's requests. Pure.

https://www.twilio.com/docs/voice/twiml#twilios-request-to-your-application. The order is
alphabetical, as in real requests. Some fields are blank on purpose: they count for the signature.
"""

from datetime import UTC, datetime
from email.utils import format_datetime

from gateway.sim.twilio.call import TwinCall
from gateway.sim.twilio.stream import TwinStream

API_VERSION = "2010-04-01"

Pairs = tuple[tuple[str, str], ...]


def voice_pairs(account_sid: str, call: TwinCall, extra: Pairs = ()) -> Pairs:
    """What every voice request carries."""
    identity = call.identity
    fields = {
        "AccountSid": account_sid,
        "ApiVersion": API_VERSION,
        "CallSid": call.sid,
        "CallStatus": call.status,
        "Called": identity.to,
        "Caller": identity.from_,
        "Direction": identity.direction,
        "From": identity.from_,
        "To": identity.to,
        **_place("Called", identity.to),
        **_place("Caller", identity.from_),
        **_place("From", identity.from_),
        **_place("To", identity.to),
    }
    if identity.direction == "inbound":
        fields["CallToken"] = (
            '{"parentCallInfoToken":"eyJhbGciOiJFUzI1NiJ9","identityHeaderTokens":[]}'
        )
        fields["StirVerstat"] = "TN-Validation-Passed-A"
    if identity.parent_sid:
        fields["ParentCallSid"] = identity.parent_sid
    if call.answered_by:
        fields["AnsweredBy"] = call.answered_by
    return _sorted(fields, extra)


def progress_pairs(account_sid: str, call: TwinCall, number: int) -> Pairs:
    """What a status callback carries; `number` counts the callbacks of this call from 0."""
    extra = [
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", str(number)),
        ("Timestamp", rfc2822(datetime.now(UTC))),
    ]
    if call.ended_at is not None:
        seconds = call.duration_s
        extra += [
            ("CallDuration", str(seconds)),
            ("Duration", str(-(-seconds // 60))),
            ("SipResponseCode", _SIP.get(call.status, "200")),
        ]
    return voice_pairs(account_sid, call, tuple(extra))


def stream_pairs(
    account_sid: str, call: TwinCall, stream: TwinStream, event: str, error: str, now_ns: int
) -> Pairs:
    """What a stream status callback carries; `now_ns` is wall-clock time in nanoseconds."""
    fields = {
        "AccountSid": account_sid,
        "CallSid": call.sid,
        "StreamEvent": event,
        "StreamName": stream.plan.name or stream.sid,
        "StreamSid": stream.sid,
        "Timestamp": nanosecond_stamp(now_ns),
    }
    if error:
        fields["StreamError"] = error
    return _sorted(fields)


def rfc2822(moment: datetime) -> str:
    """E.g. `Fri, 20 Nov 2026 11:20:00 +0000`."""
    return format_datetime(moment)


def nanosecond_stamp(now_ns: int) -> str:
    """E.g. `2026-11-20T11:20:00.602648368Z`."""
    seconds, rest = divmod(now_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


_SIP = {"busy": "486", "no-answer": "487", "canceled": "487", "failed": "404"}


def _place(prefix: str, number: str) -> dict[str, str]:
    known = number.startswith("+1")
    return {
        f"{prefix}City": "",
        f"{prefix}Country": "US" if known else "",
        f"{prefix}State": "CA" if known else "",
        f"{prefix}Zip": "",
    }


def _sorted(fields: dict[str, str], extra: Pairs = ()) -> Pairs:
    return tuple(sorted((*fields.items(), *extra)))
