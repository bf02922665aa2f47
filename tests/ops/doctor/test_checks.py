"""The list of checks: complete, in order, each within a limit."""

from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.ops.doctor.carrier import Carrier
from gateway.ops.doctor.checks import NAMES, _checks, examined, unexamined
from gateway.ops.doctor.finding import Finding
from gateway.settings import Settings, load_settings
from tests.e2e.harness import ROOT


def settings(**changes: Any) -> Settings:
    """Settings in which hardly anything is set."""
    given = {"agents_dir": ROOT / "agents_config", **changes}
    return load_settings(_env_file=None, **given)


def test_the_list_is_the_list() -> None:
    """Every name once, each after what it needs, each with a limit and a way out."""
    checks = _checks(settings(), Carrier(settings()), 10)
    assert tuple(check.name for check in checks) == NAMES
    for at, check in enumerate(checks):
        assert set(check.needs) <= set(NAMES[:at])
        assert 0 < check.limit_s <= 120
        assert check.slow


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
async def test_the_call_may_be_left_out(tmp_path: Path) -> None:
    """Then it says so."""
    found = await examined(settings(data_dir=tmp_path, port=1), lambda _: None, places_call=False)
    assert [(each.state, each.detail) for each in found[-2:]] == [
        ("skipped", "not tried: --no-call"),
        ("skipped", "not tried: call could not be tried"),
    ]
