"""A gateway process between its far ends, which live in the test: what chaos is let loose on.

The Twilio twin, the offline model and a receiver of webhooks survive whatever happens to the
gateway, so they know what truly happened.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.settings import Settings
from gateway.sim.realtime import RealtimeServer
from gateway.sim.twilio import (
    Drop,
    Dtmf,
    HangUp,
    Pause,
    PhoneNumber,
    Play,
    Step,
    TwilioOptions,
    TwilioTwin,
    TwinCall,
    WaitForAgent,
    WaitForSilence,
)
from tests.chaos.gatewayprocess import GatewayProcess, Nursery
from tests.ports import free_port
from tests.sim.realtime.harness import LINES, options, tone, write_voice
from tests.store.databases import settings_in
from tests.store.receivers import Receiver, receiving

ROOT = Path(__file__).parents[2]
NUMBER = "+15550001000"
FIRST_MS = 155
"""Before the first frame, on the twin's clock, nothing is sent."""
ACCOUNT = "AC" + "0" * 32
TOKEN = "a made-up token"
SCRIPT = """
name = "test"
voice = "tones"
[greeting]
say = "hello"
[[turn]]
heard = "Where is my order?"
say = "wait"
call = { name = "lookup_order", arguments = { order_id = "A-1042" } }
[[turn]]
heard = "Thank you."
say = "bye"
call = { name = "end_call" }
[[on_text]]
match = "pressed"
say = "wait"
[after_tool.lookup_order]
say = "answer"
[otherwise]
say = "else"
"""
"""Two questions, a tool, and the agent hangs up."""
PLACES = {
    "TWILIO_PHONE_NUMBER": NUMBER,
    "GATEWAY_OUTBOUND_COUNTRIES": "US",
    "GATEWAY_OUTBOUND_QUIET": "off",
}
LONG = {"answer": ("It is on its way.", 1500)}
QUESTION = Play(payload=tone(300))
STORY = (
    WaitForAgent(heard_ms=100),
    WaitForSilence(ms=300),
    QUESTION,
    WaitForAgent(heard_ms=700),  # longer than the agent's "one moment"
    WaitForSilence(ms=300),
    QUESTION,
)
"""Asks, hears the answer to its end, says thank you; the agent says goodbye and hangs up."""
HEARD = ("hello", "wait", "answer", "bye")
"""The lines whoever tells this story hears, whole."""


