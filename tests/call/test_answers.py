"""The agent's answers as wholes: one is asked for at a time, and the newest one counts."""

import pytest

from gateway.call.answers import ALREADY_ANSWERS, MOST_CORRECTIONS, Answers
from gateway.core.commands import ASKED


class Asked:
    """Answers that write into a list."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.it = Answers(self.sent.append)

    def speak(self, response: str) -> None:
        """An answer with words, to its end."""
        self.it.created(response)
        self.it.spoke(response)
        self.it.done(over=True)


def test_an_answer_is_asked_for_when_the_running_one_is_over() -> None:
    """Of several that waited, the last one."""
    asked = Asked()
    asked.it.created("resp_1")
    asked.it.ask(b"first")
    asked.it.ask(b"second")
    assert (asked.sent, asked.it.pending) == ([], True)
    asked.it.done(over=True)
    assert asked.sent == [b"second"]
    asked.speak("resp_2")
    asked.it.ask(b"third")
    assert asked.sent == [b"second", b"third"]


def test_an_answer_that_was_asked_for_has_no_words_yet() -> None:
    """Those of the one before it are not its own: a goodbye that is to come was not said."""
    asked = Asked()
    asked.speak("resp_1")
    seen = [asked.it.spoke_last]
    asked.it.ask(b"goodbye")
    seen.append(asked.it.spoke_last)
    asked.speak("resp_2")
    seen.append(asked.it.spoke_last)
    assert seen == [True, False, True]


def test_each_turn_has_one_more_chance() -> None:
    """A generation that failed is asked for again once."""
    asked = Asked()
    assert [asked.it.may_try_again(), asked.it.may_try_again()] == [True, False]
    asked.it.caller_spoke()
    assert asked.it.may_try_again()


def test_corrections_in_a_row_are_counted_until_the_caller_says_something() -> None:
    """A guardrail that trips over its own corrections must not go on for ever."""
    it = Answers(lambda request: None)
    assert [it.may_be_corrected() for _ in range(MOST_CORRECTIONS + 1)] == [
        *[True] * MOST_CORRECTIONS,
        False,
    ]
    it.caller_spoke()
    assert it.may_be_corrected()


# What crosses on the way


def test_one_that_is_asked_for_before_the_first_begins_waits_for_its_end() -> None:
    """The server would refuse it: it begins the first one within some forty milliseconds."""
    asked = Asked()
    asked.it.ask(b"first")
    asked.it.ask(b"second")
    assert (asked.sent, asked.it.pending) == ([b"first"], True)
    asked.speak("resp_1")
    assert asked.sent == [b"first", b"second"]
    asked.speak("resp_2")
    assert (asked.sent, asked.it.pending) == ([b"first", b"second"], False)


def test_one_that_met_the_models_own_answer_is_asked_for_again_when_that_is_over() -> None:
    """The model's voice detection begins answers, too; ours was refused, and is not lost."""
    asked = Asked()
    asked.it.ask(b"whisper")
    asked.it.created("resp_own")
    asked.it.refused(ASKED, ALREADY_ANSWERS)
    assert (asked.sent, asked.it.pending) == ([b"whisper"], True)
    asked.it.done(over=True)
    assert asked.sent == [b"whisper"] * 2
    asked.speak("resp_2")
    assert not asked.it.pending


def test_when_what_was_in_the_way_is_over_already_nothing_is_waited_for() -> None:
    """No end follows a refusal by itself. Once: what is refused for ever is not asked for ever."""
    asked = Asked()
    asked.it.ask(b"whisper")
    for _ in range(5):
        asked.it.refused(ASKED, ALREADY_ANSWERS)
    assert (asked.sent, asked.it.pending) == ([b"whisper"] * 2, False)
    asked.it.ask(b"next")
    asked.speak("resp_1")
    assert asked.sent[2:] == [b"next"]


def test_a_newer_request_takes_the_place_of_one_that_is_refused() -> None:
    """Each would answer the whole conversation."""
    asked = Asked()
    asked.it.ask(b"first")
    asked.it.created("resp_own")
    asked.it.ask(b"second")
    asked.it.refused(ASKED, ALREADY_ANSWERS)
    asked.it.done(over=True)
    assert asked.sent == [b"first", b"second"]


def test_one_that_is_refused_for_good_holds_nobody_up() -> None:
    """Whatever the reason: what waits behind it is asked for."""
    asked = Asked()
    asked.it.ask(b"wrong")
    asked.it.ask(b"right")
    asked.it.refused(ASKED, "invalid_value")
    assert asked.sent == [b"wrong", b"right"]
    asked.speak("resp_1")
    assert (asked.sent, asked.it.pending) == ([b"wrong", b"right"], False)


def test_a_server_that_says_nothing_is_asked_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And nobody is told for ever that an answer is to come: silence could not be told."""
    asked = Asked()
    asked.it.ask(b"first")
    asked.it.ask(b"second")
    seen = [asked.it.pending]
    monkeypatch.setattr("gateway.call.answers.ON_ITS_WAY_S", 0.0)
    assert [*seen, asked.it.pending] == [True, False]
    asked.it.ask(b"third")
    assert asked.sent == [b"first", b"third"]


def test_a_server_that_says_nothing_to_a_request_is_asked_again_in_the_next_turn() -> None:
    """It may have been lost; if it was only late, the second one is refused and comes later."""
    asked = Asked()
    asked.it.ask(b"turn 1")
    asked.it.caller_spoke()
    asked.it.ask(b"turn 2")
    assert asked.sent == [b"turn 1", b"turn 2"]
    asked.it.created("resp_1")
    asked.it.refused(ASKED, ALREADY_ANSWERS)
    asked.it.done(over=True)
    assert asked.sent == [b"turn 1", b"turn 2", b"turn 2"]


def test_what_the_server_does_not_name_may_have_been_the_request() -> None:
    """Nobody waits for it; it is not asked for again, for it may be another's. Named, it is not."""
    asked = Asked()
    asked.it.ask(b"first")
    asked.it.refused("evt_of_the_sdk", ALREADY_ANSWERS)
    asked.it.ask(b"second")
    assert asked.sent == [b"first"]
    asked.it.refused(None, ALREADY_ANSWERS)
    assert asked.sent == [b"first", b"second"]
