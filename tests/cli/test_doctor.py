"""`gateway doctor`: one line per check, in order; as a process, against a running gateway."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.doctor import Progress, line, summary
from gateway.ops.doctor.checks import NAMES
from gateway.ops.doctor.finding import Finding
from gateway.settings import load_settings
from gateway.sim.realtime import RealtimeServer
from gateway.sim.twilio import PhoneNumber, TwilioOptions, TwilioTwin
from gateway.store.records.reader import open_reader
from tests.cli.conftest import AGENTS, Command
from tests.cli.test_serve import serving
from tests.ports import free_port

NUMBER = "+15550001000"
ACCOUNT, TOKEN = "AC" + "0" * 32, "a-made-up-token"


def test_a_line_says_what_to_do() -> None:
    """State, name, what was seen, and the fix when something is wrong."""
    assert plain(line(Finding("disk", "ok", "9 GB free"))) == "ok       disk         9 GB free"
    wrong = Finding("disk", "wrong", "full", "make room")
    assert plain(line(wrong)) == "wrong    disk         full → make room"


def test_the_last_line_counts() -> None:
    """Only what there is."""
    found = [Finding("a", "ok", ""), Finding("b", "ok", ""), Finding("c", "wrong", "")]
    assert summary(found) == "3 checks: 2 ok, 1 wrong"
    assert summary([Finding("a", "skipped", "")]) == "1 checks: 1 skipped"


def test_lines_come_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever check is done first; each as soon as those before it are."""
    progress = Progress(["a", "b", "c"], lines=True)
    progress.tell(Finding("b", "ok", "second"))
    assert capsys.readouterr().out == ""
    progress.tell(Finding("a", "ok", "first"))
    assert [each.split()[1] for each in capsys.readouterr().out.splitlines()] == ["a", "b"]
    progress.tell(Finding("c", "ok", "third"))
    assert "third" in capsys.readouterr().out


def test_a_terminal_shows_what_is_still_looked_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stderr, in a line that is cleared before anything is printed."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = Progress(["a", "b"], lines=True)
    progress.show()
    assert "looking at a, b …" in capsys.readouterr().err
    progress.tell(Finding("b", "ok", "second"))
    assert capsys.readouterr().err.endswith("looking at a …")
    progress.tell(Finding("a", "ok", "first"))
    assert capsys.readouterr().err == "\r\x1b[K"


