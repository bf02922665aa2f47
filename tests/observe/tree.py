"""A call's spans made in memory: what tests of traces tell events to and look at."""

from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.core.events import CallEvent, CallOffered
from gateway.core.turns import Turn
from gateway.observe.callspans import CallSpans
from gateway.observe.spoken import Spoken

CALL_SID = "CA0123456789abcdef0123456789abcdef"
BEGUN_NS = 1_800_000_000_000_000_000
OFFERED = CallOffered(
    called="+15550001000",
    caller="+12025550143",
    agent="frontdesk",
    direction="inbound",
    route="main",
    model="gpt-realtime-2.1",
)


class Tree:
    """One call, told of its events by the millisecond."""

    def __init__(
        self, offered: CallOffered = OFFERED, redact: Callable[[str, str], str] | None = None
    ) -> None:
        """``redact`` = None: nothing of what is said is told."""
        self._memory = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._memory))
        spoken = None if redact is None else Spoken(redact, mask_numbers=False)
        self.call = CallSpans(provider.get_tracer("gateway"), CALL_SID, offered, BEGUN_NS, spoken)

    def tell(self, *told: tuple[float, CallEvent]) -> "Tree":
        """Tells events, each so many milliseconds after the offer."""
        for at_ms, event in told:
            self.call.hear(event, BEGUN_NS + round(at_ms * 1e6))
        return self

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """Those that have ended, by their name's first word, in the order in which they began."""
        ended = self._memory.get_finished_spans()
        found = [span for span in ended if not name or span.name.split()[0] == name]
        return sorted(found, key=lambda span: span.start_time or 0)

    def one(self, name: str) -> ReadableSpan:
        """The only one of its name."""
        (span,) = self.spans(name)
        return span


def told(span: ReadableSpan) -> dict[str, Any]:
    """Its attributes."""
    return dict(span.attributes or {})


def lasts(span: ReadableSpan) -> tuple[float, float]:
    """From when to when, in milliseconds after the offer."""
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.start_time - BEGUN_NS) / 1e6, (span.end_time - BEGUN_NS) / 1e6


def noted(span: ReadableSpan) -> list[tuple[str, float]]:
    """What was noted on it, and when."""
    return [(each.name, (each.timestamp - BEGUN_NS) / 1e6) for each in span.events]


def is_below(child: ReadableSpan, parent: ReadableSpan) -> bool:
    """True when the parent is its parent, in the tree and in time."""
    begin, end = lasts(child)
    first, last = lasts(parent)
    named = child.parent is not None and child.parent.span_id == parent.context.span_id
    return named and first <= begin <= end <= last


def turn(number: int = 1, kind: str = "reply", response_id: str = "r1", **stages: Any) -> Turn:
    """A measured answer: 500 ms endpointing, 200 the model, 1 the gateway, 49 the way."""
    measured: dict[str, Any] = {
        "endpoint_ms": 500.0 if kind == "reply" else None,
        "model_ms": 200.0,
        "gateway_ms": 1.0,
        "play_ms": 49.0,
        "response_ms": 750.0 if kind == "reply" else None,
    }
    return Turn(number, kind, response_id, **(measured | stages))
