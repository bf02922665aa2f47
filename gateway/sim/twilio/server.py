"""Owns the twin as a whole: starts its server, places calls, ends everything.

twin = TwilioTwin(TwilioOptions("AC…", "token", numbers=(PhoneNumber("+1…",
voice_url="http://…"),))) await twin.start() call = twin.place_call("+1…",
caller=[WaitForAgent(300), Play("hello.ulaw"), HangUp()]) await call.wait(30)
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import uvicorn

from gateway.errors import ConfigError
from gateway.sim.twilio import lifecycle
from gateway.sim.twilio.call import TwinCall
from gateway.sim.twilio.control import ControlRoutes
from gateway.sim.twilio.debugger import DebuggerEntry
from gateway.sim.twilio.exchange import Exchange
from gateway.sim.twilio.faults import RestFault
from gateway.sim.twilio.flow import Callbacks, Fetch
from gateway.sim.twilio.network import Network
from gateway.sim.twilio.options import TwilioOptions
from gateway.sim.twilio.rest import rest_gate
from gateway.sim.twilio.rest_gate import RestBook, RestRequest
from gateway.sim.twilio.steps import Step
from gateway.sim.twilio.webhooks import WebhookRecord

_GRACE_S = 0.2


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the twin, and sleeps until it is told to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.leave = asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.leave.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes at once; whoever is still answered has a moment."""
        for server in self.servers:
            server.close()
        for connection in tuple(self.server_state.connections):
            connection.shutdown()
        if tasks := set(self.server_state.tasks):
            await asyncio.wait(tasks, timeout=_GRACE_S)
            for task in tasks:
                task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class TwilioTwin:
    """Twilio for one account, on this machine. Use it inside a running event loop."""

    def __init__(self, options: TwilioOptions, sounds: Path | None = None) -> None:
        self.options = options
        self.url = ""
        """Where its REST API is, without a slash at the end."""
        self._exchange = Exchange(options, lifecycle.leg)
        control = ControlRoutes(self._exchange, self.place_call, sounds or Path())
        self._book = RestBook()
        self._gate = rest_gate(self._exchange, control, self._book)
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens; port 0 takes a free one. `OSError` when the port is taken."""
        listener = socket.create_server((host, port), reuse_port=False)
        config = uvicorn.Config(
            self._gate,
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="critical",
            access_log=False,
            date_header=False,
        )
        self.url = f"http://{host}:{listener.getsockname()[1]}"
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))

    async def stop(self) -> None:
        """Ends every call, then the server."""
        await self._exchange.close()
        if self._server is not None and self._serving is not None:
            self._server.leave.set()
            await self._serving

    def place_call(
        self,
        to: str,
        from_: str = "+15550100",
        caller: Sequence[Step] = (),
        *,
        network: Network | None = None,
        voice_url: str | None = None,
    ) -> TwinCall:
        """Somebody calls a number of the account. `ConfigError` when it has no such number.

        `voice_url` is asked instead of the number's own.
        """
        number = self._exchange.numbers.by_e164(to)
        if number is None:
            raise ConfigError(f"{to!r} is not one of the twin's numbers")
        settings = number.settings
        call = self._exchange.new_call(
            self._exchange.identity(to, from_, "inbound"), caller, network
        )
        call.callbacks = Callbacks(settings["status_callback"], settings["status_callback_method"])
        if settings["voice_fallback_url"]:
            call.fallback = (settings["voice_fallback_url"], settings["voice_fallback_method"])
        url = settings["voice_url"]
        if settings["voice_application_sid"] or settings["trunk_sid"]:
            url = ""
        url = voice_url or url
        voice = Fetch(url, settings["voice_method"]) if url else None
        self._exchange.live(call, lifecycle.inbound(self._exchange, call, voice))
        return call

    @property
    def calls(self) -> dict[str, TwinCall]:
        """All calls by their CallSid, in the order they began."""
        return self._exchange.calls

    @property
    def debugger(self) -> list[DebuggerEntry]:
        """Everything refused or warned about, oldest first."""
        return self._exchange.debugger.entries

    @property
    def webhooks(self) -> list[WebhookRecord]:
        """The newest requests made of the application, oldest first."""
        return list(self._exchange.webhooks.records)

    @property
    def rest_requests(self) -> list[RestRequest]:
        """The newest REST requests, oldest first."""
        return list(self._book.requests)

    @property
    def faults(self) -> list[RestFault]:
        """Faults the next matching REST requests will meet; add to it."""
        return self._book.faults

    @property
    def clock_lateness_ms(self) -> list[float]:
        """How late the 20 ms clock was at each of its newest wake-ups."""
        return list(self._exchange.clock.lateness_ms)
