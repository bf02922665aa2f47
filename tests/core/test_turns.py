"""The stages of a turn: what is measured, from where, and whose time it was."""

import pytest

from gateway.core.turns import Turn, TurnClock


def _answer(clock: TurnClock, response_id: str, at: float) -> Turn | None:
    """One whole answer: created at ``at``, first delta 0.3 s later, sent 2 ms after, heard 50 ms
    after that.
    """
    clock.response_created(response_id, at)
    clock.first_delta(response_id, at + 0.3)
    turn = clock.first_sent(response_id, at + 0.302, at + 0.352)
    clock.response_done(response_id)
    return turn


def test_greeting() -> None:
    """The first answer, with nobody having spoken, is measured from its creation."""
    turn = _answer(TurnClock(), "r1", 10.0)
    assert turn is not None
    assert (turn.number, turn.kind, turn.response_id) == (1, "greeting", "r1")
    assert turn.endpoint_ms is None
    assert turn.response_ms is None
    assert turn.model_ms == pytest.approx(300)
    assert turn.gateway_ms == pytest.approx(2)
    assert turn.play_ms == pytest.approx(50)


def test_reply() -> None:
    """An answer to the caller is measured from the caller's last voiced frame."""
    clock = TurnClock()
    _answer(clock, "r1", 10.0)
    clock.turn_ended(20.0, last_voiced=19.4)
    turn = _answer(clock, "r2", 20.1)
    assert turn is not None
    assert (turn.number, turn.kind) == (2, "reply")
    assert turn.endpoint_ms == pytest.approx(600)
    assert turn.model_ms == pytest.approx(400)
    assert turn.gateway_ms == pytest.approx(2)
    assert turn.play_ms == pytest.approx(50)
    assert turn.response_ms == pytest.approx(1052)


def test_reply_without_a_known_last_word() -> None:
    """When nobody knows when the caller fell silent, the model's time is known all the same."""
    clock = TurnClock()
    clock.turn_ended(20.0, last_voiced=None)
    turn = _answer(clock, "r1", 20.1)
    assert turn is not None
    assert turn.kind == "reply"
    assert turn.endpoint_ms is None
    assert turn.response_ms is None
    assert turn.model_ms == pytest.approx(400)


def test_follow_up() -> None:
    """A second answer without a new word of the caller has no caller time."""
    clock = TurnClock()
    clock.turn_ended(20.0, last_voiced=19.4)
    _answer(clock, "r1", 20.1)
    turn = _answer(clock, "r2", 30.0)
    assert turn is not None
    assert (turn.number, turn.kind) == (2, "follow_up")
    assert turn.response_ms is None
    assert turn.model_ms == pytest.approx(300)


def test_silent_tool_response_is_no_turn() -> None:
    """The spoken answer after a tool is measured from the caller's last word."""
    clock = TurnClock()
    clock.turn_ended(20.0, last_voiced=19.4)
    clock.response_created("tool", 20.1)
    clock.response_done("tool")
    turn = _answer(clock, "r2", 22.0)
    assert turn is not None
    assert (turn.number, turn.kind) == (1, "reply")
    assert turn.response_ms == pytest.approx(2952)
    assert turn.model_ms == pytest.approx(2300)


def test_word_during_a_tool_call_counts_anew() -> None:
    """A caller who speaks while a tool works has the later turn answered."""
    clock = TurnClock()
    clock.turn_ended(20.0, last_voiced=19.4)
    clock.response_created("tool", 20.1)
    clock.turn_ended(25.0, last_voiced=24.5)
    clock.response_done("tool")
    turn = _answer(clock, "r2", 25.1)
    assert turn is not None
    assert turn.endpoint_ms == pytest.approx(500)


def test_silent_greeting_leaves_the_next_one_a_greeting() -> None:
    """A response that failed before a word takes nothing away."""
    clock = TurnClock()
    clock.response_created("failed", 5.0)
    clock.response_done("failed")
    turn = _answer(clock, "r1", 6.0)
    assert turn is not None
    assert turn.kind == "greeting"


def test_only_the_first_delta_counts() -> None:
    """Later deltas and later frames of a response change nothing."""
    clock = TurnClock()
    clock.response_created("r1", 1.0)
    clock.first_delta("r1", 1.1)
    clock.first_delta("r1", 9.0)
    turn = clock.first_sent("r1", 1.2, 1.3)
    assert turn is not None
    assert turn.model_ms == pytest.approx(100)
    assert clock.first_sent("r1", 2.0, 2.1) is None
    assert clock.turns == 1


def test_first_frame_after_the_response_was_done() -> None:
    """An answer queued behind another is often complete before its first frame leaves."""
    clock = TurnClock()
    clock.response_created("r1", 1.0)
    clock.first_delta("r1", 1.1)
    clock.response_done("r1")
    turn = clock.first_sent("r1", 9.1, 9.2)
    assert turn is not None
    assert turn.gateway_ms == pytest.approx(8000)


def test_cut_before_the_first_frame_left() -> None:
    """An answer cut off before a frame left is no turn and takes no number."""
    clock = TurnClock()
    clock.turn_ended(1.0, last_voiced=0.5)
    clock.response_created("cut", 1.1)
    clock.first_delta("cut", 1.4)
    clock.response_done("cut")
    clock.turn_ended(5.0, last_voiced=4.5)
    turn = _answer(clock, "r2", 5.1)
    assert turn is not None
    assert (turn.number, turn.kind) == (1, "reply")
    assert turn.endpoint_ms == pytest.approx(500)


def test_unknown_responses_are_ignored() -> None:
    """Audio of the gateway itself, or of a response never created, is no turn."""
    clock = TurnClock()
    clock.first_delta("ghost", 1.0)
    clock.response_done("ghost")
    assert clock.first_sent("", 1.0, 1.1) is None
    assert clock.first_sent("ghost", 1.0, 1.1) is None
    assert clock.turns == 0


def test_memory_is_bounded_over_ten_thousand_turns() -> None:
    """Answers that were cut off before their first frame do not pile up."""
    clock = TurnClock()
    for n in range(10_000):
        clock.turn_ended(float(n), last_voiced=None)
        clock.response_created(f"cut{n}", n + 0.1)
        clock.first_delta(f"cut{n}", n + 0.2)
        if n % 2:
            clock.response_done(f"cut{n}")
    assert len(clock._pending) <= 8
    assert _answer(clock, "r", 20_000.0) is not None
