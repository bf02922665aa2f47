"""The uvicorn server that never cuts a call.

uvicorn closes every WebSocket with 1012 the moment SIGTERM arrives, whatever its graceful timeout
says (measured). So the signal is ours first: drain, wait until no call is left, and only then let
uvicorn see it.
"""

import asyncio
import signal
from types import FrameType

import structlog
import uvicorn
from starlette.applications import Starlette

from gateway.call.reception import Reception
from gateway.settings import Settings
from gateway.web.heads import BoundedHeads
from gateway.web.sockets import protocol_class

_BACKLOG = 2048
_GOODBYE_LIMIT_S = 15.0
"""After the goodbye began, calls that still have not ended are closed."""

_log = structlog.get_logger()


class DrainingServer(uvicorn.Server):
    """SIGTERM drains; SIGINT drains and a second one says goodbye; neither cuts a call."""

    def __init__(
        self, config: uvicorn.Config, reception: Reception, drain_timeout_s: float
    ) -> None:
        super().__init__(config)
        self._reception = reception
        self._drain_timeout_s = drain_timeout_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None
        self._impatient = asyncio.Event()

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Remembers the loop that signals must be brought to."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            _log.info("gateway.ready", host=self.config.host, port=self.config.port)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal arrived (in the main thread, between any two instructions)."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._signalled, sig)
        else:
            super().handle_exit(sig, frame)

    def _signalled(self, sig: int) -> None:
        if self._draining is None:
            self._draining = asyncio.ensure_future(self._drain())
        elif sig == signal.SIGINT:
            self._impatient.set()

    async def _drain(self) -> None:
        registry = self._reception.registry
        self._reception.drain()
        _log.info("drain.started", calls=len(registry))
        empty = asyncio.ensure_future(registry.wait_empty())
        impatient = asyncio.ensure_future(self._impatient.wait())
        await asyncio.wait(
            {empty, impatient},
            timeout=self._drain_timeout_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not empty.done():
            self._reception.say_goodbye("shutdown")
            await asyncio.wait({empty}, timeout=_GOODBYE_LIMIT_S)
        for call in registry:
            call.end("shutdown")
        impatient.cancel()
        empty.cancel()
        _log.info("drain.done", calls=len(registry))
        self.should_exit = True


def build_server(app: Starlette, settings: Settings, reception: Reception) -> DrainingServer:
    """The server for these settings, not yet started."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=BoundedHeads,
        ws=protocol_class(settings.ping_interval_s),
        ws_per_message_deflate=False,
        ws_max_size=64 * 1024,
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=5,
    )
    return DrainingServer(config, reception, settings.drain_timeout_s)
