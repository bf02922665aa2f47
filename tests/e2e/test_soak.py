"""A thousand short calls through a gateway of its own process (make long)."""

import asyncio
import random
import secrets
from pathlib import Path

import psutil
import pytest

from gateway.cli.demo import GatewayProcess
from gateway.sim.realtime import RealtimeOptions, RealtimeServer
from gateway.sim.twilio import HangUp, PhoneNumber, TwilioOptions, TwilioTwin, WaitForAgent
from tests.ports import free_port

CALLS = 1000
AT_ONCE = 20
WARM_UP = 1000
MOST_BYTES_PER_CALL = 2500
"""Growth of the resident set a call may leave behind, allocator noise included."""


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.asyncio
async def test_a_thousand_calls_leave_the_process_as_it_was(tmp_path: Path) -> None:
    """Sockets, threads and memory are back, a third of the calls aborted at random moments."""
    rng = random.Random(11)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    account, token = "AC" + secrets.token_hex(16), secrets.token_hex(16)
    model = RealtimeServer(RealtimeOptions(first_audio_ms=30, trace=False, keep_audio=False))
    await model.start()
    numbers = (PhoneNumber("+15550001000", voice_url=f"{base}/twilio/voice"),)
    twin = TwilioTwin(TwilioOptions(account, token, numbers, keep_audio=False))
    await twin.start()
    seen = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with seen:
            call = twin.place_call("+15550001000", caller=(WaitForAgent(heard_ms=100), HangUp()))
            if number % 3 == 0:
                asyncio.get_running_loop().call_later(rng.uniform(0.0, 0.5), call.drop)
            await call.wait(60)

    async with GatewayProcess(tmp_path, port, base, account, token, model.url) as gateway:
        process = psutil.Process(gateway.pid)
        await asyncio.gather(*(one(n) for n in range(WARM_UP)))
        await settled(gateway)
        before = (process.num_fds(), process.num_threads(), process.memory_info().rss)
        await asyncio.gather(*(one(n) for n in range(CALLS)))
        await settled(gateway)
        after = (process.num_fds(), process.num_threads(), process.memory_info().rss)
        offered = sum(line.get("event") == "call.offered" for line in gateway.events)
    await twin.stop()
    open_sessions = [session for session in model.sessions if session.open]
    await model.stop()
    growth = (after[2] - before[2]) / CALLS
    print(f"fds {before[0]} -> {after[0]}, {growth:.0f} bytes of RSS per call")  # noqa: T201
    assert offered >= CALLS * 0.9
    assert open_sessions == []
    assert after[0] <= before[0] + 2
    assert after[1] <= before[1] + 2
    assert growth <= MOST_BYTES_PER_CALL


async def settled(gateway: GatewayProcess) -> None:
    """Waits until every call that was offered has ended, by the gateway's own log."""
    async with asyncio.timeout(60):
        while True:
            names = [line.get("event") for line in gateway.events]
            if names.count("call.offered") == names.count("call.ended"):
                return
            await asyncio.sleep(0.1)
