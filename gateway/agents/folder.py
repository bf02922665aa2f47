"""The agents as they are now: a folder that is read again when something in it was saved."""

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import structlog

from gateway.agents.catalogue import Catalogue, load
from gateway.agents.mcp import McpServers
from gateway.agents.problems import Faulty, Problem
from gateway.call.call import Offer
from gateway.call.context import Route
from gateway.call.session import AgentPlan
from gateway.call.tools import ToolRunner
from gateway.errors import ConfigError
from gateway.settings import Settings

LOOK_EVERY_S = 1.0
_WATCHED = (".toml", ".md", ".py", ".wav", ".ulaw")

Snapshot = Mapping[Path, tuple[int, int]]
"""Files with the time of their last change (ns) and their size."""

_log = structlog.get_logger()


class AgentFolder:
    """The catalogue new calls use. Live calls keep the one they began with."""

    def __init__(
        self, folder: Path, settings: Settings, tools: ToolRunner, mcp: McpServers
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._tools = tools
        self._mcp = mcp
        self._seen: Snapshot = {}
        self._catalogue: Catalogue | None = None
        self._reading = asyncio.Lock()
        self.error: str | None = None
        """What is wrong with the files as they are, a line each; None when they are in use."""
        self.faults: tuple[Problem, ...] = ()
        """The same as problems, as far as it is one of the files."""
        self.read_at: datetime | None = None
        """When the agents that are in use were read."""

    @property
    def catalogue(self) -> Catalogue:
        """The newest one without a mistake."""
        if self._catalogue is None:
            raise RuntimeError("the folder was not opened")
        return self._catalogue

    def plan(self, offer: Offer) -> AgentPlan:
        """What answers a call."""
        return self.catalogue.plan(offer)

    def plan_for(self, name: str, offer: Offer) -> AgentPlan:
        """The same with an agent chosen by name."""
        return self.catalogue.plan_for(name, offer)

    def route(self, offer: Offer) -> Route:
        """The route of a call."""
        return self.catalogue.route(offer)

    async def open(self) -> None:
        """The first reading; starts the MCP servers. Raises ConfigError."""
        self._seen = await asyncio.to_thread(snapshot, self._folder)
        await self._read()

    async def watch(self) -> None:
        """Looks once a second until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> bool:
        """Reads the folder again if something in it was saved; True when new calls differ.

        With a mistake in the files the old agents stay, and ``error`` says what is wrong.
        """
        async with self._reading:
            return await self._look()

    async def reload(self) -> bool:
        """The same, whether something was saved or not: what is read may be elsewhere."""
        async with self._reading:
            self._seen = {}
            return await self._look()

    async def _look(self) -> bool:
        now = await asyncio.to_thread(snapshot, self._folder)
        if now == self._seen:
            return False
        # Taken before reading: what is saved meanwhile is seen at the next look.
        self._seen = now
        try:
            await self._read()
        except ConfigError as error:
            self.error = str(error)
            self.faults = error.problems if isinstance(error, Faulty) else ()
            _log.error("agents.invalid", problems=self.error.splitlines())
            return False
        _log.info("agents.reloaded", agents=self.catalogue.names())
        return True

    async def _read(self) -> None:
        before = self._catalogue
        catalogue = await asyncio.to_thread(
            load, self._folder, self._settings, self._tools, self._mcp
        )
        try:
            await self._mcp.start(catalogue.mcp_servers)
            if clashes := catalogue.clashes():
                await self._mcp.start(before.mcp_servers if before is not None else {})
                raise Faulty(clashes)
        except ConfigError:
            catalogue.withdraw()
            raise
        self._catalogue, self.error, self.faults = catalogue, None, ()
        self.read_at = datetime.now(UTC)
        for problem in catalogue.problems:
            _log.warning("agents.doubtful", problem=str(problem))


def snapshot(folder: Path) -> Snapshot:
    """What is saved below a folder, without hidden folders and caches."""
    found: dict[Path, tuple[int, int]] = {}
    # os.walk passes over folders that go while they are listed; Path.rglob raises.
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__"))]
        for path in (Path(root, name) for name in files):
            if path.suffix not in _WATCHED:
                continue
            try:
                stat = path.stat()
            except OSError:  # gone since it was listed
                continue
            found[path] = stat.st_mtime_ns, stat.st_size
    return found
