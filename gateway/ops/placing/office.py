"""Everything that placing calls needs, put together for a gateway: its database, its carrier.

Owns what is open of it, and the order in which that is closed.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from gateway.call.meter import Tariff
from gateway.call.reception import Reception
from gateway.ops.placing.book import utc_now
from gateway.ops.placing.callbacks import CallbackDesk
from gateway.ops.placing.errands import Plan
from gateway.ops.placing.placing import Placing
from gateway.ops.placing.tally import Tallies
from gateway.ops.placing.waits import Waits
from gateway.ops.rest import TwilioRest
from gateway.settings import Settings, is_loopback
from gateway.store.database import open_database
from gateway.store.dials import Dials


@asynccontextmanager
async def open_placing(
    settings: Settings,
    reception: Reception,
    plan: Plan,
    tariff: Tariff,
    tallies: Tallies,
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
    reception.callbacks.desk = CallbackDesk(placing, dials, settings)
    try:
        yield placing
    finally:
        reception.callbacks.desk = None
        await placing.stop()
        await rest.close()
        await engine.dispose()


def has_carrier(settings: Settings) -> bool:
    """False when the carrier could not reach this gateway: it is on loopback, and no twin is named.

    So `gateway serve --offline` rings nobody, whatever the credentials beside it are good for.
    """
    return bool(settings.twilio_api_url) or not is_loopback(settings.public_url)
