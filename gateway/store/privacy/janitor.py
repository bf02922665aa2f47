"""Purges while the gateway runs: what is due goes every hour, without anybody typing a command."""

import asyncio
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.store.privacy.existing import existing_records
from gateway.store.privacy.retention import purge

EVERY_S = 3600.0

_log = structlog.get_logger()


class Janitor:
    """Does the purges of one gateway."""

    def __init__(self, settings: Settings, every_s: float = EVERY_S) -> None:
        self._settings = settings
        self._every_s = every_s

    async def run(self) -> None:
        """Purges now and every hour, until it is cancelled.

        A purge that fails is a warning: the next one finds again what this one left.
        """
        while True:
            try:
                await self._purge()
            except (GatewayError, SQLAlchemyError, OSError) as error:
                _log.warning("purge.failed", kind=type(error).__name__)
            await asyncio.sleep(self._every_s)

    async def _purge(self) -> None:
        async with existing_records(self._settings) as engine:
            if engine is None:
                return
            for purged in await purge(engine, self._settings, datetime.now(UTC)):
                if purged.counts:
                    _log.info("purge.done", rule=purged.rule, **purged.counts)
                if purged.failed:
                    reasons = sorted(set(purged.failed.values()))
                    files = len(purged.failed)
                    _log.warning("purge.stuck", rule=purged.rule, files=files, reasons=reasons)
