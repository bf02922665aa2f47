"""The outbound clock: what leaves, in which order, how far ahead, and what a clear does to it."""

import asyncio
import base64

import pytest

from gateway.call.carrier import MAX_SENT_BYTES
from gateway.call.outbound import FILLER, Outbound
from gateway.core import mediastreams
from gateway.core.ledger import Item
from gateway.core.pacing import MESSAGE_MS, Pacing
from gateway.core.stereo import StereoTape
from tests.call.carriers import STREAM_SID, SilentCarrier, payload_of
from tests.call.watching import Chronicle, soon, turns

FRAME = 160


def speech(ms: int) -> bytes:
    """Audio in which every frame is told from every other."""
    return b"".join(n.to_bytes(2, "big") * (FRAME // 2) for n in range(ms // 20))


class Line:
    """An outbound clock on a carrier without a wire."""

    def __init__(self, *, lead_ms: int = 600, instant: bool = False, attach: bool = True) -> None:
        self.started: Chronicle[tuple[Item, float, float]] = Chronicle()
        self.over: Chronicle[Item] = Chronicle()
        self.outbound = Outbound(
            Pacing(lead_ms=lead_ms), lambda *about: self.started.add(about), self.over.add
        )
        self.carrier = SilentCarrier(instant=instant)
        self.carrier.marks = self.outbound.mark_returned
        if attach:
            self.outbound.attach(self.carrier, STREAM_SID)

    def item(self, name: str = "item_1", response: str = "resp_1") -> Item:
        return self.outbound.ledger.item(name, 0, response)

    def say(self, audio: bytes, name: str = "item_1", *, whole: bool = True) -> Item:
        item = self.item(name)
        self.outbound.play(item, audio)
        if whole:
            self.outbound.finish(item)
        return item

    async def sent(self, n_bytes: int) -> bytes:
        """All audio sent, as soon as there is that much."""
        await self.carrier.sent.until(lambda _: len(self.carrier.audio) >= n_bytes)
        return self.carrier.audio


@pytest.mark.asyncio
async def test_the_first_frame_leaves_in_the_callback_it_came_in() -> None:
    """Nothing waits for a timer: probe, audio and mark are written before `play` returns."""
    line = Line()
    line.say(speech(20), whole=False)
    assert line.carrier.kinds == ["mark", "media", "mark"]
    assert line.carrier.mark_names == ["g0:0", "g0:1"]
    assert line.carrier.audio == speech(20)
    assert {event["streamSid"] for event in line.carrier.sent} == {STREAM_SID}
    line.outbound.detach()


@pytest.mark.asyncio
async def test_a_greeting_made_before_the_stream_leaves_when_it_opens() -> None:
    """Audio that came before the carrier waits and then leaves at once, up to the lead."""
    line = Line(attach=False)
    line.say(speech(400))
    assert line.carrier.kinds == []
    line.outbound.attach(line.carrier, STREAM_SID)
    assert line.carrier.audio == speech(400)
    line.outbound.detach()


@pytest.mark.asyncio
async def test_never_more_than_the_lead_and_one_message_is_ahead() -> None:
    """Ten seconds at once: what leaves in that callback is bounded, in messages of 200 ms, each
    followed by its mark.
    """
    line = Line(lead_ms=600)
    line.say(speech(10_000))
    assert 600 * 8 <= len(line.carrier.audio) <= 800 * 8
    media = [payload_of(event) for event in line.carrier.sent if event["event"] == "media"]
    assert {len(payload) for payload in media} == {200 * 8}
    assert line.carrier.kinds[1:] == ["media", "mark"] * len(media)
    line.outbound.detach()


def test_no_message_is_longer_than_the_socket_may_be_given() -> None:
    """A whole one of a stream whose ID is as long as any."""
    encoder = mediastreams.Outbound("M" * 64)
    assert len(encoder.media(bytes(MESSAGE_MS * 8))) <= MAX_SENT_BYTES


@pytest.mark.asyncio
async def test_everything_leaves_in_order_and_nothing_twice() -> None:
    """By time alone, without a single mark coming back, the whole answer arrives as it was."""
    line = Line(lead_ms=200)
    audio = speech(700)
    for start in range(0, len(audio), 900):
        line.outbound.play(line.item(), audio[start : start + 900])
    line.outbound.finish(line.item())
    assert await line.sent(len(audio)) == audio
    assert line.outbound._timer is None


@pytest.mark.asyncio
async def test_a_part_of_a_frame_waits_for_the_end_of_its_item() -> None:
    """Only whole frames leave; the last one is filled up with silence."""
    line = Line()
    line.say(b"\x11" * 200, whole=False)
    assert line.carrier.audio == b"\x11" * 160
    line.outbound.finish(line.item())
    assert line.carrier.audio == b"\x11" * 200 + b"\xff" * 120
    line.outbound.detach()


@pytest.mark.asyncio
async def test_an_item_is_told_once_when_it_starts_to_leave() -> None:
    """Each item's start is told with when it was sent and when it will be heard, in order."""
    line = Line()
    line.say(speech(100), "item_1")
    line.say(speech(100), "item_2")
    assert [item.item_id for item, _, _ in line.started] == ["item_1", "item_2"]
    (_, first_sent, first_heard), (_, second_sent, second_heard) = line.started.rows
    assert first_sent <= first_heard < second_heard
    assert second_sent <= second_heard
    line.outbound.detach()


@pytest.mark.asyncio
async def test_a_clear_is_written_and_takes_everything_back() -> None:
    """What was sent and what still waited is in the cut, and nothing of it leaves any more."""
    line = Line(lead_ms=200)
    line.say(speech(2000), "item_1")
    line.say(speech(500), "item_2")
    before = len(line.carrier.sent)
    cut = line.outbound.clear()
    assert line.carrier.kinds[before:] == ["clear"]
    assert [item.item_id for item in cut.items] == ["item_1", "item_2"]
    unheard = b"".join(part for _, part in cut.unheard)
    assert (speech(2000) + speech(500)).endswith(unheard)
    assert cut.cleared_bytes + cut.queued_bytes == len(unheard)
    line.say(speech(100), "item_3")
    assert line.carrier.kinds[before + 1 :] == ["mark", "media", "mark"]
    assert line.carrier.mark_names[-2:][0].startswith("g1:")
    line.outbound.detach()


@pytest.mark.asyncio
async def test_nothing_outstanding_means_nothing_cleared() -> None:
    """Neither an untouched line nor one whose audio was heard gets a `clear`."""
    line = Line(instant=True)
    assert line.outbound.clear().items == ()
    item = line.say(speech(100))
    await turns()
    assert item.received == 800
    assert line.outbound.clear().items == ()
    assert "clear" not in line.carrier.kinds


@pytest.mark.asyncio
async def test_a_clear_before_the_stream_takes_back_what_waited() -> None:
    """There is no socket to write to, and still nothing of the cut is ever played."""
    line = Line(attach=False)
    line.say(speech(300))
    cut = line.outbound.clear()
    assert (cut.queued_bytes, cut.cleared_bytes) == (2400, 0)
    line.outbound.attach(line.carrier, STREAM_SID)
    assert line.carrier.kinds == []


@pytest.mark.asyncio
async def test_marks_of_cleared_audio_are_void() -> None:
    """Twilio returns the marks of cleared audio too: they confirm nothing."""
    line = Line()
    line.say(speech(400))
    old = line.carrier.mark_names
    line.outbound.clear()
    line.say(speech(400), "item_2")
    assert [line.outbound.mark_returned(name) for name in old] == [False] * len(old)
    new = line.carrier.mark_names[len(old) :]
    assert [line.outbound.mark_returned(name) for name in new] == [True] * len(new)
    line.outbound.detach()


@pytest.mark.asyncio
async def test_strange_marks_change_nothing() -> None:
    """Doubled, unknown and malformed names are left out."""
    line = Line()
    line.say(speech(100))
    name = line.carrier.mark_names[-1]
    assert line.outbound.mark_returned(name)
    for strange in (name, "g0:99", "g1:0", "", ":", "g0", "g0:", "g0:-1", "g0:1.0", "x" * 64):
        assert not line.outbound.mark_returned(strange)
    line.outbound.detach()


@pytest.mark.asyncio
async def test_the_end_is_heard_when_the_last_mark_is_back() -> None:
    """`heard_to_end` is true when the marks say so, and not before."""
    line = Line()
    line.say(speech(200))
    waiting = asyncio.ensure_future(line.outbound.heard_to_end(60))
    await turns()
    for name in line.carrier.mark_names[:-1]:
        line.outbound.mark_returned(name)
    await turns()
    assert not waiting.done()
    line.outbound.mark_returned(line.carrier.mark_names[-1])
    assert await soon(waiting) is True


@pytest.mark.asyncio
async def test_a_carrier_that_returns_no_marks_delays_the_end_and_no_more() -> None:
    """The wait is bounded by the audio that is left and the grace."""
    line = Line()
    line.say(speech(40))
    assert await soon(asyncio.ensure_future(line.outbound.heard_to_end(0.02))) is False


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["clear", "detach"])
async def test_whoever_waits_for_the_end_is_freed(what: str) -> None:
    """A clear or the end of the stream ends the wait: there is nothing left to hear."""
    line = Line()
    line.say(speech(5000))
    waiting = asyncio.ensure_future(line.outbound.heard_to_end(60))
    await turns()
    assert not waiting.done()
    getattr(line.outbound, what)()
    await soon(waiting)
    line.outbound.detach()


@pytest.mark.asyncio
async def test_with_nothing_to_hear_nobody_waits() -> None:
    """Nothing was said, or there is no stream: the end is heard already."""
    assert await soon(asyncio.ensure_future(Line().outbound.heard_to_end(60))) is True
    offline = Line(attach=False)
    offline.say(speech(100))
    assert await soon(asyncio.ensure_future(offline.outbound.heard_to_end(60))) is True


@pytest.mark.asyncio
async def test_after_detach_nothing_is_sent_and_no_timer_is_left() -> None:
    """The stream is over: neither what waits nor what still comes is written anywhere."""
    line = Line(lead_ms=200)
    line.say(speech(3000))
    sent = len(line.carrier.sent)
    timer = line.outbound._timer
    assert timer is not None
    line.outbound.detach()
    assert timer.cancelled()
    line.say(speech(500), "item_2")
    line.outbound.clear()
    assert len(line.carrier.sent) == sent


@pytest.mark.asyncio
async def test_audio_is_base64_of_the_bytes_as_they_were() -> None:
    """No codeword is changed on the way, whatever it is."""
    line = Line()
    line.say(bytes(range(256)) + bytes(64))
    media = [event["media"] for event in line.carrier.sent if event["event"] == "media"]
    assert [set(each) for each in media] == [{"payload"}]
    assert base64.b64decode(media[0]["payload"]) == bytes(range(256)) + bytes(64)
    line.outbound.detach()


# The gateway's own audio, and another stream


@pytest.mark.asyncio
async def test_own_audio_is_waited_for_until_it_was_heard() -> None:
    """It plays behind what is being said; cut off, it was not heard."""
    line = Line()
    line.say(speech(100))
    item = line.outbound.play_own("gateway:tones", speech(200))
    waiting = asyncio.ensure_future(line.outbound.played(item, 5))
    await turns()
    assert not waiting.done()
    for name in line.carrier.mark_names:
        line.outbound.mark_returned(name)
    assert await soon(waiting) is True
    item = line.outbound.play_own("gateway:hold", speech(2000))
    waiting = asyncio.ensure_future(line.outbound.played(item, 5))
    await turns()
    line.outbound.clear()
    assert await soon(waiting) is False
    line.outbound.detach()


@pytest.mark.asyncio
async def test_several_may_wait_for_the_end() -> None:
    """A tool and the end of the call wait side by side; one that gives up disturbs no other."""
    line = Line()
    line.say(speech(40))
    patient = asyncio.ensure_future(line.outbound.heard_to_end(5))
    hasty = asyncio.ensure_future(line.outbound.heard_to_end(-0.03))
    assert await soon(hasty) is False
    assert not patient.done()
    for name in line.carrier.mark_names:
        line.outbound.mark_returned(name)
    assert await soon(patient) is True
    line.outbound.detach()


@pytest.mark.asyncio
async def test_a_parked_clock_plays_on_another_stream() -> None:
    """Nothing is written to the stream that was given up; what comes meanwhile waits."""
    line = Line()
    line.say(speech(400))
    line.outbound.park()
    written = len(line.carrier.kinds)
    line.say(speech(100), "item_2")
    other = SilentCarrier()
    line.outbound.attach(other, STREAM_SID)
    assert other.audio == speech(100)
    assert len(line.carrier.kinds) == written
    assert line.outbound.mark_returned(other.mark_names[-1])
    line.outbound.detach()


@pytest.mark.asyncio
async def test_what_only_fills_a_silence_makes_way() -> None:
    """For the gateway's own audio by itself, for the agent's when it is told to; other audio
    stays.
    """
    line = Line()
    line.outbound.play_own(FILLER, speech(400))
    line.outbound.play_own("gateway:tones", speech(100))
    assert line.carrier.kinds.count("clear") == 1
    assert line.outbound.ledger.find(FILLER) is None
    line.outbound.hush()
    assert line.carrier.kinds.count("clear") == 1
    assert line.carrier.audio.endswith(speech(100))
    line.outbound.detach()


@pytest.mark.asyncio
async def test_own_audio_is_held_until_it_was_heard() -> None:
    """By its name; once the carrier says that it was played, it is not any more."""
    line = Line()
    line.outbound.play_own("gateway:tones", speech(100))
    names = ("gateway:other", "gateway:tones")
    held = [line.outbound.holds(*names), line.outbound.holds("gateway:other")]
    for name in line.carrier.mark_names:
        line.outbound.mark_returned(name)
    assert [*held, line.outbound.holds(*names)] == [True, False, False]
    line.outbound.detach()


@pytest.mark.asyncio
async def test_an_item_is_over_when_it_was_heard_or_cut_off() -> None:
    """Told once, with what was heard of it: by the mark behind it, or by the clear."""
    line = Line()
    line.say(speech(40))
    for name in line.carrier.mark_names:
        line.outbound.mark_returned(name)
    assert [(item.item_id, item.fully_heard) for item in line.over.rows] == [("item_1", True)]
    line.say(speech(400), "item_2", whole=False)
    line.outbound.clear()
    line.say(speech(100), "item_3")
    line.outbound.close(asyncio.get_running_loop().time())
    assert [item.item_id for item in line.over.rows] == ["item_1", "item_2", "item_3"]
    assert not line.over.rows[1].fully_heard


@pytest.mark.asyncio
async def test_what_leaves_is_recorded_and_what_is_cleared_is_not() -> None:
    """A tape has the sent audio in order, without what nobody heard of it."""
    line = Line()
    line.outbound.tape = tape = StereoTape(0)
    line.say(speech(100), whole=False)
    tape.caller(b"\xff" * 10_000, 0)
    assert tape.take(lambda _: 0)[1::2].startswith(speech(100))
    line.outbound.pause()
    await line.carrier.sent.until(lambda _: "clear" in line.carrier.kinds)
    unheard = line.outbound.ledger.queued
    tape.caller(b"\xff" * 10_000, 10_000)
    line.outbound.resume()
    assert 0 < unheard <= len(speech(100))
    again = tape.take(lambda _: 10_000)[1::2]
    assert again.startswith(speech(100)[-unheard:])
    line.outbound.detach()
