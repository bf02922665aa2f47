"""The agent's answers as wholes: one is asked for at a time, and the newest one counts."""

from gateway.call.answers import MOST_CORRECTIONS, Answers


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
