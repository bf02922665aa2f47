"""Options: numbers and callees are found by their digits, secrets stay out of texts."""

from gateway.sim.twilio import Callee, PhoneNumber, TwilioOptions

OPTIONS = TwilioOptions(
    "AC1",
    "the-token",
    numbers=(PhoneNumber("+15550001111"),),
    callees=(Callee("+15550002222", outcome="busy"),),
    other_callees=Callee(ring_ms=1),
)


def test_who_answers_is_found_by_number() -> None:
    """Everybody else is the other callee."""
    assert OPTIONS.callee("+15550002222").outcome == "busy"
    assert OPTIONS.callee("+15550003333").ring_ms == 1


def test_the_token_is_not_shown() -> None:
    """Not in logs, not in failing tests."""
    assert "the-token" not in repr(OPTIONS)
