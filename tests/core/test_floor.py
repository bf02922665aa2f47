"""Who has the floor: coughs, hums and words, on clean and noisy lines."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.floor import Act, Floor, FloorRules, VoiceMeter
from gateway.core.g711 import level_dbfs

CALLS = Path(__file__).parents[1] / "fixtures" / "calls"
RULES = FloorRules()
LOUD, QUIET, FRAME_MS = -20.0, -80.0, 20


def said(floor: Floor, levels: list[float]) -> list[Act]:
    """What the floor does over frames of these levels."""
    return [act for level in levels if (act := floor.frame(level, FRAME_MS)) is not None]


def frames(ms: int, level: float = LOUD) -> list[float]:
    return [level] * (ms // FRAME_MS)


def disputed(rules: FloorRules = RULES, heard_ms: int = 60) -> Floor:
    """A floor whose agent was just held back for a sound of the caller's."""
    floor = Floor(rules)
    said(floor, frames(500, QUIET))
    said(floor, frames(heard_ms))
    assert floor.started(sounding=True) == "pause"
    return floor


def test_a_cough_is_dismissed_and_forgotten() -> None:
    """Short and over: the agent speaks on, and the model's conversation loses the item."""
    floor = disputed()
    assert said(floor, frames(200) + frames(400, QUIET)) == ["resume"]
    assert floor.stopped() is None
    assert floor.committed() == "forget"


def test_speech_that_lasts_takes_the_floor_and_is_answered() -> None:
    """As soon as it has lasted long enough, not at its end."""
    floor = disputed()
    assert said(floor, frames(280)) == []
    assert said(floor, frames(20)) == ["interrupt"]
    assert said(floor, frames(1000) + frames(600, QUIET)) == []
    assert floor.stopped() is None
    assert floor.committed() == "answer"


def test_speech_that_was_heard_before_the_model_said_so_interrupts_at_once() -> None:
    """The model's detector is slow to start; what has lasted by then is speech."""
    floor = Floor(RULES)
    said(floor, frames(500, QUIET) + frames(400))
    assert floor.started(sounding=True) == "interrupt"
    assert floor.committed() == "answer"


def test_without_the_agent_sounding_every_word_counts() -> None:
    """A short `yes` into silence is a turn; what the model prepares meanwhile is cut off."""
    floor = Floor(RULES)
    assert floor.started(sounding=False) == "interrupt"
    assert said(floor, frames(100) + frames(400, QUIET)) == []
    assert floor.committed() == "answer"


def test_protected_words_are_heard_and_the_caller_answered_after_them() -> None:
    """Nothing is held back, and the turn counts however short it is."""
    floor = Floor(RULES)
    assert floor.started(sounding=True, protected=True) == "grant"
    assert said(floor, frames(1000) + frames(400, QUIET)) == []
    assert floor.committed() == "answer"


def test_a_cough_and_then_words_is_speech() -> None:
    """A verdict stands until the model closes the turn; words behind a cough revise it."""
    floor = disputed()
    assert said(floor, frames(100) + frames(300, QUIET)) == ["resume"]
    assert said(floor, frames(400)) == ["interrupt"]
    assert floor.committed() == "answer"


def test_sounds_with_a_gap_inside_a_word_add_up() -> None:
    """A stop consonant is quiet for a moment."""
    floor = disputed()
    assert said(floor, frames(100) + frames(120, QUIET) + frames(200)) == ["interrupt"]


def test_a_turn_that_ends_undecided_is_decided_by_what_was_heard() -> None:
    """The model closes it before the quiet was long enough for us."""
    floor = disputed()
    assert floor.stopped() == "resume"
    assert floor.committed() == "forget"
    long_enough = Floor(FloorRules(min_speech_ms=100))
    said(long_enough, frames(60))
    long_enough.started(sounding=True)
    long_enough.meter.voiced_ms = 200
    assert long_enough.stopped() == "interrupt"
    assert long_enough.committed() == "answer"


def test_the_next_turn_starts_from_nothing() -> None:
    """What was dismissed or granted before has no bearing."""
    floor = disputed()
    said(floor, frames(400, QUIET))
    floor.committed()
    assert floor.started(sounding=True) == "pause"
    assert floor.paused


def test_a_turn_nobody_announced_is_answered() -> None:
    """A client's own commit (keys) is a turn."""
    assert Floor(RULES).committed() == "answer"


@pytest.mark.parametrize(
    ("name", "backchannel_ms", "interrupts"),
    [
        ("cough", 0, False),
        ("cough", 700, False),
        ("mm_hm", 0, True),
        ("mm_hm", 700, False),
        ("interruption", 0, True),
        ("interruption", 700, True),
        ("noisy_question", 0, True),
        ("quiet_speaker", 0, True),
        ("loud_speaker", 700, True),
        ("fast_speaker", 0, True),
        ("noise_only", 0, False),
        ("silence", 0, False),
    ],
)
def test_the_recorded_callers_are_told_apart(
    name: str, backchannel_ms: int, interrupts: bool
) -> None:
    """Every recording, with the model's detector firing early in it."""
    audio = (CALLS / f"{name}.ulaw").read_bytes()
    levels = [level_dbfs(audio[at : at + 160]) for at in range(0, len(audio), 160)]
    floor = Floor(FloorRules(backchannel_ms=backchannel_ms))
    acts = said(floor, levels[:1] * 50)  # the line was like that before
    onset = next((n for n, level in enumerate(levels) if level > -45), 0) + 3
    acts += said(floor, levels[:onset])
    acts.append(floor.started(sounding=True))
    acts += said(floor, levels[onset:] + [-60.0] * 30)
    assert ("interrupt" in acts) is interrupts


def test_steady_noise_is_no_voice_however_loud() -> None:
    """The line's own noise is learned within seconds, and forgotten when it is gone."""
    meter = VoiceMeter(RULES)
    for _ in range(400):
        meter.frame(-35.0, FRAME_MS)
    voiced = meter.voiced_ms
    for _ in range(200):
        meter.frame(-35.0, FRAME_MS)
    assert meter.voiced_ms == voiced
    meter.frame(-20.0, FRAME_MS)
    assert meter.voiced_ms == FRAME_MS


EVENTS = st.one_of(
    st.tuples(st.just("frame"), st.floats(-96, 0)),
    st.tuples(st.just("started"), st.booleans(), st.booleans()),
    st.tuples(st.just("stopped")),
    st.tuples(st.just("committed")),
)


@given(st.lists(EVENTS, max_size=200))
def test_whatever_happens_the_agent_is_never_held_back_for_good(
    events: list[tuple[Any, ...]],
) -> None:
    """Each pause is ended by a resume or an interruption, at the latest when the turn is closed;
    nothing is resumed that was not paused, and only a closed turn is answered or forgotten.
    """
    floor, paused = Floor(RULES), False
    for name, *arguments in events:
        act: Act | None = None
        if name == "frame":
            act = floor.frame(float(str(arguments[0])), FRAME_MS)
            assert act in (None, "resume", "interrupt")
        elif name == "started":
            act = floor.started(sounding=bool(arguments[0]), protected=bool(arguments[1]))
            assert act in ("pause", "interrupt", "grant")
        elif name == "stopped":
            act = floor.stopped()
            assert not floor.paused
        else:
            floor.stopped()
            assert floor.committed() in ("answer", "forget")
            paused = False
        if act == "resume":
            assert paused
        paused = act == "pause" or (paused and act is None)
        assert floor.paused == paused
