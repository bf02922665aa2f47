"""What the end of one call means for its list."""

from typing import Any

import pytest

from gateway.core.attempt import Attempt, fault_of
from gateway.core.callee import Refusal
from tests.core.campaigns import NOON, attempt


@pytest.mark.parametrize(
    ("outcome", "reached", "left_alone", "rang"),
    [
        ("completed", True, True, True),
        ("message_left", True, True, True),
        ("unknown", False, True, True),
        ("busy", False, False, True),
        ("machine", False, False, True),
        ("refused", False, False, False),
        ("expired", False, False, False),
    ],
)
def test_outcomes(outcome: str, reached: bool, left_alone: bool, rang: bool) -> None:
    """Who was reached, and who may have been, is left alone; some were never rung."""
    found = attempt(outcome)
    assert (found.reached, found.left_alone, found.rang) == (reached, left_alone, rang)


def test_who_was_taken_back_was_not_rung() -> None:
    """A call that was canceled before the carrier was asked rang nobody."""
    assert attempt("canceled", sent_at=NOON).rang
    assert not attempt("canceled", sent_at=None).rang


@pytest.mark.parametrize(
    ("outcome", "more", "fault"),
    [
        ("busy", {"sip_code": 486}, False),
        ("no_answer", {}, False),
        ("machine", {"well": False, "call_reason": "machine"}, False),
        ("failed", {"sip_code": 404}, False),
        ("failed", {"sip_code": 503}, True),
        ("refused", {}, True),
        ("expired", {}, True),
        ("unknown", {}, True),
        ("completed", {}, False),
        ("completed", {"well": False, "call_reason": "caller_hung_up"}, False),
        ("completed", {"well": False, "call_reason": "model_auth"}, True),
        ("completed", {"well": False, "call_reason": "no_stream"}, True),
    ],
)
def test_whose_fault_it_was(outcome: str, more: dict[str, Any], fault: bool) -> None:
    """Not the callee's: the carrier's, the account's, the agent's."""
    found: Attempt = attempt(outcome, words="the words", **more)
    assert bool(found.fault) is fault


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("switch", True),
        ("per_day", True),
        ("agent", True),
        ("country", False),
        ("per_number", False),
        ("do_not_call", False),
        ("quiet_hours", False),
    ],
)
def test_rules_of_one_number_are_no_fault(rule: str, fault: bool) -> None:
    """Only those that would refuse the next number as well."""
    assert bool(fault_of(Refusal(rule, "", "why"))) is fault
