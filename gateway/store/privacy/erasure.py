"""Erasing calls: every row, file and waiting entry of them, and the bytes these leave behind.

First each call gets its tombstone: from then on no gateway writes anything of it any more. Rows go
after files: as long as there is one, whoever erases again finds the call and goes on.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.settings import Settings
from gateway.store.journal.waiting import drop, still_in
from gateway.store.privacy.busy import PATIENCE_S, Busy, in_transaction
from gateway.store.privacy.erasable import Found, batches
from gateway.store.privacy.leftovers import exports_of, remove_export, settle_ahead, unlink
from gateway.store.privacy.removal import BATCH, ROWS, Removal
from gateway.store.privacy.scrub import NotOurs, scrub
from gateway.store.recordings.ahead import files_ahead
from gateway.store.tables import OF_CALLS, dials, erased
from gateway.store.trouble import cause

DRAIN_S = 10.0
"""How long the journals of running gateways are waited for: they empty them as they apply them."""
_LOOK_S = 0.2


@dataclass(slots=True)
class Erased:
    """What was erased, and what could not be."""

    counts: dict[str, int]
    missing: int = 0
    """Recordings that were not where they should be: on another gateway's disk, perhaps."""
    failed: dict[str, str] = field(default_factory=dict)
    """Files that could not be deleted, and why; their calls were left as they are."""
    waiting: list[str] = field(default_factory=list)
    """Journals of running gateways in which something still waits."""
    ahead: list[str] = field(default_factory=list)
    """Files of running gateways in which a recording's last seconds may still be."""
    unscrubbed: str = ""
    """Why old bytes may still be in the files of the database; empty when they are not."""

    @property
    def complete(self) -> bool:
        """True when nothing is left."""
        return not (self.failed or self.waiting or self.ahead or self.unscrubbed)


@dataclass(frozen=True, slots=True)
class Erasure:
    """Erases found calls by one rule."""

    engine: AsyncEngine
    settings: Settings
    now: datetime
    rule: str
    """Goes into the evidence, so it says nothing of whose calls they were."""
    told: Callable[[str], None] = lambda _: None
    """Hears what is being done."""
    drain_s: float = DRAIN_S
    scrub_s: float = PATIENCE_S

    async def erase(self, found: Found) -> Erased:
        """Erases those that ended. Run again, it goes on where it was left."""
        for batch in found.batches():
            await in_transaction(self.engine, partial(self._entomb, batch))
        counts: Counter[str] = Counter()
        failed = await asyncio.to_thread(self._delete_files, found, counts)
        if failed:
            return Erased({}, failed=failed)
        removal = Removal(
            self.engine, self._folder("recordings"), self.now, "erase", self.rule, ROWS, counts
        )
        for number, batch in enumerate(found.batches()):
            self.told(f"erasing: {number * BATCH} of {len(found.ended)} calls are gone")
            await removal.take(batch)
        for batch in batches(found.dials):
            await removal.take_dials(batch)
        done = Erased(dict(+removal.counts), removal.missing, _named(removal.failed))
        self.told("waiting for the journals of running gateways")
        done.waiting, done.ahead = await self._still_waiting(found)
        self.told("rewriting the database without what was erased")
        done.unscrubbed = await self._scrub()
        return done

    async def _entomb(self, call_sids: Sequence[str], connection: AsyncConnection) -> None:
        tombs = [{"call_sid": call_sid, "at": self.now} for call_sid in call_sids]
        if connection.dialect.name == "postgresql":
            await connection.execute(postgresql.insert(erased).on_conflict_do_nothing(), tombs)
        else:
            await connection.execute(sqlite.insert(erased).on_conflict_do_nothing(), tombs)

    def _delete_files(self, found: Found, counts: Counter[str]) -> dict[str, str]:
        """What is not found by rows: exports, recordings that only journals name, and these."""
        failed = {}
        for path in exports_of(self._folder("exports"), found.ended):
            try:
                remove_export(path)
                counts["exports"] += 1
            except OSError as error:
                failed[f"exports/{path.name}"] = error.strerror or type(error).__name__
        recordings = self._folder("recordings")
        settle_ahead(recordings)
        failed |= _named(unlink(recordings, found.recordings).failed)
        if not failed:
            counts["entries"] += drop(self._folder("journal"), found.ended)
        return failed

    async def _still_waiting(self, found: Found) -> tuple[list[str], list[str]]:
        """Journals, and files ahead of recordings, that could not be waited for."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.drain_s
        folder = self._folder("journal")
        ahead = await asyncio.to_thread(files_ahead, self._folder("recordings"))
        while True:
            paths = await asyncio.to_thread(still_in, folder, found.ended)
            ahead = [path for path in ahead if path.exists()]
            if not (paths or ahead) or loop.time() + _LOOK_S > until:
                owners = {path.relative_to(folder).parts[0] for path in paths}
                return sorted(owners), [path.name for path in ahead]
            await asyncio.sleep(_LOOK_S)

    async def _scrub(self) -> str:
        try:
            await scrub(self.engine, (*OF_CALLS, dials), self.scrub_s)
        except Busy:
            return "it was in use all the time"
        except NotOurs as error:
            return str(error)
        except DBAPIError as error:
            return cause(error)
        return ""

    def _folder(self, name: str) -> Path:
        return self.settings.data_dir / name


def _named(failed: dict[str, str]) -> dict[str, str]:
    """Recordings as files of the data dir."""
    return {f"recordings/{name}": why for name, why in failed.items()}
