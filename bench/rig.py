"""What one invocation stands on: the generator on its core, and gateways started fresh on theirs.

The scripted model listens twice when a variant asks for TLS: the same sessions, behind a
certificate made for this run, which the gateway is told to trust by `SSL_CERT_FILE`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.certificate import Certificate
from bench.load import Load, Plan
from bench.model import ScriptedModel
from bench.process import Cores, Gateway, allow_sockets, pinned
from bench.script import Ordinary
from gateway.ops.load.clock import Clock

WARM_UP = Plan(calls=3, seconds=1.5, script=Ordinary(), settle_s=1.0)
REST_S = 0.7
"""Between two runs of one process: time for the last calls to be torn down."""


@dataclass(frozen=True, slots=True)
class Rig:
    """A generator that is ready, and where its model can be reached."""

    cores: Cores
    clock: Clock
    model: ScriptedModel
    load: Load
    url: str
    tls_url: str
    certificate: Certificate | None

    @asynccontextmanager
    async def started(
        self, command: str, max_calls: int, *, tls: bool = False
    ) -> AsyncIterator[Gateway]:
        """A gateway of its own, ended afterwards. Raises GatewayFailed."""
        trusted = self.certificate.environment if tls and self.certificate is not None else {}
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            gateway = Gateway(
                command=command,
                realtime_url=self.tls_url if tls else self.url,
                scratch=Path(scratch),
                core=self.cores.gateway,
                max_calls=max_calls,
                environment=trusted,
            )
            try:
                await gateway.start()
                yield gateway
            finally:
                await gateway.stop()

    @asynccontextmanager
    async def apart(self, seed: int) -> AsyncIterator[Rig]:
        """The same cores and clock with a model of its own, for what runs at the same time."""
        async with _with_model(self.cores, self.clock, self.certificate, seed) as rig:
            yield rig

    async def warm(self, gateway: Gateway) -> float:
        """A few calls; returns the memory without calls after them, KB."""
        await self.load.run(gateway, WARM_UP, 0.0)
        await asyncio.sleep(REST_S)
        return gateway.rss_kb()


@asynccontextmanager
async def assembled(*, tls: bool = False) -> AsyncIterator[Rig]:
    """A rig for as long as the context lasts; this process is pinned to its core meanwhile."""
    cores = Cores.choose()
    allow_sockets()
    with (
        tempfile.TemporaryDirectory(prefix="bench-tls-") as folder,
        pinned(cores.load),
        Clock(asyncio.get_running_loop()) as clock,
    ):
        certificate = Certificate.make(Path(folder)) if tls else None
        async with _with_model(cores, clock, certificate, seed=0) as rig:
            yield rig


@asynccontextmanager
async def _with_model(
    cores: Cores, clock: Clock, certificate: Certificate | None, seed: int
) -> AsyncIterator[Rig]:
    model = ScriptedModel(clock, seed)
    try:
        url = f"ws://127.0.0.1:{await model.start()}/v1/realtime"
        tls_url = ""
        if certificate is not None:
            tls_url = f"wss://127.0.0.1:{await model.start(certificate.server())}/v1/realtime"
        yield Rig(cores, clock, model, Load(clock, model), url, tls_url, certificate)
    finally:
        await model.stop()
