"""The gateway with more or less kept of its calls: what `bench.records` loads side by side.

`python -m bench.kept WHAT --host H --port P` is `gateway serve` in every other respect. Of the
four, `nothing` is for the benchmark alone: a gateway keeps its records, there is no switch for it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.serve import run_serve
from gateway.store import archive
from gateway.store.journal.writer import WriterStatus

if TYPE_CHECKING:
    from gateway.core.events import CallEvent

WHAT = ("nothing", "records", "recorded", "encrypted")


class Nothing:
    """Stands where the archive stands, and keeps nothing."""

    tapes = None
    audit = None
    courier = None

    def __init__(self, *_: object) -> None:
        """Whatever the archive is told."""

    def start(self, _on_spent: object) -> asyncio.Future[None]:
        """No thread; done at once, whether anybody waits for it or not."""
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def stop(self) -> None:
        """Nothing to write."""

    def hear(self, _call_sid: str, _event: CallEvent) -> None:
        """Forgotten at once."""

    def status(self) -> WriterStatus:
        """All is well."""
        return WriterStatus(backlog=0, journal_ok=True, database_ok=True, lost=0, refused=0)

    async def durable(self, _timeout_s: float) -> bool:
        """There is nothing to wait for."""
        return True


def prepare(what: str, scratch: Path) -> dict[str, str]:
    """The settings that keep that much; a key is made for them in `scratch`, if one is needed."""
    if what not in ("recorded", "encrypted"):
        return {}
    settings = {"GATEWAY_RECORDINGS": "on"}
    if what == "encrypted":
        keys = scratch / "recording.keys"
        keys.touch(mode=0o600)
        keys.write_text(f"bench {b64encode(os.urandom(32)).decode()}\n", "utf-8")
        settings["GATEWAY_RECORDING_KEYS"] = str(keys)
    return settings


def main() -> int:
    """The exit code of `gateway serve`."""
    parser = argparse.ArgumentParser(prog="python -m bench.kept")
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    os.environ.update(prepare(options.what, Path.cwd()))
    if options.what == "nothing":
        setattr(archive, "Archive", Nothing)  # noqa: B010  the one thing that is not as served
    return run_serve(host=options.host, port=options.port, offline=False)


if __name__ == "__main__":
    sys.exit(main())
