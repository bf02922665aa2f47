"""The tool that connects a caller to somebody else, made for the directory of one route.

Owns what the model may say to it: a key of the directory, never a number; whether whoever is there
is asked first; what they are told.
"""

import json
from collections.abc import Mapping
from typing import Any

from agents import FunctionTool
from agents.tool_context import ToolContext

from gateway.call.context import CallContext, Destination
from gateway.call.control import NOT_DONE

MAX_SUMMARY_CHARS = 600
"""Some forty seconds, spoken; whoever picked up wants to decide. What is longer is cut off."""
_DESCRIPTION = (
    "Connect the caller to somebody else. Say in the same answer that you are connecting them. "
    "With warm=true the caller waits while whoever answers hears your summary and decides whether "
    "to take the call; if they do not, the caller is back with you. Without, the caller is put "
    "through at once. Destinations: {known}."
)


def transfer_call(directory: Mapping[str, Destination]) -> FunctionTool:
    """The tool that sends the caller elsewhere: only to keys of this directory, never to a number.

    Raises ValueError for an empty directory.
    """
    if not directory:
        raise ValueError("transfer_call needs a directory with at least one destination")
    known = "; ".join(_known(key, entry) for key, entry in directory.items())

    async def invoke(context: ToolContext[CallContext], arguments: str) -> str:
        try:
            given = json.loads(arguments)
            key = str(given["destination"])
            warm = _flag(given.get("warm"), directory[key].warm)
        except (ValueError, KeyError, TypeError, AttributeError):
            return f"{NOT_DONE} destination must be one of {', '.join(directory)}."
        return _asked_for(context.context, key, shortened(given.get("summary")), warm=warm)

    return FunctionTool(
        name="transfer_call",
        description=_DESCRIPTION.format(known=known),
        params_json_schema=_schema(directory),
        on_invoke_tool=invoke,
        strict_json_schema=False,  # else all arguments would have to be given
    )


def shortened(summary: object) -> str:
    """A summary as it is spoken: in one line, and no longer than anybody listens."""
    words = " ".join(summary.split()) if isinstance(summary, str) else ""
    if len(words) <= MAX_SUMMARY_CHARS:
        return words
    kept = words[: MAX_SUMMARY_CHARS + 1]
    sentence, stop, _ = kept.rpartition(". ")
    return sentence + "." if stop else kept.rpartition(" ")[0] or kept[:MAX_SUMMARY_CHARS]


def _asked_for(context: CallContext, key: str, summary: str, *, warm: bool) -> str:
    if not warm:
        context.control.transfer(key)
        return "The caller is connected when your last words have been heard."
    if not summary:
        return f"{NOT_DONE} a warm transfer needs a summary for whoever answers."
    why_not = context.control.transfer(key, summary)
    if why_not:
        return (
            f"{NOT_DONE} nobody can be asked first ({why_not}). Connect with warm=false, or offer "
            "something else."
        )
    return (
        "The caller waits from when your last words have been heard. You are told if nobody takes "
        "the call; say nothing until then."
    )


def _known(key: str, entry: Destination) -> str:
    return f"{key}: {entry.description or key}{' (warm)' if entry.warm else ''}"


def _flag(given: object, otherwise: bool) -> bool:
    return given if isinstance(given, bool) else otherwise


def _schema(directory: Mapping[str, Destination]) -> dict[str, Any]:
    usual = [key for key, entry in directory.items() if entry.warm]
    default = f"usual for {', '.join(usual)}" if usual else "usually false"
    return {
        "type": "object",
        "properties": {
            "destination": {"type": "string", "enum": list(directory)},
            "warm": {
                "type": "boolean",
                "description": f"Whether whoever answers is asked first; {default}.",
            },
            "summary": {
                "type": "string",
                "description": (
                    "With warm: what whoever answers hears before they decide, in a few short "
                    "sentences: who is calling, what they want, what was said so far. At most "
                    f"{MAX_SUMMARY_CHARS} characters; no card numbers, PINs or passwords."
                ),
            },
        },
        "required": ["destination"],
        "additionalProperties": False,
    }
