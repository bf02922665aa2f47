"""Between what was asked and what the call will be: a dial's errand, and whether it can be run.

A phone must not ring for an agent that is not there, or whose texts lack what they need.
"""

import re
from collections.abc import Callable

from gateway.call.call import Offer
from gateway.call.context import Errand, Route
from gateway.call.meter import Tariff
from gateway.call.session import AgentPlan
from gateway.core.callee import Refusal
from gateway.errors import ConfigError
from gateway.store.dials import Ask, Dial, NotToBeSent

Plan = Callable[[Offer], AgentPlan]
"""What answers a call; raises ConfigError when nothing can."""

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_SPENT = {
    "number": "GATEWAY_MAX_USD_PER_NUMBER",
    "route": "GATEWAY_MAX_USD_PER_ROUTE",
    "day": "GATEWAY_MAX_USD_PER_DAY",
}


def errand_of(dial: Dial | Ask) -> Errand:
    """What a call of this dial is for."""
    let_in = dial if isinstance(dial, Dial) else None
    return Errand(
        dial="" if let_in is None else let_in.id,
        agent=dial.agent or "",
        campaign=dial.campaign or "",
        data=dict(dial.data),
        record=dial.record,
        max_minutes=dial.max_minutes,
        amd=dial.amd,  # type: ignore[arg-type]
        answered_by="" if let_in is None else let_in.answered_by or "",
    )


def offer_of(dial: Dial | Ask) -> Offer:
    """The call as it will be offered, before the carrier has one."""
    errand = errand_of(dial)
    return Offer(
        call_sid="",
        account_sid="",
        caller=dial.from_,
        called=dial.to,
        direction="outbound-api",
        campaign=errand.campaign,
        errand=errand,
    )


def unfit(ask: Ask, plan: Plan, tariff: Tariff) -> Refusal | None:
    """Why nobody should be rung for this, whatever the policy says of the number."""
    if not ask.from_:
        text = "no number to call from: set TWILIO_PHONE_NUMBER, or say which (`from`)"
        return Refusal("from", "TWILIO_PHONE_NUMBER", text)
    if not _NUMBER.fullmatch(ask.from_):
        return Refusal("from", "", "the number to call from must be E.164, such as +12025550123")
    try:
        route = plan(offer_of(ask)).route
    except ConfigError as error:
        return Refusal("agent", "", str(error))
    return _spent(ask, route, tariff)


def route_to_send(dial: Dial, plan: Plan, tariff: Tariff) -> Route:
    """The route a dial is sent on now. Raises ConfigError, and NotToBeSent when what it may spend
    was spent since the dial was let in.
    """
    route = plan(offer_of(dial)).route
    if refusal := _spent(dial, route, tariff):
        raise NotToBeSent(refusal)
    return route


def _spent(dial: Dial | Ask, route: Route, tariff: Tariff) -> Refusal | None:
    scope = tariff.forbids(dial.to, route)
    if scope is None:
        return None
    setting = _SPENT.get(scope, "")
    text = f"what may be spent today is spent: a higher {setting} allows it"
    return Refusal(f"spend_per_{scope}", setting, text, passes=True)
