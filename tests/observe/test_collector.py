"""The way of spans to a collector, over real sockets; what happens when it is none or away."""

import logging
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from gateway.core.events import CallEnded
from gateway.errors import ConfigError
from gateway.observe import collector
from gateway.observe.collector import Collector, endpoint
from gateway.observe.spoken import LONGEST
from tests.observe.receiver import Receiver, receiver
from tests.observe.test_traces import configured, sid
from tests.observe.tree import BEGUN_NS, OFFERED

ENDED = CallEnded("caller_hung_up", 1.0, 0.0, 0, 0, 0)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of OpenTelemetry's is set."""
    import os

    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def there() -> Iterator[Receiver]:
    """A collector."""
    with receiver() as running:
        yield running


def sent(url: str, *call_sids: str, limit_s: float = 10.0) -> None:
    """Traces some calls, and waits until they were sent or lost."""
    made = Collector(configured(otel=url))
    for call_sid in call_sids:
        call = made.begin(call_sid, OFFERED, BEGUN_NS, None)
        if call is not None:
            call.hear(ENDED, BEGUN_NS + 5)
    made.close(limit_s)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://x.example", "https://x.example/v1/traces"),
        ("https://x.example/otlp", "https://x.example/otlp/v1/traces"),
        ("https://x.example/v1/traces", "https://x.example/v1/traces"),
    ],
)
def test_the_path_of_traces_is_added(url: str, address: str) -> None:
    """As the standard variable has it; who names the whole address is believed."""
    assert endpoint(url) == address


def test_a_call_comes_with_its_own_id(there: Receiver) -> None:
    """The trace is found by the CallSid; who sends is told by the resource."""
    sent(there.url, sid(7))
    assert there.paths == ["/v1/traces"]
    (connect, root) = there.spans()
    assert (connect.name, root.name) == ("model.connect", "call")
    assert root.trace_id == connect.trace_id == sid(7)[2:]
    assert connect.parent_id == root.span_id
    assert (root.begun_ns, root.ended_ns) == (BEGUN_NS, BEGUN_NS + 5)
    assert root.resource["service.name"] == "gateway"
    assert root.resource["service.version"]


def test_the_standard_variables_are_obeyed(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Name, attributes of the resource, headers, compression, and who is sampled."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "switchboard")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20abc,x-tenant=7")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    sent(there.url, sid(7))
    assert there.headers[0]["authorization"] == "Basic abc"
    assert there.headers[0]["x-tenant"] == "7"
    assert there.headers[0]["content-encoding"] == "gzip"
    resource = there.spans()[0].resource
    assert resource["service.name"] == "switchboard"
    assert resource["deployment.environment.name"] == "test"
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    sent(there.url, sid(8))
    assert len(there.bodies) == 1


def test_the_address_is_ours_alone(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A standard variable that names another collector does not send calls there."""
    with receiver() as other:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", other.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", other.url)
        sent(there.url, sid(7))
        assert (len(there.bodies), other.asked) == (1, 0)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret-without-a-name", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "many", "OTEL_SPAN_EVENT_COUNT_LIMIT"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1", "max_export_batch_size"),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    """In one line, without what may be a credential."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=said) as wrong:
        Collector(configured())
    assert "s3cret" not in str(wrong.value)
    assert logging.getLogger("opentelemetry").propagate


def test_long_texts_are_cut_and_long_calls_bounded() -> None:
    """An hour's call with thousands of events has as many as the library allows."""
    from gateway.core.events import CallerIdle

    memory = InMemorySpanExporter()
    made = Collector(configured(), memory)
    call = made.begin(sid(1), OFFERED, BEGUN_NS, None)
    assert call is not None
    for number in range(5000):
        call.hear(CallerIdle(number, 1.0), BEGUN_NS + number)
    call._root.set_attribute("long", "x" * 50_000)
    call.hear(ENDED, BEGUN_NS + 6000)
    made.close(5.0)
    (root,) = [each for each in memory.get_finished_spans() if each.name == "call"]
    assert len(root.events) == 128
    assert root.dropped_events == 5000 - 128
    assert len(str(dict(root.attributes or {})["long"])) == LONGEST


def test_a_collector_that_is_away_is_told_once() -> None:
    """How many spans are lost, and when it is back; the library's own lines are not shown."""
    with receiver(500) as broken, capture_logs() as logged:
        made = Collector(configured(otel=broken.url))
        for number in range(3):
            call = made.begin(sid(number), OFFERED, BEGUN_NS, None)
            assert call is not None
            call.hear(ENDED, BEGUN_NS + 5)
            made._provider.force_flush()
        broken.status = 200
        call = made.begin(sid(9), OFFERED, BEGUN_NS, None)
        assert call is not None
        call.hear(ENDED, BEGUN_NS + 5)
        made.close(10.0)
    assert logged == [
        {"event": "traces.away", "lost_spans": 2, "log_level": "warning"},
        {"event": "traces.back", "lost_spans": 6, "log_level": "info"},
    ]
    assert [each.name for each in broken.spans()] == ["model.connect", "call"]


def test_trouble_that_lasts_is_told_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with each batch."""

    class Failing(InMemorySpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.FAILURE

    watched = collector._Watched(Failing())
    with capture_logs() as logged:
        watched.export([])
        watched.export([])
        monkeypatch.setattr(collector, "SAY_AGAIN_S", 0.0)
        watched.export([])
    assert [each["event"] for each in logged] == ["traces.away"] * 2


def test_nobody_waits_for_a_collector_that_hangs() -> None:
    """The end of the gateway breaks it off."""
    with receiver(hangs=True) as hanging, capture_logs():
        made = Collector(configured(otel=hanging.url))
        call = made.begin(sid(1), OFFERED, BEGUN_NS, None)
        assert call is not None
        call.hear(ENDED, BEGUN_NS + 5)
        made.close(0.2)  # a thread still waits for the answer: it is a daemon


def test_the_librarys_complaints_are_told_without_their_values() -> None:
    """They may quote credentials; and each is told once in a while, in the log's own form."""
    made = Collector(configured(), InMemorySpanExporter())
    log = logging.getLogger("opentelemetry.sdk.trace")
    with capture_logs() as logged:
        for _ in range(3):
            log.warning("Bad header %s", "s3cret")
        logging.getLogger("opentelemetry.exporter.x").error("Failed")
        log.info("fine")
    made.close(1.0)
    assert logged == [{"event": "traces.trouble", "words": "Bad header %s", "log_level": "warning"}]
    assert log.parent is not None
    assert logging.getLogger("opentelemetry").propagate
