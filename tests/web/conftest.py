"""The loop the gateway runs on, and an environment without anybody's own settings in it."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import uvloop

Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Loops:
    """uvloop, as in production: the hand-over of sockets depends on the loop's transports."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's variables nor a `.env` decide what a test sees."""
    for name in list(os.environ):
        if name.startswith(("GATEWAY_", "TWILIO_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
