"""Where both sides of a call are heard: nobody costs nothing, and streams come and go."""

import asyncio

import pytest

from gateway.core.stereo import Ears, StereoTape
from tests.call.model_events import spoken
from tests.call.talk import speech
from tests.call.taped import Taped


@pytest.mark.asyncio
async def test_only_who_is_there_stands_on_the_audio_path() -> None:
    """Nobody: an empty place. One: its own tape. Several: one after the other."""
    call = Taped()
    early = call.taps.open()
    assert call.slots == [None, None]
    call.answer()
    assert call.slots == [early.stereo] * 2
    assert call.kinds == [StereoTape, StereoTape]
    late = call.taps.open()
    assert call.kinds == [Ears, Ears]
    assert call.slots[0] is call.slots[1]
    call.taps.close(early)
    assert call.slots == [late.stereo] * 2
    call.taps.close(late)
    assert call.slots == [None, None]
    call.close()


@pytest.mark.asyncio
async def test_each_hears_from_when_it_came_and_takes_when_it_likes() -> None:
    """Its place on the clock of the call is known."""
    call = Taped()
    call.answer()
    one = call.taps.open()
    call.say(b"a", 2)
    two = call.taps.open()
    call.say(b"b", 2)
    assert one.take()[0::2] == b"a" * 320 + b"b" * 320
    assert two.at_ms == 40
    call.say(b"c")
    assert two.take()[0::2] == b"b" * 320 + b"c" * 160
    assert (one.take()[0::2], one.take()) == (b"c" * 160, b"")
    assert (one.at_ms, two.at_ms) == (100, 100)
    call.close()


@pytest.mark.asyncio
async def test_who_comes_while_the_agent_speaks_hears_the_rest() -> None:
    """What was sent before and is not heard yet is heard by them, too."""
    call = Taped()
    call.answer()
    call.say(b"a", 3)
    call.talk.hear(*spoken(speech(400)))
    late = call.taps.open()
    for _ in range(20):
        call.say(b"b")
        await asyncio.sleep(0.02)
    heard = late.take()[1::2].strip(b"\xff")
    assert heard in speech(400)
    assert len(heard) > 200 * 8
    call.close()


@pytest.mark.asyncio
async def test_between_two_streams_there_is_silence() -> None:
    """As long as it took; nothing is heard of what was on its way when the first was given up."""
    call = Taped()
    call.answer()
    reel = call.taps.open()
    call.say(b"a", 5)
    call.talk.hear(*spoken(speech(400)))
    call.part()
    assert call.slots == [None, None]
    await asyncio.sleep(0.2)
    call.answer()
    assert call.slots == [reel.stereo] * 2
    call.say(b"b", 5)
    stereo = reel.take()
    silence = len(stereo) // 2 - 1600
    assert silence >= 0.05 * 8000
    assert stereo[0::2] == b"a" * 800 + b"\xff" * silence + b"b" * 800
    assert stereo[1::2][800:] == b"\xff" * (silence + 800)
    call.close()


@pytest.mark.asyncio
async def test_when_it_began_is_known_from_the_callers_frames() -> None:
    """Not before there is one."""
    call = Taped()
    call.answer()
    reel = call.taps.open()
    reel.take()
    before = reel.from_ms
    call.say(b"a")
    reel.take()
    assert before is None
    assert reel.from_ms == pytest.approx(0.0, abs=1000)
    call.close()
