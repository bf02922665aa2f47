"""The metrics of one gateway process: what is counted, in a registry of its own, as Prometheus
reads it.

Owns which figures there are besides those of calls (:mod:`gateway.observe.callfigures`): states
that are read when somebody looks. Everything is described in docs/metrics.md.
"""

import platform
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from gateway import __version__
from gateway.call.call import Line
from gateway.call.meter import Tariff, today
from gateway.call.reception import Reception
from gateway.call.vitals import Vitals
from gateway.core.g711 import SAMPLE_RATE
from gateway.observe.callfigures import CallFigures, CarrierUsd, OutcomeOf
from gateway.observe.families import Family, Info, Label, Seen, State, Timing
from gateway.observe.lag import Lag

LAG_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
WEBHOOK_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
STATES = ("offered", "answered", "live", "consulting", "away", "ending")
DIAL_STATES = ("waiting", "sending", "unknown", "queued", "ringing", "answered")
DIAL_OUTCOMES = ("completed", "busy", "no_answer", "failed", "canceled", "refused", "expired")
REFUSED = (
    "capacity",
    "overloaded",
    "route_capacity",
    "draining",
    "spend_limit",
    "agent_broken",
    "api_token",
)
"""Reasons that are there from the start, so that an alert sees the first one."""
MOST_ROUTES = 30


class RecordsStatus(Protocol):
    """How the writing of records goes; see :class:`gateway.store.journal.writer.WriterStatus`."""

    @property
    def backlog(self) -> int: ...
    @property
    def journal_ok(self) -> bool: ...
    @property
    def database_ok(self) -> bool: ...
    @property
    def lost(self) -> int: ...
    @property
    def refused(self) -> int: ...


class HookStatus(Protocol):
    """How delivering webhooks goes; see :class:`gateway.store.hooks.courier.Courier`."""

    @property
    def outcomes(self) -> Mapping[str, int]: ...
    @property
    def stalled(self) -> bool: ...


class DialStatus(Protocol):
    """How the calls we place go; see :class:`gateway.ops.placing.placing.Placing`."""

    def states(self) -> Mapping[str, int]: ...
    @property
    def outcomes(self) -> Mapping[str, int]: ...


