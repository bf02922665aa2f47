"""``tracing``: how OpenAI files its own trace of a call, so that a call is found there, too."""

from agents.realtime.config import RealtimeModelTracingConfig

from gateway.agents import schema
from gateway.call.call import Offer


def tracing(
    table: schema.Tracing | str | None, agent: str, route: str, offer: Offer
) -> RealtimeModelTracingConfig | None:
    """What one call's session is told; None = OpenAI keeps no trace.

    What the file says stands. Left out are put in: the agent as the workflow, the CallSid as the
    group (a call may take several sessions), and the call's circumstances as metadata, without a
    number.
    """
    if table is None:
        return None
    file = table if isinstance(table, schema.Tracing) else schema.Tracing()
    known = {
        "call_sid": offer.call_sid,
        "agent": agent,
        "route": route,
        "direction": offer.direction,
        "campaign": offer.campaign,
    }
    return RealtimeModelTracingConfig(
        workflow_name=file.workflow_name or agent,
        group_id=file.group_id or offer.call_sid,
        metadata={name: value for name, value in known.items() if value} | (file.metadata or {}),
    )
