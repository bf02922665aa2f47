"""Everything that is kept of the calls of one gateway process, put together.

Owns who writes, who records, who delivers and who purges, their order at the start and at the end.
The call loop tells it of events and waits for nothing but, before a new call is accepted, for the
disk (:meth:`Archive.durable`).
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.core.events import CallEvent
from gateway.core.prices import Prices
from gateway.core.shown import event_name
from gateway.settings import Settings
from gateway.store.audit import AuditLog
from gateway.store.database import database_url, open_database
from gateway.store.entry import Change, Entry
from gateway.store.hooks.courier import Courier
from gateway.store.hooks.outbox import open_outbox
from gateway.store.journal.clerkprocess import ClerkProcess
from gateway.store.journal.journal import Journal
from gateway.store.journal.stranded import Stranded
from gateway.store.journal.writer import Writer, WriterStatus
from gateway.store.patterns import redactor
from gateway.store.privacy.janitor import Janitor
from gateway.store.recordings.salvage import repair
from gateway.store.recordings.tapes import Tapes
from gateway.store.recordings.vault import open_vault
from gateway.store.records.listener import Records, Told
from gateway.store.records.scribe import Scribe
from gateway.store.spent import Spent, spent_today
from gateway.store.trouble import cause
from gateway.store.upgrade import upgrade

STOP_S = 5.0
"""How long the end of the gateway waits for the database; the journal keeps the rest."""
_LOOK_S = 0.05
_LEAVE_S = 2.0
_READY_S = 10.0
"""How long the start waits for the journal; the database may come later."""

OnSpent = Callable[[date, Sequence[Spent]], None]

_log = structlog.get_logger()


class Archive:
    """The records and recordings of one gateway process."""

    def __init__(self, settings: Settings, prices: Prices) -> None:
        """Raises ConfigError for keys, patterns, webhooks or a database that cannot be used."""
        self._settings = settings
        self._prices = prices
        self._folder = settings.data_dir / "recordings"
        self._vault = open_vault(settings)
        self._redact = redactor(settings).text
        self._outbox = open_outbox(settings)
        self._engine = open_database(settings)
        self.courier = Courier(self._engine, settings) if settings.hook_url else None
        """Delivers webhooks, if anybody is told of calls."""
        self._journal = Journal(settings.data_dir / "journal")
        stranded = Stranded(self._outbox, self._folder, self._vault)
        records = Records(self._scribe)

        def entry_of(told: Told | Entry) -> Entry | None:
            return told if isinstance(told, Entry) else records.entry(told)

        clerk = ClerkProcess(database_url(settings))
        self._writer = Writer(
            settings, self._journal, clerk, entry_of=entry_of, on_closed=stranded.closed
        )
        self.audit = AuditLog(self._writer.put)
        """Who did what."""
        self.tapes = Tapes(self._folder, self._vault)
        """Where calls are recorded."""
        self._on_spent: OnSpent = lambda day, spent: None
        self._loop = asyncio.new_event_loop()
        self._keeper = threading.Thread(target=self._keeping, name="archive", daemon=True)
        self._tasks: asyncio.Task[None] | None = None

    async def start(self, on_spent: OnSpent) -> None:
        """Brings the database up to date, mends what a process before left, starts the threads, and
        is ready for the first call. A database that is away may come later.

        Raises ConfigError for a database that a newer gateway made.

        ``on_spent`` is told once, on the loop of whoever starts it, what other processes have spent
        today: as soon as the database says so, and has what the dead among them left.
        """
        await self._upgrade()
        repair(self._folder, self._vault)
        caller = asyncio.get_running_loop()

        def told(day: date, spent: Sequence[Spent]) -> None:
            with contextlib.suppress(RuntimeError):  # the gateway has ended
                caller.call_soon_threadsafe(on_spent, day, spent)

        self._on_spent = told
        self._writer.start()
        self.tapes.start()
        self._keeper.start()
        if not await self.durable(_READY_S):
            _log.warning("records.not_durable")

    async def _upgrade(self) -> None:
        try:
            async with asyncio.timeout(_READY_S):
                await upgrade(self._settings)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            _log.warning("records.database_away", error=cause(error))

    def stop(self) -> None:
        """Ends the threads; what the database does not take any more stays in the journal."""
        if not self._keeper.is_alive() and not self._loop.is_closed():
            self._loop.close()  # it has never started
            return
        with contextlib.suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._leave)
        self._keeper.join(_LEAVE_S)
        self.tapes.stop(STOP_S)
        self._writer.stop(STOP_S)

    def hear(self, call_sid: str, event: CallEvent) -> None:
        """A listener: what happens in a call is written down."""
        self._writer.put(Told(call_sid, event, datetime.now(UTC)))

    async def durable(self, timeout_s: float) -> bool:
        """True as soon as everything heard so far is on the disk; False when that takes longer."""
        return await self._writer.durable(timeout_s)

    def status(self) -> WriterStatus:
        """How the writing goes."""
        return self._writer.status()

    # On the writer's thread

    def _scribe(self, call_sid: str) -> Scribe:
        return Scribe(
            call_sid,
            self._journal.owner,
            self._redact,
            carrier_usd=lambda direction, ms: self._prices.carrier_usd(direction, ms / 1000),
            outbox=self._post,
        )

    def _post(self, scribe: Scribe, event: CallEvent, seq: int, at: datetime) -> Change | None:
        if self._outbox is None:
            return None
        name, moment = event_name(event), at.isoformat()
        return self._outbox.delivery(event, name, seq, moment, scribe.summary())

    # On the keeper's thread

    def _keeping(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._tasks = self._loop.create_task(self._keep())
            self._loop.run_until_complete(self._tasks)
        closing = asyncio.all_tasks(self._loop)  # connections that were in use
        if closing:
            self._loop.run_until_complete(asyncio.wait(closing, timeout=_LEAVE_S))
        self._loop.close()

    def _leave(self) -> None:
        if self._tasks is not None:
            self._tasks.cancel()

    async def _keep(self) -> None:
        try:
            # The tables may not be there yet, and it is another thread that makes them.
            while not self._writer.status().database_ok:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tell_spent())
                group.create_task(Janitor(self._settings).run())
                if self.courier is not None:
                    group.create_task(self.courier.run())
        finally:
            await self._engine.dispose()

    async def _tell_spent(self) -> None:
        # What calls of a process that died have cost may still be in its journal.
        while not self._writer.status().caught_up:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        day = datetime.now(UTC).date()
        while True:
            try:
                spent = await spent_today(self._engine, day, self._journal.owner)
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                _log.warning("spend.unknown", error=type(error).__name__)
                await asyncio.sleep(_LEAVE_S)
            else:
                self._on_spent(day, spent)
                return
