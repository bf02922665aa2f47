"""The listener: what it costs nobody to wait for, and what is bounded."""

import subprocess
import sys
import threading
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from gateway.core.events import CallEnded, CallerIdle, CallEvent, CallOffered
from gateway.errors import ConfigError
from gateway.observe import traces
from gateway.observe.callspans import CallSpans
from gateway.observe.collector import Collector
from gateway.observe.spoken import Spoken
from gateway.observe.traces import Traces, open_traces
from gateway.settings import Settings, load_settings
from tests.observe.tree import OFFERED

ENDED = CallEnded("caller_hung_up", 1.0, 0.0, 0, 0, 0)


def same(words: str, _asked: str) -> str:
    """Nothing is redacted."""
    return words


def configured(**changed: Any) -> Settings:
    """Settings of no environment."""
    return load_settings(_env_file=None, **{"otel": "http://127.0.0.1:9", **changed})


def sid(number: int) -> str:
    """A CallSid."""
    return f"CA{number:032x}"


@pytest.fixture
def memory() -> InMemorySpanExporter:
    """Where ended spans are found."""
    return InMemorySpanExporter()


def traced(memory: InMemorySpanExporter, most_calls: int = 10) -> Traces:
    """Traces that go nowhere but into memory."""
    collector = Collector(configured(), memory)
    return Traces(collector, lambda: None, most_calls=most_calls)


def names(memory: InMemorySpanExporter) -> list[str]:
    """Of the calls whose root has ended, in order."""
    roots = [each for each in memory.get_finished_spans() if each.name == "call"]
    return [dict(each.attributes or {})["gen_ai.conversation.id"] for each in roots]  # type: ignore[misc]


def test_nothing_is_traced_unless_an_address_is_set() -> None:
    """There is no listener then, and nothing of OpenTelemetry is loaded by what makes one; its SDK
    by no part of the gateway (the API comes with the MCP client).
    """
    program = (
        "import sys\n"
        "from gateway.observe.logs import configure_logs\n"
        "from gateway.observe.traces import open_traces\n"
        "from gateway.settings import load_settings\n"
        "settings = load_settings(_env_file=None)\n"
        "configure_logs(settings)\n"
        "assert open_traces(settings, lambda words, asked: words) is None\n"
        "assert not any(name.startswith('opentelemetry') for name in sys.modules)\n"
        "import gateway.agents, gateway.store.archive, gateway.web.app, gateway.web.server\n"
        "sys.exit('opentelemetry.sdk' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=50)
    assert done.returncode == 0


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.delitem(sys.modules, "gateway.observe.collector", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(ConfigError, match=r"GATEWAY_OTEL: .*pip install -e '\.\[otel\]'"):
        open_traces(configured(), same)


@pytest.mark.parametrize("url", ["http://collector:4318", "http://10.0.0.7:4318"])
def test_words_go_over_no_network_in_the_clear(url: str) -> None:
    """A collector in the same network is trusted with figures only, unless the way is encrypted."""
    with pytest.raises(ConfigError, match="GATEWAY_OTEL: with GATEWAY_OTEL_PII"):
        open_traces(configured(otel=url, otel_pii=True), same)
    for allowed in ({"otel": url}, {"otel": "https://x.example"}, {}):
        opened = open_traces(configured(otel_pii=allowed != {"otel": url}, **allowed), same)
        assert opened is not None
        opened.stop()


def test_events_become_spans_on_another_thread(memory: InMemorySpanExporter) -> None:
    """Whoever tells them goes on at once; at the end everything was gone through."""
    seen: list[str] = []

    class Watched(CallSpans):
        def hear(self, event: CallEvent, at_ns: int) -> bool:
            seen.append(threading.current_thread().name)
            return super().hear(event, at_ns)

    there = traced(memory)
    there.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.observe.collector.CallSpans", Watched)
        there.hear(sid(1), OFFERED)
        there.hear(sid(1), ENDED)
        there.stop()
    assert seen == ["traces"]
    assert names(memory) == [sid(1)]


def test_what_belongs_to_no_call_is_left_out(memory: InMemorySpanExporter) -> None:
    """Before the offer, after the end."""
    there = traced(memory)
    there.start()
    for event in (CallerIdle(1, 1.0), OFFERED, ENDED, CallerIdle(2, 2.0), ENDED):
        there.hear(sid(1), event)
    there.stop()
    assert names(memory) == [sid(1)]
    assert there._calls == {}


def test_calls_that_last_are_ended_with_the_gateway(memory: InMemorySpanExporter) -> None:
    """Nothing of them is lost."""
    there = traced(memory)
    there.start()
    there.hear(sid(1), OFFERED)
    there.hear(sid(2), OFFERED)
    there.stop()
    assert names(memory) == [sid(1), sid(2)]
    assert all(
        dict(each.attributes or {})["gateway.unfinished"] for each in memory.get_finished_spans()
    )


def test_calls_that_never_end_are_bounded(memory: InMemorySpanExporter) -> None:
    """The oldest is given up, and says that it was not finished."""
    there = traced(memory, most_calls=3)
    for number in range(10):
        there.hear(sid(number), OFFERED)
    there._go_through()
    assert len(there._calls) == 3
    there.start()
    there.stop()
    assert names(memory) == [sid(number) for number in range(10)]


def test_events_nobody_goes_through_are_bounded(
    memory: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left out is counted and told, once."""
    monkeypatch.setattr(traces, "MOST_WAITING", 5)
    there = traced(memory)
    for _ in range(8):
        there.hear(sid(1), OFFERED)
    with capture_logs() as logged:
        there._go_through()
        there._go_through()
    assert logged == [{"event": "traces.lost", "events": 3, "log_level": "warning"}]
    there.stop()


def test_an_event_that_fails_costs_itself(memory: InMemorySpanExporter) -> None:
    """Those behind it are told all the same; the log has the kind of the mistake only."""

    class Broken(Spoken):
        def number(self, number: str) -> str:
            raise RuntimeError(number)

    there = Traces(
        Collector(configured(), memory), lambda: Broken(same, mask_numbers=False), most_calls=3
    )
    with capture_logs() as logged:
        there.hear(sid(1), OFFERED)
        there._go_through()
    assert logged == [{"event": "traces.failed", "error": "RuntimeError", "log_level": "error"}]
    there._spoken = lambda: None
    there.hear(sid(2), OFFERED)
    there._go_through()
    assert list(there._calls) == [sid(2)]
    there.stop()


def test_what_the_sampler_leaves_out_is_not_kept(
    memory: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OTEL_TRACES_SAMPLER decides by call: all of its spans, or none."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    there = traced(memory, most_calls=100)
    low, high = "CA" + "0" * 31 + "1", "CA" + "0" * 16 + "f" * 16
    for call_sid in (low, high):
        there.hear(call_sid, OFFERED)
    there._go_through()
    assert list(there._calls) == [low]
    for call_sid in (low, high):
        there.hear(call_sid, ENDED)
    there._go_through()
    there.start()
    there.stop()
    assert names(memory) == [low]
    assert len(memory.get_finished_spans()) == 2


def test_a_call_offered_again_goes_on(memory: InMemorySpanExporter) -> None:
    """One trace, one root."""
    there = traced(memory)
    again = CallOffered("", "", "other", "inbound")
    for event in (OFFERED, again, ENDED):
        there.hear(sid(1), event)
    there._go_through()
    there.start()
    there.stop()
    assert names(memory) == [sid(1)]
