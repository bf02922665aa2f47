"""The caller's side of a call: the stream, what comes through it, and another one after it."""

import asyncio
import time

import pytest

from gateway.call.dialogue import Dialogue
from gateway.call.downstream import Downstream
from gateway.core.events import CallAnswered, CallEvent, CarrierOddity
from gateway.core.pacing import Pacing
from tests.call.calls import media
from tests.call.carriers import STREAM_SID, SilentCarrier, start


class Side:
    """A caller's side with nobody on the other one."""

    def __init__(self) -> None:
        self.events: list[CallEvent] = []
        self.gone: list[str] = []
        self.keys = 0
        self.dialogue = Dialogue(
            pacing=Pacing(),
            formats=("audio/pcmu", "audio/pcmu"),
            greeting=None,
            withheld=frozenset(),
            emit=self.events.append,
            on_lost=lambda reason, detail: None,
            on_interrupted=lambda item: None,
        )
        self.downstream = Downstream(
            self.dialogue,
            self.events.append,
            say=lambda text: None,
            on_key=self.pressed,
            on_gone=self.gone.append,
        )

    def pressed(self) -> None:
        self.keys += 1


@pytest.mark.asyncio
async def test_a_stream_opens_the_clock_of_the_call_once() -> None:
    """What comes later counts from the first one, whatever streams follow."""
    side, first, second = Side(), SilentCarrier(), SilentCarrier()
    states = [side.downstream.is_open]
    side.downstream.attach(start(), first)
    states.append(side.downstream.is_open)
    opened_at = side.dialogue.opened_at
    side.downstream.part()
    states.append(side.downstream.is_open)
    assert states == [False, True, False]
    assert len(first.closed) == 1
    await asyncio.sleep(0)
    side.downstream.attach(start(), second)
    assert side.dialogue.opened_at == opened_at
    answered = [event for event in side.events if isinstance(event, CallAnswered)]
    assert [event.stream_sid for event in answered] == [STREAM_SID, STREAM_SID]
    side.downstream.close()
    assert len(second.closed) == 1


@pytest.mark.asyncio
async def test_frames_go_to_the_model_and_their_times_to_the_ledger() -> None:
    """A frame is counted, its timestamp is the carrier's clock."""
    side = Side()
    side.downstream.attach(start(), SilentCarrier())
    side.downstream.carrier_frame(media(timestamp_ms=40))
    assert side.downstream.microphone.frames == 1
    assert side.dialogue.outbound.ledger.playout.carrier_clock.last_timestamp_s == 0.04
    side.downstream.close()


@pytest.mark.asyncio
async def test_what_a_frame_takes_counts_from_when_it_was_read() -> None:
    """One that is held for a model that is not there yet was not forwarded, and does not count."""
    side = Side()
    side.dialogue.vitals.share = 1.0
    forwarded = side.dialogue.vitals.frame_forward
    side.downstream.attach(start(), SilentCarrier())
    side.downstream.carrier_frame(media(timestamp_ms=20), time.monotonic())
    assert forwarded.count == 0
    side.dialogue.connect(lambda message: None)
    side.dialogue.inbound.open(lambda message: None)
    side.downstream.microphone._look()
    for n in range(2, 5):
        side.downstream.carrier_frame(media(timestamp_ms=20 * n), time.monotonic() - 1.0)
    assert forwarded.count == 1
    assert forwarded.total >= 1.0
    side.downstream.close()


@pytest.mark.asyncio
async def test_keys_oddities_and_the_end_are_passed_on() -> None:
    """Each to the one whose business it is."""
    side = Side()
    side.downstream.attach(start(), SilentCarrier())
    side.downstream.carrier_digit("5")
    side.downstream.carrier_oddity("unknown_event")
    side.downstream.carrier_gone("socket_lost")
    assert (side.keys, side.gone) == (1, ["socket_lost"])
    assert CarrierOddity("unknown_event") in side.events
    side.downstream.close()
