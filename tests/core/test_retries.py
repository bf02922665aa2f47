"""Who is rung again, how often and after how long."""

from datetime import timedelta

import pytest

from gateway.core.retries import DEFAULTS, Retry, again_at, retries_of
from tests.core.campaigns import NOON, attempt


def test_rules_stand_in_the_places_of_the_defaults() -> None:
    """What was not written stays as it is."""
    rules = retries_of(["busy=3:90s", "machine=0", "no_answer=1:2d"])
    assert rules == {
        **DEFAULTS,
        "busy": Retry(3, timedelta(seconds=90)),
        "machine": Retry(0, timedelta(0)),
        "no_answer": Retry(1, timedelta(days=2)),
    }


@pytest.mark.parametrize(
    "text", ["busy", "busy=", "busy=2", "busy=2:10", "busy=x:1m", "completed=1:1m", "=1:1m", ""]
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    """Nobody who was reached can be rung again, and no wait is forgotten."""
    with pytest.raises(ValueError, match=r"rule|outcomes"):
        retries_of([text])


def test_each_outcome_has_its_own_count() -> None:
    """Two times busy, two times nobody there: all of them allowed."""
    tried = [attempt("busy"), attempt("no_answer"), attempt("busy")]
    assert again_at(tried, DEFAULTS) == NOON + timedelta(minutes=10)
    assert again_at([*tried, attempt("busy")], DEFAULTS) is None
    assert again_at([*tried, attempt("no_answer")], DEFAULTS) == NOON + timedelta(hours=1)


@pytest.mark.parametrize("outcome", ["completed", "message_left", "unknown"])
def test_nobody_who_may_have_been_reached_is_rung_again(outcome: str) -> None:
    """Neither then, nor when another call came to nothing later."""
    assert again_at([attempt(outcome)], DEFAULTS) is None
    assert again_at([attempt(outcome), attempt("busy")], DEFAULTS) is None


@pytest.mark.parametrize("code", [404, 410, 484, 603, 604, 607, 608])
def test_what_fails_for_good_is_not_tried_again(code: int) -> None:
    """A number that does not exist; somebody who blocks us."""
    assert again_at([attempt("failed", sip_code=code)], DEFAULTS) is None
    assert again_at([attempt("failed", sip_code=503)], DEFAULTS) is not None
