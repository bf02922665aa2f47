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
from gateway.ops.consulting.consults import Consults
from gateway.ops.placing.office import open_placing
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


@pytest.mark.asyncio
async def test_neither_dials_nor_consults_take_the_others_calls(tmp_path: Path) -> None:
    """Each is told of the other's."""
    reception = cast(Reception, SimpleNamespace(registry=Registry(1), callbacks=Callbacks()))
    tariff, consults = Tariff(), Consults(*[cast(Any, None)] * 4)
    online = settings(tmp_path, public_url="https://voice.example.com")
    office = open_placing(online, reception, plan, tariff, Tallies(tariff), consults)
    async with office as placing:
        assert placing is not None
        assert placing.is_elsewhere == consults.has
        assert consults.is_elsewhere == placing.has
