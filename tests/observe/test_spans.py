"""How spans of a call are made."""

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from gateway.core.events import BargeIn, ToolStarted, UsageCounted
from gateway.observe.spans import Branches, known, mark, ns
from tests.observe.tree import CALL_SID


def test_every_span_says_which_call_it_is_of() -> None:
    """Under the names of the GenAI conventions, of today and of before."""
    span = Branches(TracerProvider(shutdown_on_exit=False).get_tracer("t"), CALL_SID).start(
        "x", 5, {"a": 1, "b": None}
    )
    assert isinstance(span, ReadableSpan)
    assert span.start_time == 5
    assert dict(span.attributes or {}) == {
        "gen_ai.conversation.id": CALL_SID,
        "gen_ai.provider.name": "openai",
        "gen_ai.system": "openai",
        "a": 1,
    }


def test_spans_that_others_make_are_no_parents() -> None:
    """An agent's own tracing in this process does not become the parent of a call."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    with tracer.start_as_current_span("somebody's"):
        span = Branches(tracer, CALL_SID).start("call", 1, {})
    assert isinstance(span, ReadableSpan)
    assert span.parent is None
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_mark_has_what_the_log_would_show() -> None:
    """Rounded, without words and without the call's own clock."""
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("x")
    assert isinstance(span, ReadableSpan)
    mark(span, BargeIn("caller", "i", 100, 20, 1, 0, 20.123456, 0.5, 999.0), 7)
    mark(span, ToolStarted("look", 1.0, 2, "desk", "secret words"), 8, {"more": None})
    first, second = span.events
    assert (first.name, first.timestamp) == ("barge_in", 7)
    attributes = dict(first.attributes or {})
    assert attributes["gateway.uncertainty_ms"] == 20.12
    assert "gateway.at_ms" not in attributes
    assert "secret" not in str(dict(second.attributes or {}))


def test_what_is_a_table_is_no_attribute() -> None:
    """The library would refuse it with a complaint."""
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("x")
    assert isinstance(span, ReadableSpan)
    mark(span, UsageCounted("response", "r", "m", {"text_in": 1}, 0.0, None, 0.0, 1.0), 7)
    (event,) = span.events
    assert "gateway.used" not in dict(event.attributes or {})


def test_milliseconds_become_nanoseconds() -> None:
    """Whole ones."""
    assert ns(1.5) == 1_500_000
    assert known({"a": None, "b": 0, "c": ""}) == {"b": 0, "c": ""}