def test_settings_that_cannot_be_read_are_a_finding(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1, not a mistake in using the command."""
    monkeypatch.setenv("GATEWAY_PUBLIC_URL", "http://voice.example.com")
    done = command("doctor")
    assert done.code == 1
    first, *rest = done.out.splitlines()
    assert first.startswith("wrong    settings     GATEWAY_PUBLIC_URL: must start with https://")
    assert rest[-1] == f"{len(NAMES)} checks: 1 wrong, {len(NAMES) - 1} skipped"


def test_wrong_usage_is_exit_2(command: Command) -> None:
    """As everywhere."""
    assert command("doctor", "--greeting-within", "0").code == 2
    assert command("doctor", "--cure").code == 2


def test_json_is_an_array_in_order(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else is on stdout."""
    monkeypatch.setenv("GATEWAY_PORT", "1")
    monkeypatch.setenv("GATEWAY_TWILIO_API_URL", "http://127.0.0.1:1")
    done = command("doctor", "--json", "--no-call")
    assert done.code == 1
    found = json.loads(done.out)
    assert [each["name"] for each in found] == list(NAMES)
    assert set(found[0]) == {"name", "state", "detail", "fix", "took_ms"}


@pytest.mark.timeout(150)  # two processes that load everything, one after the other
@pytest.mark.asyncio
async def test_a_running_gateway_is_right_from_end_to_end(tmp_path: Path) -> None:
    """Gateway and doctor as processes of their own, with one and the same environment."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    model = RealtimeServer()
    await model.start()
    number = PhoneNumber(
        NUMBER, voice_url=f"{base}/twilio/voice", status_callback=f"{base}/twilio/status"
    )
    twin = TwilioTwin(TwilioOptions(ACCOUNT, TOKEN, (number,)))
    await twin.start()
    variables = {
        "GATEWAY_PORT": str(port),
        "GATEWAY_PUBLIC_URL": base,
        "GATEWAY_REALTIME_URL": model.url,
        "GATEWAY_TWILIO_API_URL": twin.url,
        "GATEWAY_AGENTS_DIR": str(AGENTS),
        "OPENAI_API_KEY": "offline",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_PHONE_NUMBER": NUMBER,
    }
    try:
        async with serving(tmp_path, **variables) as gateway:
            await gateway.told("gateway.ready")
            code, found, errors = await doctor(tmp_path, **variables)
            states = {each["name"]: each["state"] for each in found}
            wrong = [each for each in found if each["state"] == "wrong"]
            assert (code, wrong, errors) == (0, [], "")
            # Plain http on loopback has no certificate, and the twin tells no time.
            assert {name for name, state in states.items() if state == "skipped"} == {"certificate"}
            await gateway.told("call.ended")
            gateway.signal(signal.SIGTERM)  # what is left of a killed one waits in its journal
            assert await gateway.exited() == 0
        call_sid = next(each["detail"].split()[0] for each in found if each["name"] == "call")
        async with open_reader(load_settings(_env_file=None, data_dir=tmp_path / "data")) as reader:
            assert reader is not None
            record = await reader.record(call_sid)
        assert record is not None
        assert record["call"]["caller"] == "client:gateway-doctor"
        assert record["call"]["outcome"] == "completed"
    finally:
        await twin.stop()
        await model.stop()


HANGING = """
import sys
from gateway.cli.main import main
from gateway.ops.doctor import checks

checks.CODE_S = 1.0
sys.argv = ["gateway", "doctor", "--json", "--no-call"]
main()
"""


@pytest.mark.parametrize("place", ["import", "key"])
def test_an_agents_code_that_hangs_keeps_nobody(tmp_path: Path, place: str) -> None:
    """When it is imported, or asked for a key: it is named, and the command ends."""
    toml = "[provider]\nurl = 'ws://127.0.0.1:1/v1/realtime'\napi_key_from = 'vault.key'"
    (tmp_path / "assistant.toml").write_text(toml)
    (tmp_path / "assistant.md").write_text("Be brief.")
    wait = "import time\n\ndef wait():\n    while True:\n        time.sleep(0.1)\n"
    key = "def key():\n    wait()\n" if place == "key" else "wait()\ndef key():\n    return 'k'\n"
    (tmp_path / "vault.py").write_text(f"{wait}\n{key}")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("GATEWAY_", "TWILIO_"))},
        "GATEWAY_AGENTS_DIR": str(tmp_path),
        "GATEWAY_CONNECT_TIMEOUT_S": "1",
        "GATEWAY_PORT": "1",
        "GATEWAY_TWILIO_API_URL": "http://127.0.0.1:1",
        "OPENAI_API_KEY": "k",
    }
    done = subprocess.run(
        [sys.executable, "-c", HANGING],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    found = {each["name"]: each for each in json.loads(done.stdout)}
    assert done.returncode == 1
    assert "no result within" in found["model" if place == "key" else "agents"]["detail"]


async def doctor(folder: Path, **variables: str) -> tuple[int, list[dict[str, Any]], str]:
    """`gateway doctor --json` as a process: exit code, findings, stderr."""
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith(("GATEWAY_", "TWILIO_", "OPENAI_"))
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "doctor", "--json"),
        env={**inherited, **variables},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    assert process.returncode in (0, 1), err.decode()
    return process.returncode, json.loads(out), err.decode()


def plain(text: str) -> str:
    """Without colours."""
    for code in ("32", "31", "33", "0"):
        text = text.replace(f"\x1b[{code}m", "")
    return text
