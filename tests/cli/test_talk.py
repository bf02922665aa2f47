"""`gateway talk` against a real gateway process, with files for ears and mouth."""

import asyncio
import signal
import sys
import wave
from pathlib import Path

import pytest

from gateway.core.g711 import from_pcm16
from tests.cli.test_serve import serving
from tests.ports import free_port

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(90)]

ROOT = Path(__file__).parents[2]
CALLS = ROOT / "tests" / "fixtures" / "calls"
LINES = ROOT / "gateway" / "sim" / "speech" / "frontdesk"
GREETING_MS = 2980


def caller(folder: Path, *parts: str | int) -> Path:
    """What the caller says: recordings, and silence of so many ms."""
    path = folder / "caller.ulaw"
    path.write_bytes(
        b"".join(
            b"\xff" * (8 * part) if isinstance(part, int) else (CALLS / f"{part}.ulaw").read_bytes()
            for part in parts
        )
    )
    return path


async def talk(folder: Path, port: int, *words: str) -> asyncio.subprocess.Process:
    """`python -m gateway talk` with these words."""
    where = f"http://127.0.0.1:{port}"
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "talk", "--gateway", where, *words),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_whole_call_from_the_terminal(tmp_path: Path) -> None:
    """Heard, answered, put down in words; hangs up when the caller has nothing more to say."""
    port, heard = free_port(), tmp_path / "heard.wav"
    story = caller(tmp_path, GREETING_MS + 1500, "question_baggage")
    async with serving(tmp_path, "--offline", "--port", str(port)) as gateway:
        await gateway.told("gateway.ready")
        files = ("--input", str(story), "--output", str(heard))
        process = await talk(tmp_path, port, "--agent", "frontdesk", *files)
        out, err = await process.communicate()
        await gateway.told("call.ended")
    said = out.decode().splitlines()
    assert (process.returncode, err) == (0, b"")
    assert said[0].startswith("calling frontdesk (CA")
    assert said[-1] == "you hung up"
    assert "frontdesk: Welcome to Example Air. How can I help you?" in said
    assert "you: Hello, how much baggage can I take with me?" in said
    assert "  · frontdesk handed over to faq" in said
    assert any(line.startswith("faq: One bag per passenger is free.") for line in said)
    assert '"reason": "caller_hung_up"' in gateway.lines[-1]
    with wave.open(str(heard)) as file:
        audio = from_pcm16(file.readframes(file.getnframes()))
    for name in ("greeting", "let_me_check", "baggage"):
        assert (LINES / f"{name}.ulaw").read_bytes().rstrip(b"\xff")[:8000] in audio


async def test_ctrl_c_hangs_up_politely(tmp_path: Path) -> None:
    """The gateway is told, and the exit code says that nothing is wrong."""
    port, story = free_port(), caller(tmp_path, 60_000)
    async with serving(tmp_path, "--offline", "--port", str(port)) as gateway:
        await gateway.told("gateway.ready")
        files = ("--input", str(story), "--output", str(tmp_path / "heard.wav"))
        process = await talk(tmp_path, port, *files)
        await gateway.told("turn.done")
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
        await gateway.told("call.ended")
    assert (process.returncode, out.decode().splitlines()[-1]) == (0, "you hung up")
    assert '"reason": "caller_hung_up"' in gateway.lines[-1]


async def test_an_agent_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With those that are."""
    port, story = free_port(), caller(tmp_path, 20)
    async with serving(tmp_path, "--offline", "--port", str(port)) as gateway:
        await gateway.told("gateway.ready")
        files = ("--input", str(story), "--output", str(tmp_path / "heard.wav"))
        process = await talk(tmp_path, port, "--agent", "frontdest", *files)
        _, err = await process.communicate()
    assert process.returncode == 1
    assert err.decode().startswith("gateway: no agent 'frontdest'")