class Metrics(Collector):
    """Everything the gateway tells of itself in figures."""

    def __init__(self, outcome_of: OutcomeOf, carrier_usd: CarrierUsd) -> None:
        self.registry = CollectorRegistry()
        self.webhooks = Timing(
            "gateway_webhook_seconds",
            "Webhooks of the carrier, from their first byte to the answer.",
            WEBHOOK_S,
            Label("route", most=MOST_ROUTES),
        )
        self._lag = Timing("gateway_loop_lag_seconds", "How late timers of the loop are.", LAG_S)
        self._calls = CallFigures(outcome_of, carrier_usd)
        self.hear = self._calls.hear
        """The listener to call events."""
        self._families: list[Family] = [
            Info(
                "gateway_build_info",
                "Which gateway this is.",
                {"version": __version__, "python": platform.python_version()},
            ),
            *self._calls.families(),
            self._lag,
            self.webhooks,
        ]
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def collect(self) -> Iterable[Metric]:
        """Every family, as it is now; from any thread."""
        return [family.metric() for family in self._families]

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Everything as text, and its media type: OpenMetrics for whoever accepts that. Takes some
        milliseconds: off the call loop.
        """
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type

    # Who tells

    def tell_of(
        self,
        line: Line,
        reception: Reception,
        records: Callable[[], RecordsStatus] | None = None,
        hooks: HookStatus | None = None,
        dials: DialStatus | None = None,
    ) -> None:
        """What there is to be asked for states, once; what a gateway has not is not told."""
        self.of_calls(reception, line.vitals, line.tariff)
        if records is not None:
            self.of_records(records)
        if hooks is not None:
            self.of_hooks(hooks)
        if dials is not None:
            self.of_dials(dials)

    def observe_lag(self, lag: Lag) -> None:
        """From now on the loop's lag is counted."""
        lag.observe(self._lag.observe)

    def of_calls(self, reception: Reception, vitals: Vitals, tariff: Tariff) -> None:
        """The calls on the line and what their audio does, and the money of the day."""
        registry = reception.registry
        add = self._families.append
        add(State("gateway_calls_active", "Calls on the line.", lambda: len(registry)))
        add(
            State(
                "gateway_calls_capacity",
                "GATEWAY_MAX_CALLS: calls at a time.",
                lambda: registry.capacity,
            )
        )
        add(
            State(
                "gateway_calls_by_state",
                "Calls on the line, by where they are in their life.",
                lambda: _counted(call.state for call in registry),
                "state",
                STATES,
            )
        )
        add(
            State(
                "gateway_draining",
                "1 while no new calls are taken because the gateway is going to end.",
                lambda: float(registry.draining),
            )
        )
        add(
            State(
                "gateway_rejected_total",
                "Webhooks, streams and requests that were turned away.",
                lambda: dict(reception.rejections),
                "reason",
                REFUSED,
            )
        )
        add(
            State(
                "gateway_approvals_waiting",
                "Tools that wait for a person.",
                lambda: reception.approvals.waiting,
            )
        )
        self._families += _vital_families(vitals)
        add(
            State(
                "gateway_spent_today_usd",
                "What calls have cost today (UTC), of all processes as far as known.",
                lambda: tariff.spending.today_usd(today()),
            )
        )
        limit = tariff.limits.per_day
        if limit is not None:
            add(State("gateway_spend_limit_usd", "GATEWAY_MAX_USD_PER_DAY.", lambda: limit))

    def of_records(self, status: Callable[[], RecordsStatus]) -> None:
        """How the records are written."""
        self._families += [
            State(
                "gateway_records_backlog",
                "Entries of records that are not in the database yet.",
                lambda: status().backlog,
            ),
            State(
                "gateway_records_database_up",
                "1 while the database takes what it is given.",
                lambda: float(status().database_ok),
            ),
            State(
                "gateway_journal_up",
                "1 while the local disk takes the journal.",
                lambda: float(status().journal_ok),
            ),
            State("gateway_records_lost_total", "Entries that are nowhere.", lambda: status().lost),
            State(
                "gateway_records_refused_total",
                "Entries that no database takes; they are beside the journal.",
                lambda: status().refused,
            ),
        ]

    def of_hooks(self, hooks: HookStatus) -> None:
        """How webhooks are delivered."""
        self._families += [
            State(
                "gateway_hooks_total",
                "Attempts to deliver a webhook, by what came of them.",
                lambda: dict(hooks.outcomes),
                "outcome",
                ("delivered", "failed", "dead"),
            ),
            State(
                "gateway_hooks_stalled",
                "1 while the database does not say which webhooks are due.",
                lambda: float(hooks.stalled),
            ),
        ]

    def of_dials(self, dials: DialStatus) -> None:
        """The calls we place."""
        self._families += [
            State(
                "gateway_outbound_dials",
                "Calls we placed that are not over.",
                dials.states,
                "state",
                DIAL_STATES,
            ),
            State(
                "gateway_outbound_ended_total",
                "Calls we placed that are over.",
                lambda: dict(dials.outcomes),
                "outcome",
                DIAL_OUTCOMES,
            ),
        ]


def _vital_families(vitals: Vitals) -> list[Family]:
    return [
        Seen(
            "gateway_frame_forward_seconds",
            "Caller frame read to written to the model; of a sample of frames.",
            vitals.frame_forward,
        ),
        Seen(
            "gateway_inbound_gap_seconds",
            "Distance between two frames of a caller, expected 0.02; of a sample of frames.",
            vitals.inbound_gap,
        ),
        State(
            "gateway_caller_frames_total",
            "Frames of callers.",
            lambda: vitals.caller_frames,
        ),
        State(
            "gateway_padded_seconds_total",
            "Silence that stood for caller frames that never came.",
            lambda: vitals.padded_bytes / SAMPLE_RATE,
        ),
        State(
            "gateway_stale_audio_dropped_total",
            "Audio messages of answers that had been cut off by then.",
            lambda: vitals.stale_audio,
        ),
    ]


def _counted(values: Iterable[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for value in values:
        found[value] = found.get(value, 0.0) + 1
    return found
