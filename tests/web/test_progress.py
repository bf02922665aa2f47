"""A status callback as news of a call."""

from datetime import UTC, datetime, timedelta

import pytest
from starlette.datastructures import FormData

from gateway.core.dialstate import News
from gateway.web.progress import progress_news

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SID = "CA" + "1" * 32


def news(**fields: str) -> News:
    """The news of a form."""
    return progress_news(FormData(list({"CallSid": SID, **fields}.items())), NOW)


def test_the_end_of_a_call() -> None:
    """With everything Twilio sends."""
    told = news(
        CallStatus="completed",
        SequenceNumber="3",
        SipResponseCode="200",
        CallDuration="42",
        Duration="1",
        AnsweredBy="human",
        Timestamp="Fri, 27 Nov 2026 11:59:30 +0000",
    )
    at = NOW - timedelta(seconds=30)
    assert told == News(
        at=at,
        status="completed",
        sequence=3,
        call_sid=SID,
        sip_code=200,
        answered_by="human",
        duration_s=42,
    )


def test_what_is_not_there_is_not_known() -> None:
    """Only the moment is: now."""
    assert news(CallStatus="ringing") == News(at=NOW, status="ringing", call_sid=SID)


@pytest.mark.parametrize(
    "stamp", ["", "yesterday", "Fri, 27 Nov 2026 13:59:30 +0000", "2026-11-27T11:00:00Z"]
)
def test_a_moment_that_cannot_be_is_now(stamp: str) -> None:
    """None, no date, one to come, another form."""
    assert news(Timestamp=stamp).at == NOW


def test_a_moment_without_a_zone_is_utc() -> None:
    """As the standard has it for -0000."""
    told = news(Timestamp="Fri, 27 Nov 2026 11:59:30 -0000")
    assert told.at == NOW - timedelta(seconds=30)


@pytest.mark.parametrize("number", ["", "-1", "1.5", "x", "9" * 30, "٣"])
def test_a_number_that_is_none_is_left_out(number: str) -> None:
    """Whatever stands there."""
    told = news(SequenceNumber=number, SipResponseCode=number, CallDuration=number)
    assert (told.sequence, told.sip_code, told.duration_s) == (None, None, None)
