"""From an agent's plan to a running ``RealtimeSession`` over our model link.

Owns nothing but the way it is put together: tools, handoffs, guardrails, history and usage are the
SDK's.
"""

from dataclasses import dataclass, field
from typing import Any

from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from agents.realtime.config import RealtimeRunConfig
from agents.realtime.model import RealtimeModelConfig

from gateway.call.model import ONLY_FOR_GUARDRAILS, UNUSED_BY_SDK, TelephonyModel
from gateway.call.tools import CallContext
from gateway.core import realtime

WIRE_FORMAT = "audio/pcmu"
"""What the session must confirm in both directions: mu-law, as the carrier speaks it."""


@dataclass(frozen=True)
class AgentPlan:
    """Everything needed to put one configured agent on the line."""

    name: str
    agent: RealtimeAgent[CallContext]
    model_config: RealtimeModelConfig
    run_config: RealtimeRunConfig = field(default_factory=lambda: RealtimeRunConfig())
    greeting: str | None = None
    """Instructions for the first answer; None = the caller speaks first."""

    def withheld(self) -> frozenset[str]:
        """Event types the SDK has no use for with this agent."""
        return UNUSED_BY_SDK if self._has_guardrails() else UNUSED_BY_SDK | ONLY_FOR_GUARDRAILS

    def _has_guardrails(self) -> bool:
        """True when this agent, one it may hand off to, or the run has an output guardrail."""
        seen: list[Any] = [self.agent]
        for agent in seen:
            if getattr(agent, "output_guardrails", None):
                return True
            for handoff in getattr(agent, "handoffs", ()):
                # A handoff object names its agent only when it happens: assume it has guardrails.
                if not isinstance(handoff, RealtimeAgent):
                    return True
                if handoff not in seen:
                    seen.append(handoff)
        return bool(self.run_config.get("output_guardrails"))

    def greeting_request(self) -> bytes | None:
        """The ``response.create`` that makes the agent greet."""
        if self.greeting is None:
            return None
        return realtime.create_response(instructions=self.greeting, tool_choice="none")


async def build_session(
    plan: AgentPlan, model: TelephonyModel, context: CallContext
) -> RealtimeSession:
    """The session of one call: its own runner and model (the SDK shares neither between calls)."""
    runner = RealtimeRunner(plan.agent, model=model, config=plan.run_config)
    return await runner.run(context=context, model_config=plan.model_config)
