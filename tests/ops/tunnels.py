"""Stand-ins for cloudflared and ngrok: executables that print what the real ones print, and hold.

The lines are those of real runs: cloudflare/cloudflared issue 946 and its quick_tunnel.go for the
frame, ngrok's JSON log as it stands in issues and scripts that parse it.
"""

import json
import sys
from pathlib import Path
from typing import Any

ADDRESS = "https://buffalo-marco-cardiff-motel.trycloudflare.com"
NGROK_ADDRESS = "https://ab12-203-0-113-7.ngrok-free.app"
_EDGE = "-" * 92
_CLOUDFLARED = f"""\
INF Thank you for trying Cloudflare Tunnel. Doing so, without a Cloudflare account, is a quick way
INF Requesting new quick Tunnel on trycloudflare.com...
INF +{_EDGE}+
INF |  Your quick Tunnel has been created! Visit it at (it may take some time to be reachable):  |
INF |  {ADDRESS:<88}  |
INF +{_EDGE}+
ERR Configuration file /dev/null was empty
INF Version 2026.5.0
INF Settings: map[ha-connections:1 no-autoupdate:true protocol:quic url:http://127.0.0.1:8000]
INF Registered tunnel connection connIndex=0 connection=bb527b3a ip=198.41.200.13 protocol=quic
"""
CLOUDFLARED = [f"2026-11-01T14:06:46Z {line}" for line in _CLOUDFLARED.splitlines()]
NGROK = [
    json.dumps(line)
    for line in (
        {"lvl": "info", "msg": "no configuration paths supplied", "t": "2026-11-01T02:40:00Z"},
        {"addr": "127.0.0.1:4040", "lvl": "info", "msg": "starting web service", "obj": "web"},
        {"err": None, "lvl": "info", "msg": "client session established"},
        {
            "addr": "http://127.0.0.1:8000",
            "lvl": "info",
            "msg": "started tunnel",
            "name": "command_line",
            "obj": "tunnels",
            "url": NGROK_ADDRESS,
        },
    )
]
_SCRIPT = """#!{python}
import json, os, signal, sys
plan = json.loads({plan!r})
def tell(what):
    with open(__file__ + ".told", "w") as file:
        json.dump(what, file)
def say(lines):
    for line in lines:
        (sys.stderr if plan["stderr"] else sys.stdout).write(line + "\\n")
        sys.stderr.flush(), sys.stdout.flush()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
if plan["stubborn"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
tell(dict(words=sys.argv[1:], environment=dict(os.environ), pid=os.getpid()))
say(plan["prints"])
if plan["exits"] is None or plan["then"]:
    signal.sigwait([signal.SIGUSR1])
    say(plan["then"])
if plan["exits"] is None:
    signal.sigwait([signal.SIGUSR1])
sys.exit(plan["exits"])
"""


def tool(
    folder: Path,
    name: str,
    prints: list[str],
    *,
    then: list[str] | None = None,
    exits: int | None = None,
    stubborn: bool = False,
) -> Path:
    """An executable of that name. It prints, waits for SIGUSR1, prints ``then``, and waits again;
    with ``exits`` it ends instead of waiting, and ``stubborn`` it does not hear SIGTERM.
    """
    plan = {
        "prints": prints,
        "then": then or [],
        "exits": exits,
        "stubborn": stubborn,
        "stderr": name == "cloudflared",
    }
    made = folder / name
    made.write_text(_SCRIPT.format(python=sys.executable, plan=json.dumps(plan)))
    made.chmod(0o755)
    return made


def told_by(made: Path) -> Any:
    """What an executable was given, and its ``pid``; it has told when its tunnel is open."""
    return json.loads(Path(f"{made}.told").read_text())
