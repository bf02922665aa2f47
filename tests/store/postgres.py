"""A PostgreSQL server of the tests' own: made in a temporary folder, stopped and started at will.

    with postgres() as server:
        settings_in(folder, database_url=server.empty())

Needs the server's binaries, so tests that use it are marked `system`.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port

ROLE = "postgres"


class Postgres:
    """A server on loopback; everybody may come in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        self.port = free_port()
        self._run("initdb", "-D", "data", "-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-sync")

    @property
    def url(self) -> str:
        """The address of its first database, which is empty at first."""
        return self._address("postgres")

    def empty(self) -> str:
        """The address of another empty database."""
        self._made += 1
        name = f"calls_{self._made}"
        self._run("createdb", *self._reach(), name)
        return self._address(name)

    def run(self, url: str, sql: str) -> str:
        """What psql prints for one or more statements, without headings."""
        name = url.rpartition("/")[2]
        return self._run("psql", *self._reach(), "-qAt", "-d", name, "-c", sql).strip()

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self._folder} -F"
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stops it: `fast` ends every connection, `immediate` is a crash."""
        self._run("pg_ctl", "-D", "data", "-w", "-m", mode, "stop")

    @property
    def pid(self) -> int:
        """The process that takes connections."""
        return int((self._folder / "data" / "postmaster.pid").read_text().split("\n")[0])

    def _address(self, name: str) -> str:
        return f"postgresql://{ROLE}@127.0.0.1:{self.port}/{name}"

    def _reach(self) -> tuple[str, ...]:
        return ("-h", "127.0.0.1", "-p", str(self.port), "-U", ROLE)

    def _run(self, command: str, *words: str) -> str:
        # The server would keep a pipe open for as long as it runs: its output goes to a file.
        output = self._folder / "output"
        with output.open("w+") as file:
            done = subprocess.run(
                [*_as_nobody_special(), str(_binary(command)), *words],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=30,
            )
        said = output.read_text()
        assert done.returncode == 0, said
        return said


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running server; it and its folder are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    folder.chmod(0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, ROLE, ROLE)
    try:
        server = Postgres(folder)
        server.start()
        try:
            yield server
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                server.stop("immediate")
    finally:
        shutil.rmtree(folder)


def _as_nobody_special() -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", ROLE, "--"] if os.geteuid() == 0 else []


def _binary(name: str) -> Path:
    """Debian keeps a server's binaries apart by version: the newest."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=_version)
    assert found, "PostgreSQL's server is not installed (Debian: apt-get install postgresql)"
    return found[-1]


def _version(path: Path) -> int:
    return int(path.parts[-3])
