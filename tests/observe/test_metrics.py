"""The registry of one process: everything in it, in both texts of Prometheus, for any thread."""

import platform
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from gateway import __version__
from gateway.call.approvals import Approvals
from gateway.call.call import Line
from gateway.call.link import Dialler
from gateway.call.meter import Tariff, today
from gateway.call.reception import Reception
from gateway.core.spend import Limits, Spending
from gateway.observe.lag import Lag
from gateway.observe.metrics import Metrics
from gateway.settings import load_settings
from gateway.store.journal.writer import WriterStatus
from gateway.store.records.outcomes import outcome_of

STATUS = WriterStatus(backlog=7, journal_ok=True, database_ok=False, lost=2, refused=1)
HOOKS = SimpleNamespace(outcomes=Counter(delivered=3, dead=1), stalled=True)
DIALS = SimpleNamespace(outcomes=Counter(busy=2), states=lambda: Counter(ringing=1))


def nothing(_call_sid: str, _event: Any) -> None:
    """A listener."""


class Told:
    """The metrics of a gateway of which everything is told."""

    def __init__(self) -> None:
        settings = load_settings(_env_file=None, openai_api_key="k", max_calls=40)
        dialler = Dialler(connect_timeout_s=1, ping_interval_s=1)
        limits = Limits(per_day=25.0)
        self.tariff = Tariff(spending=Spending(limits), limits=limits)
        self.line = Line(settings, dialler, nothing, Approvals(1.0), tariff=self.tariff)
        self.reception = Reception(self.line, cast(Any, None), b"secret")
        self.metrics = Metrics(outcome_of, lambda direction, seconds: None)
        self.metrics.tell_of(
            self.line, self.reception, lambda: STATUS, cast(Any, HOOKS), cast(Any, DIALS)
        )

    def value(self, name: str, **labels: str) -> float | None:
        """One sample."""
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def told() -> Told:
    """Nothing has happened yet."""
    return Told()


def test_states_are_those_of_this_moment(told: Told) -> None:
    """Nobody keeps them up to date: they are read."""
    assert told.value("gateway_build_info", **_build()) == 1
    assert told.value("gateway_calls_capacity") == 40
    assert told.value("gateway_calls_active") == 0
    assert told.value("gateway_calls_by_state", state="live") == 0
    assert told.value("gateway_draining") == 0
    told.reception.drain()
    assert told.value("gateway_draining") == 1
    assert told.value("gateway_rejected_total", reason="capacity") == 0
    told.reception.rejected("capacity")
    told.reception.rejected("ticket_forged")
    assert told.value("gateway_rejected_total", reason="capacity") == 1
    assert told.value("gateway_rejected_total", reason="ticket_forged") == 1
    told.tariff.spending.add("CA1", "+1", "default", 1.5, today())
    assert told.value("gateway_spent_today_usd") == 1.5
    assert told.value("gateway_spend_limit_usd") == 25.0


def _build() -> dict[str, str]:
    return {"version": __version__, "python": platform.python_version()}


def test_what_the_audio_path_counts_is_shown(told: Told) -> None:
    """It knows no names; they are given here."""
    vitals = told.line.vitals
    vitals.caller_frames += 3
    vitals.inbound_gap.add_steps([1.0, 1.02, 1.04])
    vitals.frame_forward.add(0.0002)
    vitals.padded_bytes += 4000
    vitals.stale_audio += 2
    assert told.value("gateway_caller_frames_total") == 3
    assert told.value("gateway_inbound_gap_seconds_count") == 2
    assert told.value("gateway_frame_forward_seconds_bucket", le="0.00025") == 1
    assert told.value("gateway_padded_seconds_total") == 0.5
    assert told.value("gateway_stale_audio_dropped_total") == 2


def test_records_hooks_and_dials_say_how_they_are(told: Told) -> None:
    """As their owners tell."""
    assert told.value("gateway_records_backlog") == 7
    assert told.value("gateway_records_database_up") == 0
    assert told.value("gateway_journal_up") == 1
    assert told.value("gateway_records_lost_total") == 2
    assert told.value("gateway_records_refused_total") == 1
    assert told.value("gateway_hooks_total", outcome="delivered") == 3
    assert told.value("gateway_hooks_stalled") == 1
    assert told.value("gateway_outbound_dials", state="ringing") == 1
    assert told.value("gateway_outbound_ended_total", outcome="busy") == 2


def test_what_a_gateway_has_not_is_not_told() -> None:
    """No series that could only lie."""
    told = Told()
    bare = Metrics(outcome_of, lambda direction, seconds: None)
    bare.tell_of(told.line, told.reception)
    assert bare.registry.get_sample_value("gateway_records_backlog") is None
    assert bare.registry.get_sample_value("gateway_calls_active") == 0


def test_the_loop_s_lag_is_counted(told: Told) -> None:
    """Each look of whoever watches it."""
    lag = Lag()
    told.metrics.observe_lag(lag)
    lag.sample(0.003)
    assert told.value("gateway_loop_lag_seconds_bucket", le="0.005") == 1


def test_both_texts_can_be_read_and_say_the_same(told: Told) -> None:
    """OpenMetrics for whoever accepts it, Prometheus' own for everybody else."""
    told.metrics.webhooks.observe(0.004, "voice")
    plain, plain_type = told.metrics.exposition("text/html, */*")
    open_text, open_type = told.metrics.exposition("application/openmetrics-text; version=1.0.0")
    assert plain_type.startswith("text/plain; version=0.0.4")
    assert open_type.startswith("application/openmetrics-text; version=1.0.0")
    assert open_text.endswith(b"# EOF\n")
    families = list(text_string_to_metric_families(plain.decode()))
    opened = openmetrics_families(open_text.decode())  # type: ignore[no-untyped-call]
    assert {family.name for family in families} == {family.name for family in opened}
    assert 'gateway_webhook_seconds_count{route="voice"} 1.0' in plain.decode()


def test_the_registry_is_our_own(told: Told) -> None:
    """Nothing of the gateway's is in the library's global one, and the process is in ours."""
    assert not [f.name for f in REGISTRY.collect() if f.name.startswith("gateway")]
    names = {f.name for f in told.metrics.registry.collect()}
    assert {"process_resident_memory_bytes", "python_info", "python_gc_collections"} <= names
