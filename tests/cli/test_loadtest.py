"""`gateway loadtest` as a process: its own gateway, another's, and Ctrl-C."""

import asyncio
import json
import os
import signal
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.ops.load.harness import a_fixture
from tests.ops.load.peer import ACCOUNT, TOKEN, Peer, listening

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_set")]
SHORT = ({"step": "wait_for_agent", "heard_ms": 100, "timeout_ms": 9000}, {"step": "hang_up"})


async def loadtest(folder: Path, *words: str, **variables: str) -> asyncio.subprocess.Process:
    """The command, started."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "loadtest", *words),
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "GATEWAY_MAX_LAG_MS": "0",  # a machine busy with tests refuses nobody
            **variables,
        },
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_fresh_install_can_be_loaded(tmp_path: Path) -> None:
    """Gateway and model of its own; report, JSON and JUnit are there, nothing else is."""
    fixture = a_fixture(tmp_path, *SHORT)
    files = ("--report", "a.html", "--json", "a.json", "--junit", "a.xml")
    process = await loadtest(tmp_path, "--calls", "2", "--fixtures", fixture, *files)
    out, err = await process.communicate()
    document = json.loads((tmp_path / "a.json").read_text())
    # A busy machine makes a run void, which is what it should do.
    assert document["verdict"] in ("ok", "void"), (out, err)
    assert process.returncode == (0 if document["verdict"] == "ok" else 1)
    assert [call["failure"] for call in document["calls"]] == ["", ""]
    assert document["target"]["local"]
    assert "<h1>Load test</h1>" in (tmp_path / "a.html").read_text()
    assert ET.parse(tmp_path / "a.xml").getroot().attrib["tests"] == "3"
    left = set(os.listdir(tmp_path)) - {"speech.ulaw", "caller.json"}
    assert left == {"a.html", "a.json", "a.xml"}


async def test_a_running_gateway_is_called_with_its_account(tmp_path: Path) -> None:
    """Signed, at its voice webhook; a threshold that is missed is exit code 1; - is stdout."""
    fixture = a_fixture(tmp_path, *SHORT)
    account = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
    async with listening(Peer()) as peer:
        words = ("--calls", "2", "--fixtures", fixture, "--target", f"{peer.url}/voice")
        process = await loadtest(tmp_path, *words, "--fail-if", "calls>1", "--json", "-", **account)
        out, _ = await process.communicate()
    document = json.loads(out)
    assert process.returncode == 1
    assert len(peer.forms) == 2
    assert peer.badly_signed == 0
    assert document["verdict"] == "void" or document["why"] == ["missed: calls>1"]


async def test_ctrl_c_is_a_polite_end(tmp_path: Path) -> None:
    """Everybody hangs up with a stop, and what was measured is written."""
    fixture = a_fixture(tmp_path, {"step": "pause", "ms": 60_000})
    account = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
    async with listening(Peer()) as peer:
        words = ("--calls", "2", "--fixtures", fixture, "--target", f"{peer.url}/voice")
        process = await loadtest(tmp_path, *words, "--json", "a.json", **account)
        await peer.until_started(2)
        process.send_signal(signal.SIGINT)
        await process.communicate()
        assert len(peer.events("stop")) == 2
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["interrupted"]
    assert document["verdict"] in ("ok", "void")
    assert [call["end"] for call in document["calls"]] == ["interrupted", "interrupted"]