class Lab:
    """What tests hold."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        gateway: GatewayProcess,
        model: RealtimeServer,
        twin: TwilioTwin,
        receiver: Receiver,
    ) -> None:
        self.settings = settings
        """Those of the gateway as far as its files and its database go."""
        self.gateway = gateway
        self.model = model
        self.twin = twin
        self.receiver = receiver
        self._speech = folder / "speech" / "tones"

    def not_heard(self, call: TwinCall) -> list[str]:
        """Lines of the story that the caller did not hear without a gap."""
        return [
            line for line in HEARD if (self._speech / f"{line}.ulaw").read_bytes() not in call.heard
        ]

    def place(self, steps: Sequence[Step]) -> TwinCall:
        """Somebody calls."""
        return self.twin.place_call(NUMBER, caller=steps)


@asynccontextmanager
async def lab(
    folder: Path,
    nursery: Nursery | None,
    *,
    database_url: str | None = None,
    data_dir: Path | None = None,
    places: bool = False,
    **environment: str,
) -> AsyncIterator[Lab]:
    """Everything but the gateway runs; it is to be started, and is gone afterwards.

    ``environment`` is more of the gateway's, ``GATEWAY_`` before it; ``places``: it may ring phones
    of the twin.
    """
    data = data_dir or folder / "data"
    data.mkdir(exist_ok=True)
    model = RealtimeServer(options(folder, SCRIPT, trace=False, keep_audio=False))
    write_voice(folder, {**LINES, **LONG})
    await model.start()
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    numbers = (PhoneNumber(NUMBER, voice_url=f"{base}/twilio/voice"),)
    twin = TwilioTwin(TwilioOptions(ACCOUNT, TOKEN, numbers, first_timestamp_ms=FIRST_MS))
    await twin.start()
    async with receiving() as receiver:
        told = _environment(data, base, model.url, receiver.url)
        if database_url is not None:
            told["GATEWAY_DATABASE_URL"] = database_url
        if places:
            told |= {"GATEWAY_TWILIO_API_URL": twin.url, **PLACES}
        told |= {f"GATEWAY_{name.upper()}": value for name, value in environment.items()}
        gateway = GatewayProcess(folder, port, told, nursery)
        settings = settings_in(data, database_url=database_url)
        try:
            yield Lab(folder, settings, gateway, model, twin, receiver)
        finally:
            if gateway.lives:
                await gateway.kill()
            await twin.stop()
            await model.stop()


def _environment(data: Path, base: str, model_url: str, hook_url: str) -> dict[str, str]:
    return {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "OPENAI_API_KEY": "offline",
        "GATEWAY_PUBLIC_URL": base,
        "GATEWAY_REALTIME_URL": model_url,
        "GATEWAY_DATA_DIR": str(data),
        "GATEWAY_AGENTS_DIR": str(ROOT / "agents_config"),
        "GATEWAY_RECORDINGS": "on",
        "GATEWAY_HOOK_URL": hook_url,
        "GATEWAY_HOOK_SECRET": "a made-up secret of some length",
        "GATEWAY_LOG_FORMAT": "json",
    }


# Who calls


def any_script(rng: random.Random) -> tuple[Step, ...]:
    """What one of many callers does: says nothing, asks, interrupts, presses keys, vanishes."""
    steps: list[Step] = []
    if rng.random() < 0.9:
        steps += [WaitForAgent(heard_ms=100, timeout_ms=4000)]
    for _ in range(rng.randrange(3)):
        if rng.random() < 0.7:
            steps += [WaitForSilence(ms=200, timeout_ms=3000)]
        steps += [QUESTION, WaitForAgent(heard_ms=200, timeout_ms=3000)]
    if rng.random() < 0.2:
        steps += [Dtmf("12")]
    steps += [Pause(ms=rng.randrange(0, 1500)), Drop() if rng.random() < 0.1 else HangUp()]
    return tuple(steps)


class Crowd:
    """So many callers at a time, each calling again as soon as the gateway takes calls."""

    def __init__(self, lab: Lab, at_once: int, rng: random.Random) -> None:
        self.calls: list[TwinCall] = []
        """Calls whose webhook was answered with a ``<Connect>``, or may still be; oldest first."""
        self._lab = lab
        self._rng = rng
        self._tasks = [asyncio.create_task(self._call_again()) for _ in range(at_once)]

    async def leave(self) -> None:
        """Nobody calls any more; returns when those who do have hung up."""
        for each in self._tasks:
            each.cancel()
        await asyncio.wait(self._tasks)
        for call in self._lab.twin.calls.values():
            if not call.is_over:
                call.hang_up()
                await call.wait(30)

    async def _call_again(self) -> None:
        while True:
            await self._open()
            call = self._lab.place(any_script(self._rng))
            self.calls.append(call)
            with contextlib.suppress(TimeoutError):
                await call.wait(30)
            call.hang_up()
            await call.until_over()
            if call.answered_s is None:  # it came to a door that was just closed
                self.calls.remove(call)
                del self._lab.twin.calls[call.sid]
                await asyncio.sleep(0.05)

    async def _open(self) -> None:
        """Returns when there is a gateway that takes calls."""
        while True:
            lives = self._lab.gateway.lives
            if lives and lives[-1].ready_s is not None and lives[-1].killed_s is None:
                return
            await asyncio.sleep(0.02)


def said_ms(call: TwinCall, until_s: float) -> float:
    """How much of the caller's audio had gone to the gateway by then (monotonic)."""
    if not call.streams:
        return 0.0
    (stream,) = call.streams
    whole_ms = len(stream.said) / 8 - FIRST_MS
    return max(0.0, min(whole_ms, (until_s - stream.start_s) * 1000 - FIRST_MS))
