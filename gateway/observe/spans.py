"""How spans of a call are made: who is whose child, what all of them carry, explicit times.

Times are Unix nanoseconds. Attributes that are None are left out.
"""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Tracer, set_span_in_context

from gateway.core.events import CallEvent
from gateway.core.shown import event_name, shown_fields

PROVIDER: Final = "openai"
_NOT_TOLD = ("at_ms", "caller", "called")


class Branches:
    """Makes the spans of one call."""

    def __init__(self, tracer: Tracer, call_sid: str) -> None:
        self._tracer = tracer
        self._common = {
            "gen_ai.conversation.id": call_sid,
            "gen_ai.provider.name": PROVIDER,
            # What it was called before (GenAI semantic conventions 1.37); many still look for it.
            "gen_ai.system": PROVIDER,
        }

    def start(
        self,
        name: str,
        at_ns: int,
        attributes: Mapping[str, Any],
        *,
        parent: Span | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        links: tuple[Link, ...] = (),
    ) -> Span:
        """A new span that began then; whoever asked for it ends it."""
        # A context of its own: what else in this process makes spans is no parent.
        context = Context() if parent is None else set_span_in_context(parent, Context())
        told = known(self._common | dict(attributes))
        return self._tracer.start_span(name, context, kind, told, links, at_ns)


def known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Those that have a value."""
    return {name: value for name, value in attributes.items() if value is not None}


def mark(span: Span, event: CallEvent, at_ns: int, more: Mapping[str, Any] | None = None) -> None:
    """Notes on a span that something happened: what the log would show of it, and ``more``."""
    told = {
        f"gateway.{name}": value
        for name, value in shown_fields(event).items()
        if name not in _NOT_TOLD and isinstance(value, (str, int, float))
    }
    span.add_event(event_name(event), known(told | dict(more or {})), at_ns)


def ns(ms: float) -> int:
    """Milliseconds in nanoseconds."""
    return round(ms * 1_000_000)
