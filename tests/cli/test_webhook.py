"""`gateway webhook`: the commands a person types, against a twin in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.ops.tunnels import ADDRESS, CLOUDFLARED, told_by, tool
from tests.ops.twin import ACCOUNT, MAIN, OTHER, TOKEN, TwinServer, twin_server

LIMIT_S = 30


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch, nothing_set: None) -> Iterator[TwinServer]:
    """The carrier of the settings."""
    with twin_server() as running:
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
        monkeypatch.setenv("GATEWAY_TWILIO_API_URL", running.url)
        monkeypatch.setenv("GATEWAY_PUBLIC_URL", "https://voice.example.com")
        yield running


def test_set_and_restore_in_one_breath(command: Command, twin: TwinServer) -> None:
    """What a person sees, and the number is byte for byte what it was."""
    before = twin.number(MAIN)
    done = command("webhook", "set", MAIN, "--yes")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0].startswith(f"{MAIN}  PN")
    assert (
        "  voice URL        https://old.example.com/voice?key=a b&c=ü → https://voice" in done.out
    )
    assert done.out.splitlines()[-1] == "set, and read back"
    assert twin.number(MAIN) != before
    again = command("webhook", "set", MAIN, "--yes")
    assert (again.code, again.out) == (0, f"{MAIN} points here already; nothing was changed\n")
    undone = command("webhook", "restore", MAIN)
    assert (undone.code, undone.err) == (0, "")
    assert undone.out.splitlines()[-1] == "restored, and read back"
    assert twin.number(MAIN) == before
    nothing = command("webhook", "restore", MAIN)
    assert (nothing.code, nothing.out) == (1, "")
    assert nothing.err == f"gateway: nothing of {MAIN} is to be restored\n"


def test_scripts_read_json(command: Command, twin: TwinServer) -> None:
    """One object on stdout; what a person reads besides is elsewhere."""
    shown = json.loads(command("webhook", "show", MAIN, "--json").out)
    assert (shown["number"], shown["points_here"], shown["overridden_by"]) == (MAIN, False, {})
    assert shown["settings"]["voice_method"] == "GET"
    done = command("webhook", "set", MAIN, "--yes", "--json")
    told = json.loads(done.out)
    assert told["changed"]["voice_method"] == {"from": "GET", "to": "POST"}
    assert told["before"] == shown["settings"]
    assert "→" in done.err
    assert json.loads(command("webhook", "show", MAIN, "--json").out)["points_here"] is True
    undone = json.loads(command("webhook", "restore", MAIN, "--json").out)
    assert (undone["before"], undone["after"]) == (told["after"], told["before"])


@pytest.mark.parametrize(
    ("number", "told"), [("+1555000100", f"{MAIN}, {OTHER}"), ("15550001000", MAIN)]
)
def test_a_part_of_a_number_is_no_number(
    command: Command, twin: TwinServer, number: str, told: str
) -> None:
    """Whatever is wanted of it."""
    for words in (["show"], ["set", "--yes"], ["restore"]):
        done = command("webhook", words[0], number, *words[1:])
        assert (done.code, done.out) == (1, "")
        assert done.err.endswith(f"these contain it: {told}\n")
        assert done.err.count("\n") == 1


def test_a_wrong_token_is_one_line(
    command: Command, twin: TwinServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the variable."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "canary")
    done = command("webhook", "show", MAIN)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert done.err.startswith("gateway: TWILIO_AUTH_TOKEN: ")
    assert "canary" not in done.err


def test_an_override_is_put_back_with_the_rest(command: Command, twin: TwinServer) -> None:
    """An option takes it off the number, none does by itself."""
    twin.change(MAIN, TrunkSid="TK1")
    before = twin.number(MAIN)
    refused = command("webhook", "set", MAIN, "--yes")
    assert refused.code == 1
    assert "trunk TK1" in refused.err
    assert command("webhook", "set", MAIN, "--yes", "--clear-overrides").code == 0
    assert json.loads(twin.number(MAIN))["trunk_sid"] is None
    assert command("webhook", "restore", MAIN).code == 0
    assert twin.number(MAIN) == before


def test_force_is_an_option_of_restore(command: Command, twin: TwinServer) -> None:
    """Somebody else's settings are not lost by accident."""
    before = twin.number(MAIN)
    command("webhook", "set", MAIN, "--yes", "--fallback", "https://else.example.net/")
    twin.change(MAIN, VoiceUrl="https://theirs.example.com/")
    refused = command("webhook", "restore", MAIN)
    assert (refused.code, "theirs.example.com" in refused.err) == (1, True)
    assert command("webhook", "restore", MAIN, "--force").code == 0
    assert twin.number(MAIN) == before


# Through a tunnel


def _hearing_signals() -> None:
    """Whoever runs these tests may ignore them, as `nohup` does; a terminal does not."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def through_a_tunnel(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`gateway webhook set` as a process that finds a stand-in for cloudflared on PATH."""
    tools = folder / "bin"
    tools.mkdir()
    tool(tools, "cloudflared", CLOUDFLARED)
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "webhook", "set", MAIN, "--tunnel", *words],
        cwd=folder,
        env={**os.environ, "PATH": str(tools)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hearing_signals,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)


def read_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """Lines of stdout up to one with these words in it."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or words not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], (lines, process.communicate(timeout=LIMIT_S))
    return lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_tunnel_is_there_until_a_signal_and_then_nothing_is(
    twin: TwinServer, tmp_path: Path, number: signal.Signals
) -> None:
    """The number leads to the tunnel meanwhile, and has what it had afterwards."""
    before = twin.number(MAIN)
    with through_a_tunnel(tmp_path, "--yes") as process:
        lines = read_until(process, "set, and read back")
        assert lines[0] == f"GATEWAY_PUBLIC_URL={ADDRESS}\n"
        assert json.loads(twin.number(MAIN))["voice_url"] == f"{ADDRESS}/twilio/voice"
        tool_pid = told_by(tmp_path / "bin" / "cloudflared")["pid"]
        process.send_signal(number)
        out, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, err
    assert out.splitlines()[-1] == "restored, and read back"
    assert twin.number(MAIN) == before
    with pytest.raises(ProcessLookupError):
        os.kill(tool_pid, 0)


def test_a_tunnel_that_ends_takes_the_number_back(twin: TwinServer, tmp_path: Path) -> None:
    """A number must not lead to nowhere; exit 1 says that it was not meant so."""
    before = twin.number(MAIN)
    with through_a_tunnel(tmp_path, "--yes", "--json") as process:
        assert json.loads(read_until(process, "{")[-1])["number"] == MAIN
        os.kill(told_by(tmp_path / "bin" / "cloudflared")["pid"], signal.SIGTERM)
        out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert json.loads(out)["after"] == json.loads(out)["before"] | {
        name: change["to"] for name, change in json.loads(out)["changed"].items()
    }
    assert "the tunnel ended" in err
    assert twin.number(MAIN) == before


def test_a_tunnel_nobody_agreed_to_is_closed(twin: TwinServer, tmp_path: Path) -> None:
    """There is no terminal to ask on: refused, and nothing was changed."""
    before = twin.number(MAIN)
    with through_a_tunnel(tmp_path) as process:
        _, err = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, "--yes: " in err) == (2, True)
    assert twin.number(MAIN) == before
    with pytest.raises(ProcessLookupError):
        os.kill(told_by(tmp_path / "bin" / "cloudflared")["pid"], 0)
