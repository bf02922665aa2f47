"""What the addresses stand on: the parts of one gateway process, as `serve` puts them together."""

from dataclasses import dataclass

from gateway.call.reception import Reception
from gateway.observe.metrics import Metrics
from gateway.ops.consulting.consults import Consults
from gateway.ops.placing.placing import Placing
from gateway.settings import Settings
from gateway.web.twilio import Durable


@dataclass(frozen=True, slots=True)
class Parts:
    """One gateway; what it has not is None, and addresses that need it say so."""

    settings: Settings
    reception: Reception
    durable: Durable | None = None
    """Is asked before a call is accepted."""
    placing: Placing | None = None
    """Makes calls, if any may be made."""
    consults: Consults | None = None
    """Who is asked to take a call."""
    metrics: Metrics | None = None
    """What this process counts."""
