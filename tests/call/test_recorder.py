"""The recording of a call: when it may be, and what is on it."""

import asyncio

import pytest

from gateway.call.context import Route
from gateway.call.downstream import Downstream
from gateway.call.recorder import ROLL_S, Recorder
from gateway.call.taps import Taps
from gateway.core.events import (
    AgentSpoke,
    CallEvent,
    ConsentChanged,
    RecordingEnded,
    RecordingStarted,
)
from tests.call.calls import media
from tests.call.carriers import SilentCarrier, start
from tests.call.model_events import spoken
from tests.call.talk import CLOCK, Talk, speech
from tests.call.tapes import MemoryDisk
from tests.call.watching import soon, turns, until

NOTICE = b"\x11" * 1600


class Recorded:
    """A call with a recorder, its caller and its agent in the test's hands."""

    def __init__(self, route: Route, *, disk: bool = True) -> None:
        self.disk = MemoryDisk()
        self.talk = Talk()
        self.carrier = SilentCarrier()
        self.downstream = Downstream(
            self.talk.dialogue,
            self.talk.dialogue.emit,
            say=lambda text: None,
            on_key=lambda: None,
            on_gone=lambda reason: None,
        )
        self.taps = Taps(self.talk.dialogue, self.downstream.microphone)
        self.recorder = Recorder(
            "CA1",
            route,
            self.disk if disk else None,
            self.taps,
            self.talk.dialogue.emit,
        )
        self.talk.also = self._hear
        self._at_ms = 0

    def _hear(self, event: CallEvent) -> None:
        self.taps.hear(event)
        self.recorder.hear(event)

    def answer(self) -> None:
        """The call is offered and its stream opens."""
        self.recorder.offered()
        self.downstream.attach(start(), self.carrier)

    def say(self, letter: bytes, frames: int = 1) -> None:
        """The caller sends frames of one byte."""
        for _ in range(frames):
            self.downstream.carrier_frame(media(letter * 160, self._at_ms))
            self._at_ms += 20

    async def in_real_time(self, letter: bytes, frames: int) -> None:
        """The same, 20 ms apart."""
        for _ in range(frames):
            self.say(letter)
            await asyncio.sleep(0.02)

    def marks(self) -> None:
        """Whatever was sent is heard now."""
        for name in self.carrier.mark_names:
            self.downstream.carrier_mark(name)

    async def close(self) -> None:
        self.downstream.close()
        await soon(asyncio.ensure_future(self.recorder.close()))


@pytest.mark.asyncio
async def test_without_a_wish_nothing_is_recorded() -> None:
    """Neither by default nor without a place for it."""
    for call in (Recorded(Route()), Recorded(Route(recording="on"), disk=False)):
        call.answer()
        call.say(b"a")
        await call.close()
        assert call.disk.tapes == []
        assert call.talk.all(RecordingStarted) == []


@pytest.mark.asyncio
async def test_a_recorded_call_is_whole() -> None:
    """From the first frame to the last; told where it begins, how long it is, that it is kept."""
    call = Recorded(Route(recording="on"))
    call.answer()
    call.say(b"a", 5)
    call.recorder._tick()
    (tape,) = call.disk.tapes
    assert tape.caller == b"a" * 800
    call.say(b"b", 5)
    await call.close()
    assert tape.state == "closed"
    assert tape.caller == b"a" * 800 + b"b" * 800
    assert tape.agent == b"\xff" * 1600
    (started,) = call.talk.all(RecordingStarted)
    assert started.file == tape.file
    (ended,) = call.talk.all(RecordingEnded)
    assert (ended.audio_ms, ended.incomplete, ended.kept) == (200.0, "", True)


@pytest.mark.asyncio
async def test_the_disk_gets_it_as_time_goes_by() -> None:
    """A process that is killed loses half a second, not the call."""
    call = Recorded(Route(recording="on"))
    call.answer()
    call.say(b"a", 5)
    (tape,) = call.disk.tapes
    await asyncio.sleep(ROLL_S)
    await until(lambda: tape.caller.startswith(b"a" * 800))
    await call.close()


@pytest.mark.asyncio
async def test_the_announcement_comes_first() -> None:
    """Nothing is recorded until it was heard to its end, and it is not interrupted."""
    route = Route(recording="on", announcement=NOTICE, announcement_text="This is recorded.")
    call = Recorded(route)
    call.answer()
    assert call.carrier.audio == NOTICE
    assert [event.text for event in call.talk.all(AgentSpoke)] == ["This is recorded."]
    call.say(b"a", 5)
    assert call.disk.tapes == []
    call.marks()
    call.say(b"b", 5)
    await call.close()
    (tape,) = call.disk.tapes
    assert tape.caller == b"b" * 800
    assert call.talk.all(RecordingStarted)[0].file == tape.file


@pytest.mark.asyncio
async def test_an_announcement_that_was_not_heard_allows_nothing() -> None:
    """Whoever cut it off: no recording."""
    call = Recorded(Route(recording="on", announcement=NOTICE))
    call.answer()
    call.talk.dialogue.outbound.clear()
    call.say(b"a", 5)
    await call.close()
    assert call.disk.tapes == []


@pytest.mark.asyncio
async def test_consent_comes_first() -> None:
    """Asked for when the caller is there; recorded from the moment it was given."""
    call = Recorded(Route(recording="consent"))
    call.answer()
    call.say(b"a", 5)
    assert [event.state for event in call.talk.all(ConsentChanged)] == ["asked"]
    assert call.disk.tapes == []
    assert call.recorder.consent(granted=True)
    call.say(b"b", 5)
    await call.close()
    (tape,) = call.disk.tapes
    assert tape.caller == b"b" * 800
    assert [event.state for event in call.talk.all(ConsentChanged)] == ["asked", "granted"]


