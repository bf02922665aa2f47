"""A status callback as news of a call: what each of its fields means, and which may be missing.

https://www.twilio.com/docs/voice/api/call-resource#statuscallback
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from starlette.datastructures import FormData

from gateway.core.dialstate import News

_LATEST = timedelta(minutes=5)
"""A moment so far ahead of our clock is none of this world."""


def progress_news(form: FormData, now: datetime) -> News:
    """The news of one callback, which came now."""
    return News(
        at=_moment(_text(form, "Timestamp"), now),
        status=_text(form, "CallStatus"),
        sequence=_number(form, "SequenceNumber"),
        call_sid=_text(form, "CallSid"),
        sip_code=_number(form, "SipResponseCode"),
        answered_by=_text(form, "AnsweredBy"),
        duration_s=_number(form, "CallDuration"),
    )


def _moment(text: str, now: datetime) -> datetime:
    """When it happened (RFC 2822), as far as that can be."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return now
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment if moment < now + _LATEST else now


def _number(form: FormData, name: str) -> int | None:
    text = _text(form, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value[:64] if isinstance(value, str) else ""
