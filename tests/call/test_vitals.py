"""What the audio path counts: frames, the gaps between them, silence, and how long a frame took."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.call.inbound import Microphone
from gateway.call.vitals import SHARE, Vitals
from tests.call.calls import media
from tests.call.watching import Chronicle

WORD = b"\x55" * 160


class Stream:
    """A caller's stream whose frames come when a test says so."""

    def __init__(self, share: float) -> None:
        self.vitals = Vitals(share=share)
        self.sampled: Chronicle[float] = Chronicle()
        self.microphone = Microphone(lambda payload: None, self.vitals, self.sampled.add)
        self.microphone.start()
        self._number = 0

    def frames(self, *moments: float) -> None:
        """A frame at each of these moments."""
        for moment in moments:
            self.microphone.frame(media(WORD, 20 * self._number), moment)
            self._number += 1

    def look(self) -> None:
        """The next look, now."""
        self.microphone._look()


@pytest_asyncio.fixture
async def stream() -> AsyncIterator[Stream]:
    """One of which everything is measured."""
    stream = Stream(1.0)
    yield stream
    stream.microphone.stop()


pytestmark = pytest.mark.asyncio


async def test_every_gap_is_counted_where_it_ends_and_once(stream: Stream) -> None:
    """A look in between, however long nothing came, does not hide it."""
    stream.frames(1.0, 1.02, 1.04)
    stream.look()
    stream.frames(1.24, 1.26)
    stream.look()
    stream.look()
    stream.microphone.stop()
    assert stream.vitals.inbound_gap.count == 4
    assert stream.vitals.inbound_gap.total == pytest.approx(0.26)
    assert stream.vitals.caller_frames == 5


async def test_another_stream_has_no_gap_before_it(stream: Stream) -> None:
    """The caller was away meanwhile: nobody sent anything."""
    stream.frames(1.0, 1.02)
    stream.microphone.start()
    stream.frames(61.0, 61.02)
    stream.microphone.stop()
    assert stream.vitals.inbound_gap.count == 2
    assert stream.vitals.inbound_gap.total == pytest.approx(0.04)
    assert stream.vitals.caller_frames == 4


async def test_the_first_frame_after_each_look_is_timed(stream: Stream) -> None:
    """One is enough: what a frame takes does not change within half a second."""
    stream.frames(1.0, 1.02, 1.04)
    stream.look()
    stream.frames(1.06, 1.08)
    assert stream.sampled.rows == [1.0, 1.06]


async def test_what_is_not_drawn_is_not_measured_but_counted() -> None:
    """Frames are all in the sum of frames; there is a next look whatever is measured."""
    stream = Stream(0.0)
    stream.frames(1.0, 1.02)
    assert stream.microphone._timer is not None
    stream.look()
    stream.frames(1.04)
    stream.microphone.stop()
    assert stream.vitals.inbound_gap.count == len(stream.sampled) == 0
    assert stream.vitals.caller_frames == 3


async def test_a_share_of_all_is_drawn() -> None:
    """By lot, so that no call and no moment is preferred."""
    drawn = sum(Vitals().drawn() for _ in range(4000))
    assert 0.5 * SHARE < drawn / 4000 < 1.5 * SHARE


async def test_silence_for_frames_that_never_came_is_counted() -> None:
    """In bytes of mu-law, as it was passed on."""
    vitals = Vitals()
    microphone = Microphone(lambda payload: None, vitals)
    microphone.start()
    microphone.frame(media(WORD, 0), time.monotonic())
    microphone.frame(media(WORD, 120), time.monotonic())
    microphone.stop()
    await asyncio.sleep(0)
    assert vitals.padded_bytes == 5 * 160
