"""The trace of a call has the call's own ID."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.traceids import root_span_id, trace_id, trace_ids

CALL_SID = "CA0123456789abcdef0123456789abcdef"


def test_a_call_and_its_trace_have_the_same_digits() -> None:
    """Whoever knows the CallSid finds the trace."""
    trace, span = trace_ids(CALL_SID)
    assert trace == CALL_SID[2:]
    assert len(span) == 16
    assert (trace, span) == trace_ids(CALL_SID)


@given(st.text())
def test_any_text_has_ids(call_sid: str) -> None:
    """They are never 0, which would be none (W3C Trace Context), and never too long."""
    assert 0 < trace_id(call_sid) < 2**128
    assert 0 < root_span_id(call_sid) < 2**64


def test_what_is_no_call_sid_is_hashed() -> None:
    """Other letters, other lengths and nothing but zeros."""
    for call_sid in ("", "CA" + "0" * 32, "CA" + "A" * 32, "MZ" + "1" * 32, "CA1", CALL_SID + "\n"):
        assert f"{trace_id(call_sid):x}" not in (call_sid, "0")
        assert trace_ids(call_sid)[0] != call_sid[2:]
