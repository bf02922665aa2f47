"""Who waited for whom, and how long."""

from gateway.ops.load.talk import GIVES_UP_NS, LEAST_FRAMES, Talk

MS = 1_000_000
FRAME = 20 * MS


def says(talk: Talk, from_ms: int, frames: int) -> int:
    """The caller speaks; when it was silent again, in milliseconds."""
    for number in range(frames):
        talk.caller((from_ms + 20 * number) * MS)
    return from_ms + 20 * (frames - 1)


def hears(talk: Talk, from_ms: int, frames: int) -> list[bool]:
    """The agent speaks; where it began to."""
    return [talk.agent((from_ms + 20 * number) * MS) for number in range(frames)]


def test_a_turn_runs_from_the_last_word_to_the_answer() -> None:
    """To the nanosecond at which it was heard."""
    talk = Talk()
    over_ms = says(talk, 1000, 50)
    assert hears(talk, 2800, 3) == [True, False, False]
    assert talk.turns == [(2800 * MS, (2800 - over_ms) * MS)]
    assert talk.first_ns == 2800 * MS


def test_the_agent_that_speaks_first_answers_nobody() -> None:
    """A greeting is no turn."""
    talk = Talk()
    hears(talk, 100, 50)
    assert (talk.turns, talk.first_ns) == ([], 100 * MS)


def test_a_click_is_not_answered() -> None:
    """Fewer frames than speech has."""
    talk = Talk()
    says(talk, 1000, LEAST_FRAMES - 1)
    hears(talk, 2000, 1)
    assert (talk.turns, talk.unanswered) == ([], 0)


def test_who_speaks_again_without_an_answer_was_not_answered() -> None:
    """Counted once; the next answer is measured from the later words."""
    talk = Talk()
    says(talk, 1000, 20)
    over_ms = says(talk, 5000, 20)
    hears(talk, 6000, 1)
    assert talk.unanswered == 1
    assert talk.turns == [(6000 * MS, (6000 - over_ms) * MS)]


def test_words_into_a_pause_are_no_answer() -> None:
    """The caller went on: what the agent said in between is taken back."""
    talk = Talk()
    says(talk, 1000, 20)
    hears(talk, 1600, 5)
    over_ms = says(talk, 1780, 20)
    hears(talk, 3000, 1)
    assert talk.turns == [(3000 * MS, (3000 - over_ms) * MS)]


def test_an_interruption_runs_from_the_first_word_to_the_clear() -> None:
    """And the answer to it from the last word on."""
    talk = Talk()
    hears(talk, 0, 60)
    talk.caller(1210 * MS)
    hears(talk, 1220, 5)
    assert talk.clear(1350 * MS)
    assert talk.interruptions == [(1350 * MS, 140 * MS)]
    over_ms = says(talk, 1360, 20)
    assert hears(talk, 2500, 1) == [True]
    assert talk.turns == [(2500 * MS, (2500 - over_ms) * MS)]


def test_what_was_cut_off_is_not_heard_again() -> None:
    """The rest of a period before the clear begins nothing."""
    talk = Talk()
    hears(talk, 0, 10)
    talk.caller(200 * MS)
    assert talk.clear(215 * MS)
    assert not talk.agent(210 * MS)
    assert talk.fell_silent(220 * MS) == 180 * MS
    assert talk.fell_silent(240 * MS) is None


def test_who_begins_after_the_agent_interrupts_nobody() -> None:
    """A clear that comes then is a formality."""
    talk = Talk()
    hears(talk, 0, 10)
    talk.caller(300 * MS)
    assert not talk.clear(310 * MS)


def test_a_clear_without_an_interruption_is_none() -> None:
    """The agent was silent, or it was not the caller who spoke."""
    talk = Talk()
    assert not talk.clear(100 * MS)
    hears(talk, 200, 5)
    assert not talk.clear(310 * MS)
    assert talk.interruptions == []


def test_an_agent_that_does_not_stop_is_noted_once() -> None:
    """After three seconds of both."""
    talk = Talk()
    hears(talk, 0, 10)
    at = 200 * MS
    while at < 200 * MS + 2 * GIVES_UP_NS:
        talk.caller(at)
        talk.agent(at)
        at += FRAME
    assert (talk.spoke_on, talk.interruptions) == (1, [])
