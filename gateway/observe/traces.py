"""Traces of calls for an OpenTelemetry collector: a listener to call events.

The call's loop puts an event into a queue and is done; a thread of its own makes spans of it
(:mod:`gateway.observe.callspans`), and the exporter has another one. Nothing of OpenTelemetry is
imported unless ``GATEWAY_OTEL`` is set.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog

from gateway.core.events import CallEvent, CallOffered
from gateway.errors import ConfigError
from gateway.observe.spoken import Redact, Spoken
from gateway.settings import Settings
from gateway.urls import is_loopback

if TYPE_CHECKING:
    from gateway.observe.callspans import CallSpans
    from gateway.observe.collector import Collector

MOST_WAITING: Final = 20_000
"""Events that wait for the thread, at most: what hundreds of calls tell in a minute."""
GATHER_S: Final = 0.25
"""What happens within this time is gone through together."""
STOP_S: Final = 5.0
"""How long the end of the gateway waits for the collector."""
_AT_A_TIME: Final = 10
_BREATH_S: Final = 0.001
"""After some events the thread steps back: the calls' loop never waits long for Python's lock."""

_log = structlog.get_logger()


def open_traces(settings: Settings, redact: Redact) -> "Traces | None":
    """The traces the settings ask for; None = none. ``redact`` is what the records go through.

    Raises ConfigError when they cannot be had: the extra is not installed, or an address that is
    not for what would be sent there.
    """
    if not settings.otel:
        return None
    if settings.otel_pii and settings.otel.startswith("http:") and not is_loopback(settings.otel):
        raise ConfigError(
            "GATEWAY_OTEL: with GATEWAY_OTEL_PII it must start with https:// "
            "(what people said goes over no network in the clear)"
        )
    try:
        from gateway.observe.collector import Collector
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise ConfigError(
            "GATEWAY_OTEL: traces need OpenTelemetry: pip install -e '.[otel]'"
        ) from None

    def spoken() -> Spoken | None:
        if not settings.otel_pii:
            return None
        return Spoken(redact, mask_numbers=settings.redact_numbers)

    return Traces(Collector(settings), spoken, most_calls=2 * settings.max_calls + 100)


class Traces:
    """The traces of one gateway process."""

    def __init__(
        self, collector: "Collector", spoken: Callable[[], Spoken | None], *, most_calls: int
    ) -> None:
        """``spoken`` makes what one call's words go through; ``most_calls``: the oldest is given up
        when more have not ended.
        """
        self._collector = collector
        self._spoken = spoken
        self._most_calls = most_calls
        self._calls: dict[str, CallSpans] = {}
        self._incoming: deque[tuple[int, str, CallEvent]] = deque()
        self._lost = 0
        self._woken = True  # until there is a thread to be woken
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._turning, name="traces", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._wake.set()
        self._thread.start()

    def stop(self) -> None:
        """Ends calls that have not ended, and sends what there is; blocks some seconds at most."""
        if not self._thread.is_alive():
            self._collector.close(0.0)
            return
        self._stopping.set()
        self._wake.set()
        self._thread.join(STOP_S)
        self._collector.close(STOP_S)

    def hear(self, call_sid: str, event: CallEvent) -> None:
        """A listener. Takes less than a microsecond, whatever becomes of the collector."""
        if len(self._incoming) >= MOST_WAITING:
            self._lost += 1
            return
        self._incoming.append((time.monotonic_ns(), call_sid, event))
        if not self._woken:
            self._woken = True
            self._wake.set()

    # On the thread

    def _turning(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._stopping.wait(GATHER_S)
            self._woken = False
            self._wake.clear()
            self._go_through()
        self._go_through()
        for call in self._calls.values():
            call.close(time.time_ns())

    def _go_through(self) -> None:
        lost, self._lost = self._lost, 0
        if lost:
            _log.warning("traces.lost", events=lost)
        # Wall time of the moment: a clock that is set goes for the calls from then on.
        since_ns = time.time_ns() - time.monotonic_ns()
        for number in range(1, len(self._incoming) + 1):
            at_ns, call_sid, event = self._incoming.popleft()
            try:
                self._tell(call_sid, event, at_ns + since_ns)
            except Exception as error:  # noqa: BLE001  one event must not cost those behind it
                _log.error("traces.failed", error=type(error).__name__)
            if number % _AT_A_TIME == 0 and not self._stopping.is_set():
                time.sleep(_BREATH_S)

    def _tell(self, call_sid: str, event: CallEvent, at_ns: int) -> None:
        call = self._calls.get(call_sid)
        if call is not None:
            if call.hear(event, at_ns):
                del self._calls[call_sid]
        elif isinstance(event, CallOffered):
            self._offered(call_sid, event, at_ns)

    def _offered(self, call_sid: str, event: CallOffered, at_ns: int) -> None:
        if len(self._calls) >= self._most_calls:
            self._calls.pop(next(iter(self._calls))).close(at_ns)
        call = self._collector.begin(call_sid, event, at_ns, self._spoken())
        if call is not None:
            self._calls[call_sid] = call
