"""Everything that placing calls needs, put together for a gateway: its database, its carrier.

Owns what is open of it, and the order in which that is closed.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from gateway.call.meter import Tariff
from gateway.call.reception import Reception
from gateway.ops.consulting.consults import Consults
from gateway.ops.placing.book import utc_now
from gateway.ops.placing.callbacks import CallbackDesk
from gateway.ops.placing.errands import Plan
from gateway.ops.placing.placing import Placing
from gateway.ops.placing.tally import Tallies
from gateway.ops.placing.waits import Waits
from gateway.ops.rest import TwilioRest, has_carrier
from gateway.settings import Settings
from gateway.store.database import open_database
from gateway.store.dials import Dials


@asynccontextmanager
async def open_placing(
    settings: Settings,
    reception: Reception,
    plan: Plan,
    tariff: Tariff,
    tallies: Tallies,
    consults: Consults | None = None,
    waits: Waits | None = None,
    now: Callable[[], datetime] = utc_now,
) -> AsyncIterator[Placing | None]:
    """What places calls, calls back included, not yet started; stopped and closed at the end. None
    without a carrier.
    """
    if not has_carrier(settings):
        yield None
        return
    waits = waits or Waits()
    engine = open_database(settings)
    rest = TwilioRest(settings, limit_s=waits.carrier_s)
    dials = Dials(engine)
    placing = Placing(settings, dials, rest, reception, plan, tariff, tallies, waits, now)
    if consults is not None:  # neither takes the other's calls for its own
        placing.is_elsewhere, consults.is_elsewhere = consults.has, placing.has
    reception.callbacks.desk = CallbackDesk(placing, dials, settings)
    try:
        yield placing
    finally:
        reception.callbacks.desk = None
        await placing.stop()
        await rest.close()
        await engine.dispose()
