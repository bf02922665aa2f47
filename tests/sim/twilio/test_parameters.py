"""The form fields of Twilio's requests."""

import pytest

from gateway.sim.twilio import TwilioOptions
from gateway.sim.twilio.call import CallIdentity, TwinCall
from gateway.sim.twilio.clock import FrameClock
from gateway.sim.twilio.debugger import Debugger
from gateway.sim.twilio.network import Network
from gateway.sim.twilio.parameters import nanosecond_stamp, progress_pairs, voice_pairs


def a_call(
    direction: str = "inbound", parent_sid: str = "", from_: str = "+15550001111"
) -> TwinCall:
    """A call nobody has answered."""
    return TwinCall(
        CallIdentity("+15550002222", from_, direction, 0, parent_sid),
        script=(),
        network=Network(),
        options=TwilioOptions("AC1", "t"),
        debugger=Debugger(),
        clock=FrameClock(),
    )


@pytest.mark.asyncio
async def test_fields_are_sorted_unique_and_partly_blank() -> None:
    """As in real requests."""
    pairs = voice_pairs("AC1", a_call(), (("Digits", "1"),))
    names = [name for name, _ in pairs]
    assert names == sorted(set(names))
    form = dict(pairs)
    assert (form["FromCity"], form["FromCountry"], form["Digits"]) == ("", "US", "1")
    assert "ParentCallSid" not in form


@pytest.mark.asyncio
async def test_fields_depend_on_the_call() -> None:
    """A leg names its parent, a foreign or anonymous caller has no place, outbound has no token."""
    form = dict(voice_pairs("AC1", a_call("outbound-dial", "CA0", from_="anonymous")))
    assert form["ParentCallSid"] == "CA0"
    assert form["FromCountry"] == ""
    assert "CallToken" not in form
    assert "AnsweredBy" not in form


@pytest.mark.asyncio
async def test_durations_come_with_the_end_only() -> None:
    """Before it there is nothing to bill."""
    form = dict(progress_pairs("AC1", a_call(), 3))
    assert form["SequenceNumber"] == "3"
    assert "CallDuration" not in form


def test_nanoseconds_have_nine_digits() -> None:
    """Also when they begin with zeros."""
    assert nanosecond_stamp(1_732_838_979_002_648_368) == "2024-11-29T00:09:39.002648368Z"