@pytest.mark.asyncio
async def test_who_declines_is_not_recorded() -> None:
    """Not a byte, whatever is said afterwards."""
    call = Recorded(Route(recording="consent"))
    call.answer()
    call.recorder.consent(granted=False)
    call.say(b"a", 5)
    await call.close()
    assert call.disk.tapes == []
    assert [event.state for event in call.talk.all(ConsentChanged)] == ["asked", "declined"]


@pytest.mark.asyncio
async def test_consent_can_be_withdrawn() -> None:
    """What was recorded is deleted, and nothing more is."""
    call = Recorded(Route(recording="consent"))
    call.answer()
    call.recorder.consent(granted=True)
    call.say(b"a", 5)
    call.recorder.consent(granted=False)
    call.say(b"b", 5)
    await call.close()
    (tape,) = call.disk.tapes
    assert (tape.state, len(tape.stereo)) == ("discarded", 0)
    assert [event.kept for event in call.talk.all(RecordingEnded)] == [False]
    assert call.talk.all(ConsentChanged)[-1].state == "withdrawn"


@pytest.mark.asyncio
@pytest.mark.parametrize("recording", ["off", "on"])
async def test_nobody_asked_so_nobody_answers(recording: str) -> None:
    """A tool cannot make a call be recorded that asks for no consent."""
    call = Recorded(Route(recording=recording))  # type: ignore[arg-type]
    call.answer()
    before = len(call.disk.tapes)
    assert not call.recorder.consent(granted=True)
    assert len(call.disk.tapes) == before
    assert call.talk.all(ConsentChanged) == []
    await call.close()


@pytest.mark.asyncio
async def test_what_the_agent_says_is_where_it_was_heard() -> None:
    """Also what was on its way already when the recording began; not what was cleared."""
    call = Recorded(Route(recording="consent"))
    call.answer()
    call.say(b"a", 5)
    await call.in_real_time(b"b", 3)
    call.talk.hear(*spoken(speech(400)))
    call.recorder.consent(granted=True)
    await call.in_real_time(b"c", 30)
    await call.close()
    (tape,) = call.disk.tapes
    heard = tape.agent.strip(b"\xff")
    assert len(tape.agent) == len(tape.caller) == 4800
    assert heard in speech(400)
    assert len(heard) > 300 * 8
    assert tape.agent.index(b"\x55") < 160


@pytest.mark.asyncio
async def test_between_two_streams_both_are_silent() -> None:
    """A caller who comes back from a transfer is recorded where the call's clock stands."""
    call = Recorded(Route(recording="on"))
    call.answer()
    call.say(b"a", 5)
    call.taps.part()
    call.downstream.part()
    await asyncio.sleep(0.2)
    call._at_ms = 0
    call.downstream.attach(start(), call.carrier)
    call.say(b"b", 5)
    await call.close()
    (tape,) = call.disk.tapes
    silence = len(tape.caller) - 1600
    assert silence >= 0.1 * 8000
    assert tape.caller == b"a" * 800 + b"\xff" * silence + b"b" * 800


@pytest.mark.asyncio
async def test_a_disk_that_fails_ends_the_recording_and_nothing_else() -> None:
    """It is not begun again, and its end says what is missing."""
    call = Recorded(Route(recording="on"))
    call.answer()
    call.say(b"a", 5)
    (tape,) = call.disk.tapes
    tape.fault = "disk_full"
    await asyncio.to_thread(tape.fail, "disk_full")
    await turns()
    call.say(b"b", 5)
    await call.close()
    assert [event.incomplete for event in call.talk.all(RecordingEnded)] == ["disk_full"]
    assert len(call.disk.tapes) == 1


@pytest.mark.asyncio
async def test_a_caller_without_frames_is_silent() -> None:
    """Time is the clock then: the agent's words are kept all the same."""
    call = Recorded(Route(recording="on"))
    call.answer()
    call.talk.hear(*spoken(speech(100)))
    await asyncio.sleep(1.3)
    await call.close()
    (tape,) = call.disk.tapes
    assert tape.caller == b"\xff" * len(tape.agent)
    assert speech(100)[: len(tape.agent)] in tape.agent + speech(100)


@pytest.mark.asyncio
@pytest.mark.usefixtures("still_clock")
@pytest.mark.parametrize("drift", [-200e-6, 0.0, 200e-6])
async def test_an_hour_stays_aligned_to_within_a_frame(
    drift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the carrier's clock runs 0.7 s ahead or behind in that time: the caller's frames are
    the clock, and each thing the agent says is put where the caller heard it.
    """
    monkeypatch.setattr("gateway.call.taps.time", CLOCK)
    monkeypatch.setattr("gateway.call.downstream.time", CLOCK)
    monkeypatch.setattr("gateway.call.inbound.time", CLOCK)
    call = Recorded(Route(recording="on"))
    call.answer()
    begin, truth, words = CLOCK.now, [], b"".join(bytes([n]) * 40 for n in range(1, 101))
    for frame in range(3600 * 50):
        call.downstream.carrier_frame(media(b"\x7e" * 160, 20 * frame))
        CLOCK.now = begin + 0.02 * (frame + 1) * (1 + drift)
        if frame % 3000 == 77:
            call.talk.dialogue.outbound.play_own(f"gateway:{frame}", words)
            truth.append((frame + 1) * 160)
        if frame % 25 == 24:
            call.recorder._roll()
    await call.close()
    (tape,) = call.disk.tapes
    assert len(tape.caller) == 3600 * 8000
    found, at = [], 0
    while (at := tape.agent.find(words, at)) >= 0:
        found.append(at)
        at += len(words)
    assert len(found) == len(truth) == 60
    assert max(abs(here - there) for here, there in zip(found, truth, strict=True)) <= 160
