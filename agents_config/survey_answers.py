"""The tool of the agent `survey`. Replace the dictionary with your own system."""

from agents import RunContextWrapper, function_tool

from gateway.call.context import CallContext

_ANSWERS: dict[str, int] = {}
"""The answer by call, for as long as the process lives."""


@function_tool
async def record_answer(context: RunContextWrapper[CallContext], rating: int) -> str:
    """Record the answer to the question of this call.

    Args:
        rating: A whole number from 1 to 5.
    """
    if not 1 <= rating <= 5:
        return "Not recorded: the answer must be a whole number from 1 to 5. Ask once more."
    _ANSWERS[context.context.call_sid] = rating
    return "Recorded."
