"""One dial on its way to the carrier: asked for once, and what came of it written down.

Owns which failures are tried again: those in which surely nothing was done, within the dial's age.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from gateway.errors import ConfigError
from gateway.ops.placing.book import Book
from gateway.ops.placing.waits import Waits
from gateway.ops.rest import (
    CarrierAway,
    CarrierBusy,
    CarrierRefused,
    CarrierUnknown,
    Order,
    TwilioRest,
)
from gateway.store.dials import Dial, NotToBeSent

_log = structlog.get_logger()


class Sending:
    """Asks the carrier for the calls of claimed dials."""

    def __init__(
        self,
        book: Book,
        rest: TwilioRest,
        order_of: Callable[[Dial], Order],
        unwanted: Callable[[Dial], bool],
        waits: Waits,
    ) -> None:
        """``unwanted``: whoever asked for the dial does not want it any more."""
        self._book = book
        self._rest = rest
        self._order_of = order_of
        self._unwanted = unwanted
        self._waits = waits

    async def run(self, dial: Dial) -> None:
        """From ``sending`` to whatever comes next; the dial is claimed, and by nobody else."""
        wait_s = self._waits.again_s
        while not self._unwanted(dial):
            fault = await self._ask(dial)
            if fault is None:
                return
            if self._book.now() + timedelta(seconds=wait_s) >= dial.expires_at:
                await self._book.ended(dial.id, "expired", str(fault))
                return
            _log.warning("dial.put_off", dial=dial.id, error=type(fault).__name__, wait_s=wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, self._waits.again_most_s)
        await self._book.ended(dial.id, "canceled")

    async def _ask(self, dial: Dial) -> CarrierBusy | CarrierAway | None:
        """Asks once; why surely nothing was done, if it may be asked again."""
        try:
            sid = (await self._rest.create(self._order_of(dial))).sid
        except (CarrierBusy, CarrierAway) as error:
            return error
        except CarrierRefused as error:
            _log.warning("dial.refused", dial=dial.id, status=error.status, code=error.code)
            await self._book.ended(dial.id, "refused", str(error))
        except (ConfigError, NotToBeSent) as error:  # files have changed since, or money was spent
            await self._book.ended(dial.id, "refused", str(error))
        except CarrierUnknown as error:
            _log.warning("dial.unknown", dial=dial.id, error=type(error).__name__)
            await self._book.unknown(dial.id)
        else:
            await self._placed(dial, sid)
        return None

    async def _placed(self, dial: Dial, sid: str | None) -> None:
        if not sid:  # it was made, and the answer does not say which it is
            await self._book.unknown(dial.id)
            return
        _log.info("dial.placed", dial=dial.id, call_sid=sid)
        await self._book.placed(dial.id, sid)
