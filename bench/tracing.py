"""What tracing a call costs: `python -m bench traces`, in microseconds per call event.

Without `GATEWAY_OTEL` there is no listener, and nothing to be measured. With it the call's loop
puts each event into a queue; a thread makes spans of them, and the exporter's makes protobuf of
those.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rich.console import Console
from rich.table import Table

from gateway.core.events import (
    AgentSpoke,
    AgentStarted,
    AgentStopped,
    CallAnswered,
    CallEnded,
    CallerSpoke,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallLive,
    CallOffered,
    ModelConnected,
    ToolEnded,
    ToolStarted,
    TurnDone,
    UsageCounted,
)
from gateway.core.redaction import Redactor
from gateway.core.turns import Turn
from gateway.observe.collector import Collector
from gateway.observe.spoken import Spoken
from gateway.observe.traces import Traces
from gateway.settings import load_settings

TURNS = 20
CALLS = 20
REPEATS = 9
_SAID = "Sure, let me look that up for you. It was shipped yesterday and arrives on Monday."
_USED = {"text_in": 300, "audio_in": 120, "audio_cached": 900, "text_out": 40, "audio_out": 160}


def call_events(turns: int = TURNS) -> list[CallEvent]:
    """A call with that many turns, a tool in every second one."""
    events: list[CallEvent] = [
        CallOffered("+15550001000", "+12025550143", "assistant", "inbound", model="gpt-realtime"),
        ModelConnected(300.0),
        CallAnswered("MZ1", 320.0),
        CallLive(20.0),
    ]
    for number in range(1, turns + 1):
        at, item, response = number * 9000.0, f"i{number}", f"r{number}"
        events += [
            CallerStarted(at, item, at - 300),
            CallerStopped(at + 2000, item, at + 1500),
        ]
        if number % 2:
            arguments, result = '{"order_id":"A-1042"}', '{"state":"shipped"}'
            events += [
                ToolStarted("look_up", at + 2100, number, "assistant", arguments),
                ToolEnded("look_up", 50.0, at + 2150, number, result),
            ]
        turn = Turn(number, "reply", response, 500.0, 250.0, 0.1, 40.0, 790.1)
        events += [
            TurnDone(turn, at + 2260),
            AgentStarted(f"a{number}", response, at + 2300),
            AgentSpoke(f"a{number}", _SAID),
            CallerSpoke(item, "Where is my order, number A 1042?"),
            UsageCounted("response", response, "gpt-realtime", _USED, 0.0, 0.01, 0.01, at + 3000),
            AgentStopped(f"a{number}", response, 4000, 4000, at + 6300),
        ]
    return [*events, CallEnded("agent_hung_up", 190_000.0, 80_000.0, 9500, turns, 0)]


def measure(calls: int = CALLS, repeats: int = REPEATS) -> dict[str, float]:
    """Medians of microseconds per event, by whose time it is."""
    one = call_events()
    settings = load_settings(_env_file=None, otel="http://127.0.0.1:9")
    ids = [f"CA{number:032x}" for number in range(1, calls + 1)]
    told = [(call_sid, event) for event in one for call_sid in ids]
    taken: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        begin = time.perf_counter()
        work()
        taken.setdefault(name, []).append((time.perf_counter() - begin) / len(told) * 1e6)

    for _ in range(repeats):
        for name, words in (("", False), (", with words", True)):
            spoken = Spoken(Redactor().text, mask_numbers=False) if words else None
            memory = InMemorySpanExporter()
            collector = Collector(settings, memory)
            traces = Traces(collector, lambda spoken=spoken: spoken, most_calls=calls)  # type: ignore[misc]
            traces._stopping.set()  # goes through without a pause

            def put(traces: Traces = traces) -> None:
                for call_sid, event in told:
                    traces.hear(call_sid, event)

            timed("the call's loop puts it into the queue", put)
            timed(f"a thread makes spans of it{name}", traces._go_through)
            collector.close(30.0)
            spans = memory.get_finished_spans()
            timed(
                f"the exporter makes protobuf of them{name}",
                lambda spans=spans: encode_spans(spans).SerializeToString(),  # type: ignore[misc]
            )
    return {name: median(each) for name, each in taken.items()}


def main(arguments: list[str] | None = None) -> int:
    """Prints what an event costs."""
    argparse.ArgumentParser(prog="python -m bench traces", description=__doc__).parse_args(
        arguments
    )
    events = call_events()
    table = Table(title=f"A call of {len(events)} events, {TURNS} turns", title_justify="left")
    table.add_column("per event")
    table.add_column("µs", justify="right")
    for name, value in measure().items():
        table.add_row(name, f"{value:.2f}")
    Console().print(table)
    return 0
