"""The list of checks: complete, in order, each within a limit."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.agents import check
from gateway.errors import ConfigError
from gateway.ops.doctor.carrier import Carrier
from gateway.ops.doctor.checks import NAMES, _checks, examined, unexamined
from gateway.ops.doctor.finding import Finding
from gateway.ops.doctor.model import ModelCheck
from gateway.settings import Settings, load_settings
from tests.e2e.harness import ROOT


def settings(**changes: Any) -> Settings:
    """Settings in which hardly anything is set."""
    given = {"agents_dir": ROOT / "agents_config", **changes}
    return load_settings(_env_file=None, **given)


def test_the_list_is_the_list() -> None:
    """Every name once, each after what it needs, each with a limit and a way out."""
    checks = _checks(settings(), Carrier(settings()), 10)
    assert tuple(each.name for each in checks) == NAMES
    for at, each in enumerate(checks):
        assert set(each.needs) <= set(NAMES[:at])
        assert 0 < each.limit_s <= 120
        assert each.slow


@pytest.mark.asyncio
async def test_where_nothing_is_set_only_that_is_wrong(tmp_path: Path) -> None:
    """And that no gateway runs; whatever cannot be tried says why."""
    told: list[Finding] = []
    found = await examined(
        settings(data_dir=tmp_path / "data", port=1, twilio_api_url="http://127.0.0.1:1"),
        told.append,
    )
    assert [each.name for each in found] == list(NAMES)
    assert sorted(told, key=lambda each: NAMES.index(each.name)) == found
    assert [each.name for each in found if each.state == "wrong"] == ["settings", "gateway"]
    assert all(each.detail.startswith("not tried: ") for each in found if each.state == "skipped")
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 nobody else runs here


def test_settings_that_cannot_be_read_are_all_that_is_said() -> None:
    """In one line, and the rest is not tried."""
    found = unexamined(ConfigError("GATEWAY_PORT: must be\na number"))
    assert [each.name for each in found] == list(NAMES)
    assert (found[0].state, found[0].detail) == ("wrong", "GATEWAY_PORT: must be a number")
    assert {each.state for each in found[1:]} == {"skipped"}


@pytest.mark.asyncio
async def test_the_agents_folder_is_read_once_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two checks that want it: of two readings at once one would spoil the other."""
    reading: set[str] = set()

    def alone(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def read(*given: Any) -> Any:
            assert not reading
            reading.add(name)
            time.sleep(0.2)
            try:
                return original(*given)
            finally:
                reading.discard(name)

        return read

    monkeypatch.setattr("gateway.ops.doctor.agents.check", alone("agents", check))
    monkeypatch.setattr(ModelCheck, "_servers", alone("model", ModelCheck._servers))
    given = {"openai_api_key": "k", "realtime_url": "ws://127.0.0.1:1/v1/realtime"}
    found = await examined(
        settings(data_dir=tmp_path, port=1, **given), lambda _: None, places_call=False
    )
    by_name = {each.name: each for each in found}
    assert by_name["agents"].state == "ok"
    assert "nothing listens there" in by_name["model"].detail


@pytest.mark.asyncio
async def test_the_call_may_be_left_out(tmp_path: Path) -> None:
    """Then it says so."""
    found = await examined(settings(data_dir=tmp_path, port=1), lambda _: None, places_call=False)
    assert [(each.state, each.detail) for each in found[-2:]] == [
        ("skipped", "not tried: --no-call"),
        ("skipped", "not tried: call could not be tried"),
    ]
