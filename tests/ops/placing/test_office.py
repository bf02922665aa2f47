"""What places calls, put together for a gateway."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.call.callbacks import Callbacks
from gateway.call.meter import Tariff
from gateway.call.reception import Reception
from gateway.call.registry import Registry
from gateway.ops.placing.office import has_carrier, open_placing
from gateway.ops.placing.tally import Tallies
from gateway.settings import Settings
from tests.ops.placing.test_placing import plan
from tests.store.databases import settings_in


@pytest.fixture(autouse=True)
def _nobodys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GATEWAY_TWILIO_API_URL", "GATEWAY_PUBLIC_URL"):
            patch.delenv(name, raising=False)
        yield


def settings(folder: Path, **more: Any) -> Settings:
    """Settings with an account."""
    account = {"twilio_account_sid": "AC" + "0" * 32, "twilio_auth_token": "made-up"}
    return settings_in(folder, **account, **more)


@pytest.mark.parametrize(
    ("public", "api", "there"),
    [
        ("https://voice.example.com", "", True),
        ("http://127.0.0.1:8000", "", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8091", True),
    ],
)
def test_who_cannot_be_reached_has_no_carrier(
    tmp_path: Path, public: str, api: str, there: bool
) -> None:
    """Offline nobody's phone rings, unless a twin is named."""
    assert has_carrier(settings(tmp_path, public_url=public, twilio_api_url=api)) is there


@pytest.mark.asyncio
async def test_it_is_opened_and_closed(tmp_path: Path) -> None:
    """Without a carrier there is none to open."""
    reception = cast(Reception, SimpleNamespace(registry=Registry(1), callbacks=Callbacks()))
    tariff = Tariff()
    offline = settings(tmp_path, public_url="http://127.0.0.1:8000")
    async with open_placing(offline, reception, plan, tariff, Tallies(tariff)) as placing:
        assert placing is None
    online = settings(tmp_path, public_url="https://voice.example.com")
    async with open_placing(online, reception, plan, tariff, Tallies(tariff)) as placing:
        assert placing is not None
        assert placing.views() == []
