"""Outcomes of calls we placed, in words."""

import pytest

from gateway.core.dialwords import OUTCOMES, WELL, outcome_words


@pytest.mark.parametrize(
    ("outcome", "reason", "sip_code", "words"),
    [
        ("completed", "", 200, "answered, and over"),
        ("completed", "", 486, "answered, and over"),
        ("busy", "", None, "the line was busy"),
        ("busy", "busy", 486, "the line was busy (busy, SIP 486)"),
        ("failed", "", 404, "the carrier could not put it through (SIP 404)"),
        ("refused", "no such From", None, "refused; nobody was rung (no such From)"),
        ("went_up_in_smoke", "", None, "went up in smoke"),
    ],
)
def test_an_outcome_is_said_with_its_reason(
    outcome: str, reason: str, sip_code: int | None, words: str
) -> None:
    """What is in the table by its words, anything else as it is; a code where it explains."""
    assert outcome_words(outcome, reason, sip_code) == words


def test_only_what_is_said_can_go_well() -> None:
    """No outcome counts as good that the table does not have."""
    assert OUTCOMES.keys() > WELL
