"""``gateway call`` as a process of its own, beside a gateway that rings phones of the twin."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import Callee, HangUp, Pause, WaitForAgent
from tests.call.watching import until
from tests.e2e.harness import ROOT, TOKEN, House
from tests.e2e.phones import CALLEE, OTHER, calling_house, rung

FAST = RealtimeOptions(first_audio_ms=50, transcription_ms=(50, 80))
HEARS = (WaitForAgent(heard_ms=400), Pause(ms=300), HangUp())
LIMIT_S = 40.0


class Command:
    """One ``gateway call``."""

    def __init__(self, running: House, *words: str) -> None:
        self._words = [*words, "--gateway", running.base]
        self._folder = running.settings.data_dir
        self.process: asyncio.subprocess.Process

    async def start(self) -> "Command":
        """It runs. All it knows is the auth token, as a machine with the gateway's `.env` does."""
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "call", *self._words),
            cwd=self._folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "TWILIO_AUTH_TOKEN": TOKEN,
                "PYTHONUNBUFFERED": "1",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return self

    async def ended(self) -> tuple[int, str, str]:
        """Its exit code, and what it printed."""
        async with asyncio.timeout(LIMIT_S):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, out.decode(), err.decode()


@pytest.mark.asyncio
async def test_it_shows_the_call_and_exits_with_its_outcome(tmp_path: Path) -> None:
    """0 and the steps of a call that went well; 1 and the reason of one that did not."""
    callees = (
        Callee(CALLEE, ring_ms=400, script=HEARS),
        Callee(OTHER, ring_ms=100, outcome="busy"),
    )
    async with calling_house(tmp_path, *callees, options=FAST) as running:
        good = await Command(running, CALLEE, "--max-minutes", "2").start()
        bad = await Command(running, OTHER, "--json").start()
        code, out, err = await good.ended()
        assert (code, err) == (0, "")
        lines = out.splitlines()
        assert lines[0].startswith(f"calling {CALLEE} from ")
        assert "answered" in lines
        assert lines[-1].startswith("ended: answered, and over; 0:0")
        assert "turn" in lines[-1]
        code, out, err = await bad.ended()
        view = json.loads(out)
        assert (code, err, view["outcome"]) == (1, "", "busy")


@pytest.mark.asyncio
async def test_ctrl_c_hangs_up(tmp_path: Path) -> None:
    """The phone stops ringing, or the call is over; the command tells how it ended."""
    callees = (Callee(CALLEE, ring_ms=60_000), Callee(OTHER, ring_ms=50))
    async with calling_house(tmp_path, *callees, options=FAST) as running:
        for callee, status, code in zip(callees, ("ringing", "in-progress"), (1, 0), strict=True):
            number = callee.e164
            command = await Command(running, number).start()
            await until(lambda number=number, status=status: _is(running, number, status))  # type: ignore[misc]
            if code == 0:  # the agent is on the line
                await running.until(lambda: bool(len(running.reception.registry)))
                await running.until(
                    lambda: all(each.state == "live" for each in running.reception.registry)
                )
            command.process.send_signal(signal.SIGINT)
            ended, out, _err = await command.ended()
            (call,) = rung(running, number)
            await call.wait(10)
            assert ended == code
            assert "hanging up" in out
            assert out.splitlines()[-1].startswith("ended: ")


def _is(running: House, number: str, status: str) -> bool:
    return [each.status for each in rung(running, number)] == [status]


@pytest.mark.asyncio
async def test_a_second_ctrl_c_leaves(tmp_path: Path) -> None:
    """Whoever does not want to wait for the end need not."""
    async with calling_house(tmp_path, Callee(CALLEE, ring_ms=60_000), options=FAST) as running:
        assert running.placing is not None
        command = await Command(running, CALLEE).start()
        await until(lambda: _is(running, CALLEE, "ringing"))
        lasts = asyncio.Event()

        async def slow(call_id: str) -> None:
            await lasts.wait()

        running.placing.hang_up = slow  # type: ignore[method-assign]
        command.process.send_signal(signal.SIGINT)
        await asyncio.sleep(1)
        command.process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.5)
        lasts.set()
        code, out, _err = await command.ended()
        assert code == 1
        assert "left" in out


@pytest.mark.asyncio
async def test_it_need_not_wait(tmp_path: Path) -> None:
    """`--no-wait`: the ID is printed, and the call goes on."""
    async with calling_house(tmp_path, Callee(CALLEE, ring_ms=300, script=HEARS)) as running:
        command = await Command(running, CALLEE, "--no-wait").start()
        code, out, err = await command.ended()
        assert (code, err) == (0, "")
        assert running.placing is not None
        view = await running.placing.view(out.strip())
        assert view is not None
        assert view["to"] == CALLEE
        await until(lambda: len(rung(running)) == 1)
        await rung(running)[0].wait(20)


@pytest.mark.asyncio
async def test_what_is_refused_is_one_line(tmp_path: Path) -> None:
    """The rule and what would allow it; nothing was rung."""
    async with calling_house(tmp_path) as running:
        command = await Command(running, "+442079460123").start()
        code, out, err = await command.ended()
        assert (code, out) == (1, "")
        assert "GATEWAY_OUTBOUND_COUNTRIES" in err
        assert "country" in err
        assert err.count("\n") == 1
