"""A real Prometheus beside a gateway that takes calls: it reads everything, and what lies in
deploy/ asks for what it has.
"""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.harness import API_TOKEN, ROOT, House
from tests.e2e.mixed import BEARER, KINDS, mixed_house, run_calls, scraped
from tests.ports import free_port

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus"
SINCE = "30s"
"""What Grafana would put in for the time shown."""
VARIABLES = {
    "$__rate_interval": SINCE,
    "$__range": SINCE,
    "$job": ".*",
    "$instance": ".*",
}
EVERYTHING = {
    "max_usd_per_day": 50.0,
    "hook_url": "http://127.0.0.1:9/",
    "hook_secret": "a made-up secret",
}
"""Settings without which a gateway has nothing to tell of some figures."""


def promtool(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs promtool where the rules are."""
    command = ["promtool", *words]
    return subprocess.run(
        command, cwd=RULES, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )


def test_rules_are_right() -> None:
    """As Prometheus reads them, and the example of a configuration with them."""
    done = promtool("check", "rules", "recording.yml", "alerts.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_of_a_configuration_is_right(tmp_path: Path) -> None:
    """With the file of the token beside it."""
    for path in RULES.glob("*.yml"):
        shutil.copy(path, tmp_path)
    (tmp_path / "gateway-token").write_text(API_TOKEN)
    done = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_told_when_it_should_be_and_only_then() -> None:
    """The cases that come along."""
    done = promtool("test", "rules", "alerts_test.yml", "alerts_week_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


class Watch:
    """A running Prometheus, asked over its API."""

    def __init__(self, url: str) -> None:
        self._http = httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30)

    async def close(self) -> None:
        """No more questions."""
        await self._http.aclose()

    async def ready(self) -> None:
        """Returns when it answers."""
        async with asyncio.timeout(60):
            while True:
                try:
                    if (await self._http.get("/-/ready")).status_code == 200:
                        return
                except httpx2.HTTPError:
                    pass
                await asyncio.sleep(0.2)

    async def ask(self, path: str, **parameters: str) -> dict[str, Any]:
        """The data of an answer."""
        answer = (await self._http.get(f"/api/v1/{path}", params=parameters)).json()
        assert answer["status"] == "success", answer
        data: dict[str, Any] = answer["data"]
        return data

    async def value(self, query: str) -> float:
        """The one number a query finds; 0 when there is none yet."""
        found = (await self.ask("query", query=query))["result"]
        return float(found[0]["value"][1]) if found else 0.0

    async def until(self, query: str, least: float) -> None:
        """Returns when a query has found so much."""
        async with asyncio.timeout(60):
            while await self.value(query) < least:  # noqa: ASYNC110 it has to be asked
                await asyncio.sleep(0.5)


def configure(folder: Path, address: str) -> None:
    """The configuration of deploy/, for this gateway and in a hurry."""
    folder.mkdir()
    example = (RULES / "prometheus.yml").read_text(encoding="utf-8")
    config = re.sub(r"(_interval): 15s", r"\1: 1s", example).replace("127.0.0.1:8000", address)
    for name in ("recording.yml", "alerts.yml"):
        shutil.copy(RULES / name, folder)
    (folder / "gateway-token").write_text(API_TOKEN)
    (folder / "prometheus.yml").write_text(config)


@asynccontextmanager
async def watching(running: House, folder: Path) -> AsyncIterator[Watch]:
    """Prometheus with the rules of deploy/, reading this gateway every second."""
    configure(folder, running.base.removeprefix("http://"))
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    watch = Watch(f"http://127.0.0.1:{port}")
    try:
        await watch.ready()
        yield watch
    finally:
        await watch.close()
        process.terminate()
        await process.wait()


def filled_in(query: str) -> str:
    """A query of the dashboard as Grafana would send it."""
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    assert "$" not in query
    return query


def panels() -> list[tuple[str, str]]:
    """Every query of the dashboard's panels, with the panel's title."""
    dashboard = json.loads((DEPLOY / "grafana" / "gateway.json").read_text(encoding="utf-8"))
    charts = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    return [(panel["title"], each["expr"]) for panel in charts for each in panel["targets"]]


@pytest.mark.asyncio
async def test_prometheus_reads_a_gateway_that_takes_calls(tmp_path: Path) -> None:
    """Every panel of the dashboard finds something, every rule can be worked out, no alert is told,
    and what is counted arrives.
    """
    async with (
        mixed_house(tmp_path, **EVERYTHING) as running,
        watching(running, tmp_path / "prometheus") as watch,
    ):
        await watch.until('up{job="gateway"}', 1)
        await run_calls(running, rounds=2)
        placed = len(running.twin.calls)
        await watch.until("sum(gateway_calls_total)", placed)
        await watch.until("sum(gateway_caller_frames_total)", 1)

        empty = [
            title
            for title, query in panels()
            if not (await watch.ask("query", query=filled_in(query)))["result"]
        ]
        assert empty == []
        assert len(panels()) > 60

        groups = (await watch.ask("rules"))["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        faults = [(r["name"], r.get("lastError")) for r in rules if r["health"] != "ok"]
        assert faults == []
        alerts = (await watch.ask("alerts"))["alerts"]
        # Others may be pending: one call in six was cut off, and this machine may be busy.
        assert [each["labels"] for each in alerts if each["state"] == "firing"] == []

        stored = await watch.value("sum(gateway_calls_total)")
        assert stored == placed == 2 * len(KINDS)
        (target,) = (await watch.ask("targets"))["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")


@pytest.mark.asyncio
async def test_what_is_told_is_as_prometheus_wants_it(tmp_path: Path) -> None:
    """`promtool check metrics` on a real page, after calls: names, units, help, types."""
    async with mixed_house(tmp_path, **EVERYTHING) as running:
        await run_calls(running, rounds=1)
        assert await scraped(running)
        async with httpx2.AsyncClient(base_url=running.base, trust_env=False) as client:
            page = (await client.get("/metrics", headers=BEARER)).text
    done = await asyncio.to_thread(promtool, "check", "metrics", stdin=page)
    said = done.stdout + done.stderr
    ours = [line for line in said.splitlines() if not line.startswith(("python_", "process_"))]
    assert ours == []
