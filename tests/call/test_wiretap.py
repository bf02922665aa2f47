"""People who listen to a call: all hear the same, from when they came to when they leave."""

import asyncio

import pytest

from gateway.call.wiretap import MOST, ROLL_S, TooMany
from gateway.core.blanking import ToneFilter, blank
from gateway.core.tones import dtmf
from tests.call.calls import media
from tests.call.taped import Ear, Taped
from tests.call.watching import until


@pytest.mark.asyncio
async def test_all_who_listen_hear_the_same_from_when_they_came() -> None:
    """One tape for all of them; what was said before is for those who were there."""
    call = Taped()
    call.answer()
    first, second = Ear(), Ear()
    call.wiretap.join(first)
    call.say(b"a", 2)
    call.wiretap.join(second)
    assert (len(call.wiretap), first.caller, second.caller) == (2, b"a" * 320, b"")
    call.say(b"b", 2)
    call.wiretap._tick()
    assert first.caller == b"a" * 320 + b"b" * 320
    assert second.stereo == first.stereo[-len(second.stereo) :]
    assert call.wiretap.at_ms == 80
    call.close()
    assert first.news == second.news == ["ended: test_over"]
    assert (len(call.wiretap), call.slots) == (0, [None, None])


@pytest.mark.asyncio
async def test_they_are_told_ten_times_a_second() -> None:
    """By themselves, while anybody listens."""
    call = Taped()
    call.answer()
    ear = Ear()
    call.wiretap.join(ear)
    call.say(b"a", 5)
    await until(lambda: ear.caller == b"a" * 800)
    assert ROLL_S == 0.1
    call.close()


@pytest.mark.asyncio
async def test_nobody_is_left_on_the_audio_path() -> None:
    """The last who leaves takes the tape along; leaving twice is fine, coming again as well."""
    call = Taped()
    call.answer()
    ear, other = Ear(), Ear()
    call.wiretap.join(ear)
    call.wiretap.join(other)
    call.wiretap.leave(ear)
    assert call.slots != [None, None]
    call.wiretap.leave(other)
    call.wiretap.leave(other)
    assert (call.slots, call.wiretap._timer) == ([None, None], None)
    call.say(b"a")
    call.wiretap.join(ear)
    call.say(b"b")
    call.close()
    assert ear.caller == b"b" * 160


@pytest.mark.asyncio
async def test_only_so_many_may_listen() -> None:
    """One more is refused; as soon as one leaves, there is room."""
    call = Taped()
    call.answer()
    ears = [Ear() for _ in range(MOST)]
    for each in ears:
        call.wiretap.join(each)
    with pytest.raises(TooMany, match="8 people"):
        call.wiretap.join(Ear())
    call.wiretap.leave(ears[0])
    call.wiretap.join(Ear())
    call.close()


@pytest.mark.asyncio
async def test_the_silence_between_two_streams_is_not_for_listeners() -> None:
    """They are told that the caller is away and back, and where the sound goes on."""
    call = Taped()
    ear = Ear()
    call.wiretap.join(ear)
    assert call.wiretap.away
    call.answer()
    call.say(b"a", 5)
    call.part()
    assert (ear.caller, ear.news) == (b"a" * 800, ["back", "away"])
    await asyncio.sleep(0.1)
    call.wiretap._tick()
    call.answer()
    call.say(b"b", 5)
    call.close()
    assert ear.caller == b"a" * 800 + b"b" * 800
    assert ear.news == ["back", "away", "back", "ended: test_over"]
    opened, left, back = ear.at_ms
    assert (opened, left) == (0, 100)
    assert back >= 50
    assert not call.wiretap.away


@pytest.mark.asyncio
async def test_who_comes_while_the_caller_is_away_hears_them_return() -> None:
    """From the first frame of the next stream."""
    call = Taped()
    call.answer()
    call.say(b"a", 5)
    call.part()
    ear = Ear()
    call.wiretap.join(ear)
    assert call.wiretap.at_ms == pytest.approx(call.talk.dialogue.since_open_ms(), abs=100)
    call.answer()
    call.say(b"b", 2)
    call.close()
    assert (ear.caller, ear.news) == (b"b" * 320, ["back", "ended: test_over"])


@pytest.mark.asyncio
async def test_what_is_typed_in_secret_is_silent_for_listeners_too() -> None:
    """The caller's side passes the veil before anybody outside hears it."""
    call = Taped()
    call.answer()
    ear = Ear()
    call.wiretap.join(ear)
    microphone = call.downstream.microphone
    microphone.veil = blank
    call.say(b"a", 2)
    microphone.veil = ToneFilter()
    tone = dtmf("5", 400, 40)
    for at in range(0, len(tone), 160):
        call.downstream.carrier_frame(media(tone[at : at + 160], 40 + at // 8))
    call.close()
    assert ear.caller == b"\xff" * (320 + len(tone))
