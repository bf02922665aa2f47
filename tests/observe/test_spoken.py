"""What a trace may have of what was said: redacted as the records are, and never endless."""

from gateway.core.redaction import Redactor
from gateway.observe.spoken import LONGEST, Spoken

CARD = "4111 1111 1111 1111"


def spoken(*, mask: bool = False) -> Spoken:
    """With the redaction every record goes through."""
    return Spoken(Redactor().text, mask_numbers=mask)


def test_words_are_redacted() -> None:
    """Of either side, in notes and in what tools are told."""
    words = spoken()
    for way in (words.by_caller, words.by_agent, words.other):
        assert CARD not in way(f"My card is {CARD}.")
        assert way("Nothing secret.") == "Nothing secret."


def test_an_answer_to_a_question_for_a_secret_is_redacted() -> None:
    """Even when the transcript comes after what the agent said to it."""
    words = spoken()
    words.by_agent("What is your PIN?")
    words.by_agent("Thank you, that is right.")
    assert "1234" not in words.by_caller("1234")
    assert spoken().by_caller("1234") == "1234"


def test_a_long_text_is_cut() -> None:
    """After redaction: no half of a secret is left over."""
    assert len(spoken().by_agent("a" * 10_000)) == LONGEST
    assert "4111" not in spoken().other("a" * (LONGEST - 9) + " " + CARD)


def test_numbers_are_masked_where_they_are_redacted() -> None:
    """`GATEWAY_REDACT_NUMBERS` goes for the caller's own, too."""
    assert spoken().number("+12025550143") == "+12025550143"
    assert spoken(mask=True).number("+12025550143") == "+*********43"
