"""The tool that connects callers: what the model may say to it, and what it is told."""

import json
from typing import Any

import pytest

from gateway.call.context import Destination
from gateway.call.transfertool import MAX_SUMMARY_CHARS, shortened, transfer_call
from tests.call.contexts import AskedControl
from tests.call.test_control import invoked

OFFICE = {"office": Destination("+442079460000", "The office")}
BOTH = {**OFFICE, "desk": Destination("+442079460001", warm=True)}


@pytest.mark.asyncio
async def test_a_transfer_goes_to_a_key_of_the_directory() -> None:
    """The schema lists the keys, the description what they are, and no number is told."""
    control, tool = AskedControl(), transfer_call(OFFICE)
    assert tool.params_json_schema["properties"]["destination"]["enum"] == ["office"]
    assert "The office" in tool.description
    assert "+44" not in tool.description + json.dumps(tool.params_json_schema)
    assert "connected" in await invoked(tool, control, destination="office")
    assert control.asked == [("transfer", ("office", None))]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "arguments",
    [{"destination": "+15550009999"}, {"destination": 7}, {"destination": ["office"]}, {}],
)
async def test_a_transfer_to_anything_else_is_refused(arguments: dict[str, Any]) -> None:
    """Whatever the model writes, only the directory counts."""
    control = AskedControl()
    told = await invoked(transfer_call(OFFICE), control, **arguments)
    assert told == "Not done: destination must be one of office."
    assert control.asked == []


def test_a_transfer_needs_a_directory() -> None:
    """A tool that can go nowhere is a mistake."""
    with pytest.raises(ValueError, match="at least one"):
        transfer_call({})


def test_the_model_knows_where_somebody_is_asked_first() -> None:
    """By the directory; it may choose otherwise."""
    tool = transfer_call(BOTH)
    assert "desk: desk (warm)" in tool.description
    assert "office: The office;" in tool.description
    assert "usual for desk." in tool.params_json_schema["properties"]["warm"]["description"]
    assert tool.params_json_schema["required"] == ["destination"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("key", "warm", "is_warm"),
    [
        ("office", None, False),
        ("office", False, False),
        ("office", True, True),
        ("office", "yes", False),
        ("desk", None, True),
        ("desk", False, False),
    ],
)
async def test_who_is_asked_first_is_the_directorys_say_unless_the_model_has_one(
    key: str, warm: Any, is_warm: bool
) -> None:
    """With a summary somebody is asked, without one the caller is put through."""
    control = AskedControl()
    arguments = {} if warm is None else {"warm": warm}
    told = await invoked(
        transfer_call(BOTH), control, destination=key, summary=" Anna\n calls. ", **arguments
    )
    assert control.asked == [("transfer", (key, "Anna calls." if is_warm else None))]
    assert ("You are told if nobody takes the call" in told) is is_warm


@pytest.mark.asyncio
@pytest.mark.parametrize("summary", [None, "", " \n", 7])
async def test_nobody_is_asked_without_a_summary(summary: Any) -> None:
    """They would not know what to decide about."""
    control = AskedControl()
    told = await invoked(transfer_call(BOTH), control, destination="desk", summary=summary)
    assert told.startswith("Not done: a warm transfer needs a summary")
    assert control.asked == []


@pytest.mark.asyncio
async def test_the_model_is_told_why_nobody_can_be_asked() -> None:
    """And what it can do instead."""
    control = AskedControl()
    control.why_not = "TWILIO_PHONE_NUMBER is not set"
    told = await invoked(transfer_call(BOTH), control, destination="desk", summary="Anna.")
    assert told.startswith("Not done: nobody can be asked first (TWILIO_PHONE_NUMBER is not set).")
    assert "warm=false" in told


@pytest.mark.parametrize(
    ("summary", "spoken"),
    [
        ("x" * MAX_SUMMARY_CHARS, "x" * MAX_SUMMARY_CHARS),
        ("x" * 700, "x" * MAX_SUMMARY_CHARS),
        ("First. " + "x" * 700, "First."),
        ("word " * 150, ("word " * 120)[:-1]),
    ],
)
def test_a_summary_ends_where_a_sentence_or_a_word_does(summary: str, spoken: str) -> None:
    """Nobody listens for longer."""
    assert shortened(summary) == spoken
    assert len(spoken) <= MAX_SUMMARY_CHARS
