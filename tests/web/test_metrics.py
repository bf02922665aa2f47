"""`GET /metrics`: Prometheus' text for whoever may look, of a gateway that runs."""

from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from gateway.core.events import CallLive
from gateway.observe.metrics import Metrics
from gateway.store.records.outcomes import outcome_of
from tests.web.running import running

pytestmark = pytest.mark.asyncio
TOKEN = "a-made-up-api-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def counting() -> Metrics:
    """Metrics that nobody has told of anything."""
    return Metrics(outcome_of, lambda direction, seconds: None)


async def test_figures_are_for_those_who_may_look(tmp_path: Path) -> None:
    """Everybody else is refused, and told nothing of the gateway."""
    async with running(tmp_path, metrics=counting(), api_token=TOKEN) as gateway:
        stranger = await gateway.http.get("/metrics", headers={"X-Forwarded-For": "203.0.113.5"})
        wrong = await gateway.http.get("/metrics", headers={"Authorization": "Bearer wrong"})
        allowed = await gateway.http.get("/metrics", headers=BEARER)
    assert [stranger.status_code, wrong.status_code] == [404, 401]
    assert "gateway_" not in stranger.text + wrong.text
    assert allowed.status_code == 200
    assert allowed.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "no-store" in allowed.headers["cache-control"]


async def test_both_forms_hold_what_a_call_did(tmp_path: Path) -> None:
    """By what the reader accepts; webhooks and frames of a real call are in them."""
    async with running(tmp_path, metrics=counting(), api_token=TOKEN) as gateway:
        await gateway.call()
        await gateway.until(lambda: bool(gateway.of(CallLive)))
        plain = await gateway.http.get("/metrics", headers=BEARER)
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        opened = await gateway.http.get("/metrics", headers={**BEARER, **accept})
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(plain.text)
        for sample in family.samples
    }
    assert samples["gateway_calls_active",] == 1
    assert samples["gateway_calls_offered_total", "inbound"] == 1
    assert samples["gateway_webhook_seconds_count", "voice"] == 1
    assert samples["gateway_model_connect_seconds_count",] == 1
    families = openmetrics(opened.text)  # type: ignore[no-untyped-call]
    assert "gateway_calls_active" in {family.name for family in families}


async def test_a_gateway_that_counts_nothing_has_no_such_page(tmp_path: Path) -> None:
    """404, not an empty page that looks like calm."""
    async with running(tmp_path, api_token=TOKEN) as gateway:
        answer = await gateway.http.get("/metrics", headers=BEARER)
    assert answer.status_code == 404
