"""Tunnels, made by stand-ins for the real tools: real processes that print what those print."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.ops import tunnel as tunnel_module
from gateway.ops.tunnel import (
    Heard,
    TunnelFailed,
    hear_cloudflared,
    hear_ngrok,
    open_tunnel,
    origin,
)
from gateway.settings import load_settings
from tests.ops.tunnels import ADDRESS, CLOUDFLARED, NGROK, NGROK_ADDRESS, told_by, tool

ROOT = Path(__file__).parents[2]
HERE = "http://127.0.0.1:8000"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def is_gone(pid: int, within_s: float = 10.0) -> bool:
    """Whether a process ends soon: the kernel says so, nobody looks again and again."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], within_s)[0])
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("name", "prints", "address", "words"),
    [
        (
            "cloudflared",
            CLOUDFLARED,
            ADDRESS,
            ["tunnel", "--no-autoupdate", "--config", "/dev/null", "--url", HERE],
        ),
        ("ngrok", NGROK, NGROK_ADDRESS, ["http", "--log", "stdout", "--log-format", "json", HERE]),
    ],
)
def test_the_address_is_what_the_tool_prints(
    tools: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    prints: list[str],
    address: str,
    words: list[str],
) -> None:
    """It is started for the address here, without our secrets, and ends with the block."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "canary")
    monkeypatch.setenv("GATEWAY_API_TOKEN", "canary")
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    monkeypatch.setenv("NGROK_AUTHTOKEN", "its own")
    made = tool(tools, name, prints)
    with open_tunnel(HERE) as tunnel:
        assert (tunnel.tool, tunnel.url) == (name, address)
        told = told_by(made)
        assert told["words"] == words
        assert "canary" not in json.dumps(told["environment"])
        assert told["environment"]["NGROK_AUTHTOKEN"] == "its own"
        pid = tunnel.process.pid
        # Ctrl-C at the terminal goes to its foreground processes, and this is none of them.
        assert os.getsid(pid) != os.getsid(0)
    assert is_gone(pid)
    assert tunnel.process.returncode == -signal.SIGTERM


def test_without_a_tool_both_are_named(tools: Path) -> None:
    """And where they come from, and what else would do."""
    with pytest.raises(TunnelFailed) as failed, open_tunnel(HERE):
        pass
    told = str(failed.value)
    assert told.startswith("--tunnel: neither cloudflared nor ngrok is on PATH")
    assert "github.com/cloudflare/cloudflared" in told
    assert "ngrok.com/download" in told
    assert "GATEWAY_PUBLIC_URL" in told


NO_HOST = (
    'failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": no such host'
)
UNKNOWN = "authentication failed: Usage of ngrok requires a verified account and authtoken."
QUOTING = {"err": f"{UNKNOWN}\n\nYour authtoken: canary\r\n", "lvl": "eror", "msg": "closing"}


@pytest.mark.parametrize(
    ("name", "prints", "told"),
    [
        ("cloudflared", [*CLOUDFLARED[:2], NO_HOST], NO_HOST),
        ("cloudflared", [], "it said nothing"),
        ("ngrok", [*NGROK[:2], json.dumps(QUOTING), "ERROR:  ERR_NGROK_4018"], UNKNOWN),
        ("ngrok", [f"ERROR:  {UNKNOWN}", "ERROR: ", "ERROR:  ERR_NGROK_4018"], UNKNOWN),
    ],
)
def test_a_tool_that_fails_says_why(tools: Path, name: str, prints: list[str], told: str) -> None:
    """In its own words, without what it quotes of an account."""
    tool(tools, name, prints, exits=1)
    with pytest.raises(TunnelFailed) as failed, open_tunnel(HERE):
        pass
    assert str(failed.value) == f"--tunnel: {name} ended: {told}"
    assert "canary" not in str(failed.value)


def test_a_tool_that_gives_no_address_is_given_up(tools: Path) -> None:
    """After the limit, with what it said last; it does not outlive that."""
    made = tool(tools, "cloudflared", [*CLOUDFLARED[:-1], "2026-11-01T00:00:00Z ERR no route"])
    with (
        pytest.raises(TunnelFailed, match=r"no address within 2 s: .*no route"),
        open_tunnel(HERE, start_s=2),
    ):
        pass
    assert is_gone(told_by(made)["pid"])


def test_a_tool_that_ends_by_itself_is_noticed(tools: Path) -> None:
    """Whoever uses the tunnel is told once, with its last words."""
    tool(tools, "cloudflared", CLOUDFLARED, then=["2026-11-01T00:00:00Z ERR terminated"], exits=1)
    reasons: list[str] = []
    ended = threading.Event()

    def lost(reason: str) -> None:
        reasons.append(reason)
        ended.set()

    with open_tunnel(HERE, lost) as tunnel:
        os.kill(tunnel.process.pid, signal.SIGUSR1)  # its stand-in goes on to what comes then
        assert ended.wait(10)
    assert len(reasons) == 1
    assert reasons[0].endswith("ERR terminated")


def test_a_tool_that_will_not_end_is_killed(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything it started."""
    monkeypatch.setattr(tunnel_module, "STOP_S", 0.3)
    tool(tools, "ngrok", NGROK, stubborn=True)
    with open_tunnel(HERE) as tunnel:
        pid = tunnel.process.pid
    assert is_gone(pid)
    assert tunnel.process.returncode == -signal.SIGKILL


