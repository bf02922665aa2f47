"""The way of spans out of the house: OpenTelemetry's tracer, its batches, OTLP over HTTP.

Everything but the address is set by the standard ``OTEL_…`` variables. A collector that is away
costs a bounded queue and a line of the log now and then: nothing waits for it.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Sequence
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator

from gateway import __version__
from gateway.core.events import CallOffered
from gateway.errors import ConfigError
from gateway.observe.callspans import CallSpans
from gateway.observe.spoken import LONGEST, Spoken
from gateway.observe.traceids import root_span_id, trace_id
from gateway.settings import Settings

PATH: Final = "/v1/traces"
SAY_AGAIN_S: Final = 300.0
"""How often the log says of the same trouble that it lasts."""
_LIBRARY: Final = "opentelemetry"
_HEADERS: Final = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")

_log = structlog.get_logger()


def endpoint(url: str) -> str:
    """Where spans are sent: the path of the signal is added, unless it is there."""
    return url if url.endswith(PATH) else url + PATH


class Collector:
    """The tracer of one gateway process, and what sends what it made."""

    def __init__(self, settings: Settings, exporter: SpanExporter | None = None) -> None:
        """``exporter`` in place of the one the settings name. Raises ConfigError for variables of
        OpenTelemetry's that it cannot work with.
        """
        _check_headers()
        self._complaints = _Complaints()
        self._ids = _Ids()
        try:
            self._exporter = _Watched(exporter or OTLPSpanExporter(endpoint(settings.otel)))
            self._provider = TracerProvider(
                resource=_resource(),
                shutdown_on_exit=False,
                id_generator=self._ids,
                span_limits=_limits(),
            )
            self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        except (ValueError, OSError) as error:
            self._complaints.close()
            raise ConfigError(f"GATEWAY_OTEL: a variable OTEL_… is wrong: {error}") from None
        self._tracer = self._provider.get_tracer("gateway", __version__)

    def begin(
        self, call_sid: str, offered: CallOffered, at_ns: int, spoken: Spoken | None
    ) -> CallSpans | None:
        """The spans of a new call; None when the sampler leaves it out."""
        self._ids.call_sid = call_sid
        call = CallSpans(self._tracer, call_sid, offered, at_ns, spoken)
        return call if call.recorded else None

    def close(self, limit_s: float) -> None:
        """Sends what there is, within this time; what is left then is lost."""
        # The processor's own end waits for up to 30 s.
        ending = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        ending.start()
        ending.join(limit_s)
        if ending.is_alive():
            self._exporter.shutdown()  # breaks off what it waits for
            ending.join(0.5)
        self._complaints.close()


class _Ids(IdGenerator):
    """A call's trace and its root have the IDs of the call; all other spans have random ones."""

    def __init__(self) -> None:
        self.call_sid = ""
        """Of the call whose root is being made."""
        self._root = ""

    def generate_trace_id(self) -> int:
        """Asked for before the ID of the span, and for spans without a parent only."""
        self._root = self.call_sid
        return trace_id(self.call_sid)

    def generate_span_id(self) -> int:
        """64 bits, never 0."""
        root, self._root = self._root, ""
        return root_span_id(root) if root else random.getrandbits(64) or 1


class _Watched(SpanExporter):
    """Another exporter, whose failures are told once and then now and then."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._lost = 0
        self._said_at: float | None = None
        """When the log was last told that spans are lost; None = they are not."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends a batch; a batch that fails is lost."""
        result = self._exporter.export(spans)
        now = time.monotonic()
        if result is SpanExportResult.SUCCESS:
            if self._said_at is not None:
                _log.info("traces.back", lost_spans=self._lost)
                self._lost, self._said_at = 0, None
            return result
        self._lost += len(spans)
        if self._said_at is None or now - self._said_at >= SAY_AGAIN_S:
            _log.warning("traces.away", lost_spans=self._lost)
            self._said_at = now
        return result

    def shutdown(self) -> None:
        """Breaks off what is being sent."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is kept back here."""
        return self._exporter.force_flush(timeout_millis)


class _Complaints(logging.Handler):
    """The library's own log, without its values (they may be credentials), and not all the time."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: dict[str, float] = {}
        self._logger = logging.getLogger(_LIBRARY)
        self._propagated, self._logger.propagate = self._logger.propagate, False
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Passes on the words of a complaint; what exporters say is told by ``traces.away``."""
        if record.name.startswith(f"{_LIBRARY}.exporter"):
            return
        now, words = time.monotonic(), str(record.msg)
        if now - self._said.get(words, float("-inf")) >= SAY_AGAIN_S:
            self._said[words] = now
            _log.warning("traces.trouble", words=words)

    def close(self) -> None:
        """Leaves the library's log as it was."""
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated
        super().close()


def _resource() -> Resource:
    """Who sends: ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES`` have the last word."""
    told = Resource.create()
    if str(told.attributes.get("service.name", "")).startswith("unknown_service"):
        told = told.merge(Resource({"service.name": "gateway"}))
    return Resource({"service.version": __version__}).merge(told)


def _limits() -> SpanLimits:
    """The library's, and a longest text unless a variable says another."""
    limits = SpanLimits()
    if limits.max_span_attribute_length is None:
        return SpanLimits(max_attribute_length=LONGEST, max_span_attribute_length=LONGEST)
    return limits


def _check_headers() -> None:
    """The library would leave out what it cannot read, and log it with the credentials in it."""
    for variable in _HEADERS:
        parts = [part for part in os.environ.get(variable, "").split(",") if part.strip()]
        if not all("=" in part for part in parts):
            raise ConfigError(f"{variable}: must be key=value, a comma list")
