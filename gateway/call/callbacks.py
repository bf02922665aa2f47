"""Calling back later: what an agent may ask for, and the way to whoever places calls.

Owns whom it is for: the one on the line, whatever the model writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from agents import function_tool
from agents.tool_context import ToolContext

from gateway.call.context import CallContext, Errand

if TYPE_CHECKING:
    from gateway.call.call import Offer
    from gateway.call.session import AgentPlan

NOWHERE = "Not done: no calls can be placed from here. Offer another way."


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackWish:
    """Somebody on the line wants to be called later."""

    call_sid: str
    number: str
    """Theirs."""
    ours: str
    when: str
    """As the agent wrote it."""
    timezone: str
    """Of the route."""
    agent: str
    """Who calls back."""
    campaign: str
    errand: Errand | None = field(default=None, repr=False)
    """Of the call in which it is wished, when that was placed."""


class Desk(Protocol):
    """Who takes such wishes."""

    async def ask(self, wish: CallbackWish) -> str:
        """What came of it, in words for the agent."""


class Callbacks:
    """Where calls bring their wishes: there may be nobody (yet, or any more) to take them."""

    desk: Desk | None = None

    async def ask(self, offer: "Offer", plan: "AgentPlan", when: str) -> str:
        """What came of it, in words for the agent of a call."""
        if self.desk is None:
            return NOWHERE
        ours_calls = offer.direction.startswith("outbound")
        number, ours = (offer.called, offer.caller) if ours_calls else (offer.caller, offer.called)
        wish = CallbackWish(
            call_sid=offer.call_sid,
            number=number,
            ours=ours,
            when=when,
            timezone=plan.route.timezone,
            agent=plan.name,
            campaign=offer.campaign,
            errand=offer.errand,
        )
        return await self.desk.ask(wish)


@function_tool(
    name_override="schedule_callback",
    description_override=(
        "Have the person on the line called back later, at the number of this call. when: the time "
        "as ISO 8601, in their local time (2026-11-27T15:30) or with an offset "
        "(2026-11-27T15:30+01:00), at most 30 days ahead. about: in a sentence, what for. Agree on "
        "day and time first. Another time replaces the one before."
    ),
)
async def schedule_callback(context: ToolContext[CallContext], when: str, about: str = "") -> str:
    """Has whoever is on the line called back, within policy."""
    said = await context.context.control.call_back(when)
    if about.strip() and not said.startswith("Not done"):
        context.context.note(about.strip()[:2000])
    return said


def data_of(wish: CallbackWish) -> Mapping[str, str]:
    """What the agent that calls back is told: what that of the earlier call was, and that it was.

    The notes come when the call is answered; they are empty until then.
    """
    before = {} if wish.errand is None else wish.errand.data
    return {**before, "callback": "yes", "callback_of": wish.call_sid, "callback_notes": ""}