def test_more_output_than_a_pipe_holds_is_read(tools: Path) -> None:
    """Or the tool would stand still with its first full pipe, and never come to its end."""
    tool(tools, "cloudflared", CLOUDFLARED, then=["x" * 1000] * 500, exits=0)
    ended = threading.Event()
    with open_tunnel(HERE, lambda reason: ended.set()) as tunnel:
        os.kill(tunnel.process.pid, signal.SIGUSR1)
        assert ended.wait(10)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can tie processes")
def test_the_tool_ends_with_us_even_when_we_are_killed(tools: Path) -> None:
    """SIGKILL leaves no time for anything."""
    tool(tools, "cloudflared", CLOUDFLARED)
    code = (
        "import sys; from gateway.ops.tunnel import open_tunnel\n"
        f"with open_tunnel({HERE!r}) as tunnel:\n"
        "    print(tunnel.process.pid, flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    assert not is_gone(pid, 0)
    holder.kill()
    assert is_gone(pid)
    holder.communicate(timeout=10)


def test_a_file_that_is_no_program_is_told(tools: Path) -> None:
    """By its path."""
    broken = tools / "cloudflared"
    broken.write_text("no program")
    broken.chmod(0o755)
    with pytest.raises(TunnelFailed, match=f"{broken} cannot be run"), open_tunnel(HERE):
        pass


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("gateway.internal", "http://gateway.internal:8000"),
    ],
)
def test_it_leads_to_where_the_gateway_listens(host: str, address: str) -> None:
    """All addresses of a machine include its own."""
    assert origin(load_settings(_env_file=None, host=host, port=8000)) == address


def test_a_port_nobody_knows_is_refused() -> None:
    """The tool is started before the socket is."""
    with pytest.raises(TunnelFailed, match="GATEWAY_PORT"):
        origin(load_settings(_env_file=None, port=0))


def test_ready_is_not_said_too_early() -> None:
    """An address nobody leads here from, an old spelling of the connection, and other lines."""
    heard = Heard()
    for line in (*CLOUDFLARED[:-1], "INF Unregistered tunnel connection connIndex=0"):
        hear_cloudflared(heard, line)
    assert (heard.url, heard.ready) == (ADDRESS, False)
    hear_cloudflared(heard, "INF Connection c206cf44-945f registered connIndex=0 location=ORD")
    assert heard.ready
    ngrok = Heard()
    for line in (
        '{"msg":"started tunnel","url":"tcp://0.tcp.jp.ngrok.io:10936"}',
        '{"msg":"open","url":"https://a.example"}',
        "[1]",
        "{",
    ):
        hear_ngrok(ngrok, line)
    assert (ngrok.url, ngrok.ready, ngrok.reason) == ("", False, "it said nothing")
