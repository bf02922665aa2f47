"""The loop the gateway runs on, and an environment without anybody's own settings in it."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from tests.web.running import short_phrase


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop, as in production: handing a socket over depends on the loop's transports."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True, scope="module")
def nobodys_settings() -> Iterator[None]:
    """No variable of whoever runs the tests decides what they see."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GATEWAY_", "TWILIO_", "OPENAI_")):
                patch.delenv(name)
        yield


@pytest.fixture
def short_phrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded phrases are cut short: nobody has to sit through them."""
    monkeypatch.setattr("gateway.call.call.phrase", short_phrase)
