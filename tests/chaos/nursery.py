"""Gateways that start in a fraction of a second: forked from a process that has imported it all.

Three hundred starts would otherwise be spent on reading modules, which no record depends on. What
runs in the child is ``python -m gateway`` all the same: the same command line, environment and main
module, in a process of its own. So is any other module that is ordered.

    python -m tests.chaos.nursery    # one order a line on stdin; a process id a line on stdout
"""

import importlib
import json
import os
import random
import runpy
import signal
import socket
import sys
import traceback
from contextlib import suppress
from typing import Any

MODULES = (
    "agents.realtime",
    "agents.realtime.openai_realtime",
    "aiosqlite",
    "asyncpg",
    "gateway.agents",
    "gateway.call.reception",
    "gateway.cli.main",
    "gateway.cli.serve",
    "gateway.observe.logs",
    "gateway.store.archive",
    "gateway.web.app",
    "gateway.web.server",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.httptools_impl",
)


def order(
    module: str, words: list[str], environment: dict[str, str], folder: str, stderr: str
) -> bytes:
    """One order: ``python -m module words…``, and the socket that is to be its stderr."""
    told = {
        "module": module,
        "words": words,
        "environment": environment,
        "folder": folder,
        "stderr": stderr,
    }
    return json.dumps(told).encode() + b"\n"


def main() -> None:
    """Takes orders until stdin ends; nobody outlives that."""
    children: list[int] = []
    for name in MODULES:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are nobody's business here
    sys.stdout.write("0\n")
    sys.stdout.flush()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _child(json.loads(line))
        with suppress(ProcessLookupError):
            children.append(os.pidfd_open(pid))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    for child in children:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(child, signal.SIGKILL)


def _child(told: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    random.seed()
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    with socket.socket(socket.AF_UNIX) as said:
        said.connect(told["stderr"])
        os.dup2(said.fileno(), 2)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    sys.argv = [told["module"], *told["words"]]
    code = 1
    try:
        runpy.run_module(told["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(bool(left.code))
    except BaseException:  # noqa: BLE001 what an interpreter of its own would have shown
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
