"""From an agent's plan to a running ``RealtimeSession`` over our model link.

Owns nothing but the way it is put together: tools, handoffs, guardrails, history and usage are the
SDK's.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from agents.realtime.config import RealtimeRunConfig
from agents.realtime.model import RealtimeModelConfig

from gateway.call.audience import Audience
from gateway.call.context import CallContext, Route
from gateway.call.filler import FillerRules
from gateway.call.greeting import RecordedGreeting
from gateway.call.idle import IdleRules
from gateway.call.model import (
    ONLY_AHEAD,
    ONLY_FOR_GUARDRAILS,
    UNUSED_BY_SDK,
    TelephonyModel,
)
from gateway.core import commands
from gateway.core.floor import FloorRules

AgentBuilder = Callable[[CallContext], Awaitable[RealtimeAgent[CallContext]]]
"""Makes the agent of one call. May run the agent's own code, so it may raise anything."""

_UNREAD = UNUSED_BY_SDK | ONLY_FOR_GUARDRAILS | ONLY_AHEAD

KEPT = 4
"""Items of a conversation, and usages of answers, that the SDK need not forget: a caller's words
may be transcribed when the answer to them is being said.
"""

Credentials = Callable[[], Awaitable[Mapping[str, str]]]
"""Headers that prove who we are, asked for at each connection (a token may have expired)."""


@dataclass(frozen=True)
class AgentPlan:
    """Everything needed to put one configured agent on the line, for one call."""

    name: str
    build: AgentBuilder
    model_config: RealtimeModelConfig
    run_config: RealtimeRunConfig = field(default_factory=lambda: RealtimeRunConfig())
    greeting: str | None = None
    """Instructions for the first answer; None = the caller speaks first."""
    guarded: bool = True
    """False when surely no output guardrail judges what this agent, or one it hands off to, says.
    """
    input_format: str = "audio/pcmu"
    """What the model hears, as the wire has it: ``audio/pcmu``, ``audio/pcma`` or ``audio/pcm``."""
    output_format: str = "audio/pcmu"
    """What the model says."""
    route: Route = field(default_factory=Route)
    credentials: Credentials | None = None
    floor: FloorRules | None = None
    """How the gateway decides who has the floor; None = the model's own detector does."""
    audience: Audience | None = None
    """Who else hears the session's events; None = nobody, which is cheaper."""
    idle: IdleRules | None = None
    """What is done about a caller who says nothing; None = nothing."""
    filler: FillerRules | None = None
    """What the caller hears while a tool takes its time; None = nothing."""
    recorded_greeting: RecordedGreeting | None = None
    """Played in place of a greeting of the model's."""

    @property
    def model_name(self) -> str:
        """The model asked for; empty when the connection's address decides."""
        return str(self._settings.get("model_name") or "")

    @property
    def transcriber(self) -> str:
        """The model that transcribes the caller; empty when none does."""
        transcription: Any = self._settings.get("input_audio_transcription") or {}
        return str(transcription.get("model") or "")

    @property
    def keys_end_turns(self) -> bool:
        """True when nothing listens for the end of the caller's turn: push to talk."""
        return self._settings.get("turn_detection", ...) is None

    @property
    def _settings(self) -> Mapping[str, Any]:
        return self.model_config.get("initial_model_settings", {})

    def withheld(self) -> frozenset[str]:
        """Event types the SDK has no use for with this agent."""
        if self.audience is not None:
            return frozenset()  # raw_model_event shows everything
        return UNUSED_BY_SDK if self.guarded else _UNREAD

    def greeting_request(self) -> bytes | None:
        """The ``response.create`` that makes the agent greet; None when it need not."""
        if self.greeting is None or self.recorded_greeting is not None:
            return None
        return commands.create_response(instructions=self.greeting, tool_choice="none")


async def build_session(
    plan: AgentPlan, model: TelephonyModel, context: CallContext
) -> RealtimeSession:
    """The session of one call: its own runner and model (the SDK shares neither between calls)."""
    agent = await plan.build(context)
    runner = RealtimeRunner(agent, model=model, config=plan.run_config)
    return await runner.run(context=context, model_config=plan.model_config)


def forget_oldest(session: RealtimeSession) -> None:
    """Has the SDK forget the oldest of a long conversation, for a call without an audience.

    It keeps every item (2.7 KB each) and goes through all of them at each event, and what each
    answer used (1 KB each) beside the sums. Only an audience reads the items; a tool that looks at
    usages finds the newest. The model's own conversation, and our records, keep everything.
    """
    if len(session._history) > 2 * KEPT:
        session._history = session._history[-KEPT:]
    usages = session._context_wrapper.usage.request_usage_entries
    if len(usages) > 2 * KEPT:
        del usages[:-KEPT]
