"""What the errand of an outbound call changes of its route: the agent, the data, the limits.

Owns which of the two counts. Nothing an errand says lifts what a route or a setting forbids.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from gateway.agents.agent import TRANSFER, Agent
from gateway.call.context import Errand, Route
from gateway.errors import ConfigError


def on_errand(route: Route, errand: Errand, recordings: bool | None) -> Route:
    """The route of a call with this errand; ``recordings`` is GATEWAY_RECORDINGS."""
    limits = [each for each in (route.max_minutes, errand.max_minutes) if each is not None]
    most = min(limits, default=None)
    warns = route.warn_minutes is not None and most is not None and route.warn_minutes < most
    return replace(
        route,
        agent=errand.agent or route.agent,
        data={**route.data, **errand.data},
        recording=_recording(route, errand, recordings),
        max_minutes=most,
        warn_minutes=route.warn_minutes if warns else None,
    )


def check_directory(agents: Sequence[Agent], route: Route) -> None:
    """Raises ConfigError when one of the agents cannot work on a route it was not made for."""
    for agent in agents:
        if TRANSFER in agent.tools.values() and not route.directory:
            raise ConfigError(
                f"agent {agent.name!r} lists {TRANSFER}, which needs a directory, and the route "
                f"{route.name!r} has none"
            )


def _recording(
    route: Route, errand: Errand, recordings: bool | None
) -> Literal["off", "on", "consent"]:
    """Who wants a recording still has to ask where the route wants consent; whoever wants none gets
    none.
    """
    if errand.record is None:
        return route.recording
    if not errand.record or recordings is False:
        return "off"
    return "consent" if route.recording == "consent" else "on"
