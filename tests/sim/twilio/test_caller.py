"""The caller: steps carried out 20 ms at a time, by what is heard."""

from collections.abc import Sequence

import pytest

from gateway.errors import ConfigError
from gateway.sim.twilio.caller import FRAME_MS, AgentEar, Behaviour, Caller
from gateway.sim.twilio.steps import (
    Drop,
    Dtmf,
    HangUp,
    Mute,
    Pause,
    Play,
    Step,
    WaitForAgent,
    WaitForSilence,
    WaitUntil,
)

LOUD = b"\x00" * 160
QUIET = b"\xff" * 160


def run(
    steps: Sequence[Step], frames: int, heard: dict[int, bytes] | None = None
) -> list[Behaviour]:
    """What a caller does in so many frames; `heard` is what the agent says from a frame on."""
    caller, ear, current = Caller(steps), AgentEar(), b""
    done = []
    for frame in range(frames):
        current = (heard or {}).get(frame, current)
        ear.hear(current)
        done.append(caller.tick(ear))
    return done


def first_speech(behaviours: list[Behaviour]) -> int | None:
    """The first frame with speech."""
    return next((i for i, b in enumerate(behaviours) if b.payload), None)


def test_speech_comes_in_whole_frames() -> None:
    """The last frame is filled up with silence, and quiet frames have no payload."""
    done = run([Play(payload=b"a" * 200), Pause(40), Play(payload=b"b" * 160)], 6)
    assert [b.payload for b in done] == [
        b"a" * 160,
        b"a" * 40 + b"\xff" * 120,
        None,
        None,
        b"b" * 160,
        None,
    ]


def test_speech_is_noted_at_its_edges() -> None:
    """The timeline says when the caller speaks and when not any more."""
    notes = [b.notes for b in run([Pause(20), Play(payload=b"a" * 320)], 5)]
    assert notes == [[], [("caller-speaks", "")], [], [("caller-quiet", "")], []]


def test_waiting_for_the_agent_takes_audible_agent_audio() -> None:
    """300 ms of one utterance must have been heard; silence from the agent does not count."""
    step: list[Step] = [WaitForAgent(heard_ms=300), Play(payload=b"a" * 160)]
    assert first_speech(run(step, 60, {0: QUIET, 10: LOUD})) == 10 + 300 // FRAME_MS - 1
    assert first_speech(run(step, 60, {0: QUIET})) is None


def test_a_short_pause_does_not_end_an_utterance() -> None:
    """Agents breathe; after 600 ms it is another utterance."""
    step: list[Step] = [WaitForAgent(heard_ms=400), Play(payload=b"a" * 160)]
    assert first_speech(run(step, 60, {0: LOUD, 10: b"", 15: LOUD})) == 19
    assert first_speech(run(step, 90, {0: LOUD, 10: b"", 50: LOUD})) == 50 + 19


def test_silence_of_a_time_in_which_the_twin_was_held_up_is_none() -> None:
    """Nobody could speak to it: neither the silence grows nor the utterance, which is not over."""
    ear = AgentEar()
    for _ in range(20):
        ear.hear(LOUD)
    for late_ms in range(1000, 0, -20):
        ear.hear(b"", late_ms / 1000)
    assert (ear.silent_ms, ear.utterance_ms) == (200, 600)
    ear.hear(LOUD, 0.5)
    assert (ear.silent_ms, ear.utterance_ms) == (0, 620)


def test_waiting_for_silence_takes_that_much_silence() -> None:
    """Counted from the last audible frame."""
    step: list[Step] = [WaitForSilence(ms=400), Play(payload=b"a" * 160)]
    assert first_speech(run(step, 60, {0: LOUD, 10: QUIET})) == 10 + 400 // FRAME_MS - 1


def test_an_hour_is_counted_from_the_beginning() -> None:
    """Whatever came before it; one that is over is not waited for."""
    step: list[Step] = [Pause(100), WaitUntil(400), WaitUntil(60), Play(payload=b"a" * 160)]
    assert first_speech(run(step, 60)) == 400 // FRAME_MS


def test_waits_give_up() -> None:
    """A script never hangs; that it gave up is noted."""
    done = run([WaitForAgent(100, timeout_ms=200), Play(payload=b"a" * 160)], 20)
    assert first_speech(done) == 10
    assert ("wait-timeout", "WaitForAgent") in done[10].notes


def test_a_muted_caller_is_not_even_silent() -> None:
    """So many periods without any frame, then speech."""
    done = run([Mute(60), Play(payload=b"a" * 160)], 5)
    assert [(b.muted, b.payload is not None) for b in done] == [
        (True, False),
        (True, False),
        (True, False),
        (False, True),
        (False, False),
    ]


def test_keys_are_pressed_one_by_one() -> None:
    """One each gap, and the next step waits for the last gap."""
    done = run([Dtmf("12", gap_ms=100), Play(payload=b"a" * 160)], 15)
    pressed = {i: b.actions for i, b in enumerate(done) if b.actions}
    assert pressed == {0: [Dtmf("1")], 5: [Dtmf("2")]}
    assert first_speech(done) == 10


def test_hanging_up_ends_the_script() -> None:
    """Nothing comes after it."""
    for last in (HangUp(), Drop()):
        done = run([last, Play(payload=b"a" * 160)], 5)
        assert done[0].actions == [last]
        assert first_speech(done) is None


def test_what_is_said_in_between_comes_first() -> None:
    """The script goes on where it was."""
    caller, ear = Caller([Play(payload=b"a" * 320)]), AgentEar()
    first = caller.tick(ear).payload
    caller.say(b"b" * 160)
    rest = [caller.tick(ear).payload for _ in range(3)]
    assert [first, *rest] == [b"a" * 160, b"a" * 160, b"b" * 160, None]
    assert caller.done


def test_mistakes_in_a_script_are_known_before_the_call() -> None:
    """A missing file is told when the caller is made, not in the middle of a call."""
    with pytest.raises(ConfigError, match="nowhere"):
        Caller([Pause(1000), Play("nowhere.ulaw")])
