"""Guardrails of the shipped agents: they read what the agent says while it says it."""

import re
from typing import Any

from agents import Agent, GuardrailFunctionOutput, RunContextWrapper, output_guardrail

from gateway.call.context import CallContext

_ADVICE = re.compile(
    r"\byou (should|could|must|can) sue\b"
    r"|\blegally,? you\b"
    r"|\byou (will|would|are going to) win\b"
    r"|\byou have a (good|strong|clear) case\b",
    re.IGNORECASE,
)


@output_guardrail
async def no_legal_advice(
    context: RunContextWrapper[CallContext], agent: Agent[Any], words: str
) -> GuardrailFunctionOutput:
    """Trips when the agent promises legal advice; `words` is all it has said in this answer."""
    advice = _ADVICE.search(words) is not None
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=advice)
