"""The names of what is counted of calls, and that the closed sets are whole."""

from gateway.observe.callfamilies import (
    FAILED_BY,
    OUTCOMES,
    REASONS,
    CallFamilies,
    failure_of,
)
from gateway.observe.families import OTHER
from gateway.store.records.outcomes import OUTCOMES as BY_REASON


def test_every_reason_a_call_may_end_with_has_its_series() -> None:
    """And so has every outcome; nothing else has one."""
    assert set(REASONS) == {*BY_REASON, OTHER}
    assert set(OUTCOMES) == set(BY_REASON.values())


def test_somebody_is_to_blame_for_every_failure() -> None:
    """What nobody has thought of is the gateway's."""
    failed = {reason for reason, outcome in BY_REASON.items() if outcome == "failed"}
    assert {reason for reasons in FAILED_BY.values() for reason in reasons} == failed
    assert [failure_of(each) for each in ("model_auth", "socket_lost", "guardrail_loop")] == [
        "model",
        "carrier",
        "agent",
    ]
    assert failure_of("new") == "gateway"


def test_every_name_is_said_once() -> None:
    """Two families of one name would be one too many for Prometheus."""
    names = [family.metric().name for family in CallFamilies().all()]
    assert len(set(names)) == len(names)
