"""The model is reached over TLS by who trusts its certificate, and by nobody else."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from bench.certificate import Certificate
from bench.load import Plan
from bench.model import ScriptedModel
from bench.process import COMMANDS
from bench.rig import assembled
from bench.script import Ordinary
from gateway.ops.load.clock import Clock


@pytest.mark.asyncio
async def test_only_who_was_told_trusts_it(tmp_path: Path) -> None:
    """The default context refuses; one that loads the shown file agrees."""
    certificate = Certificate.make(tmp_path)
    with Clock(asyncio.get_running_loop()) as clock:
        model = ScriptedModel(clock, seed=1)
        port = await model.start(certificate.server())
        try:
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())
            trusting = ssl.create_default_context(cafile=certificate.environment["SSL_CERT_FILE"])
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
            writer.close()
            await writer.wait_closed()
        finally:
            await model.stop()


@pytest.mark.parametrize("name", ["gateway", "relay"])
@pytest.mark.asyncio
async def test_calls_are_carried_over_tls(name: str) -> None:
    """Gateway and floor trust what `SSL_CERT_FILE` names, and lose nothing."""
    async with assembled(tls=True) as rig, rig.started(COMMANDS[name], 10, tls=True) as gateway:
        outcome = await rig.load.run(gateway, Plan(2, 1.5, Ordinary(), settle_s=0.5), 0.0)
    assert rig.tls_url.startswith("wss://")
    assert outcome.problems == []
    assert outcome.figures["frames_in"] > 100
    assert outcome.figures["lost_in"] == 0
