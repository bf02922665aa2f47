"""The call-control tools: what the model may ask of its call, and what it is told."""

import asyncio
import json
from typing import Any, cast

import pytest
from agents import FunctionTool
from agents.tool import invoke_function_tool
from agents.tool_context import ToolContext

from gateway.call.capture import Capture
from gateway.call.context import Destination, Route
from gateway.call.control import (
    CALL_CONTROL,
    HOLD_BROKEN,
    MAX_NOTE_CHARS,
    Control,
    answers_itself,
    collect_digits,
    end_call,
    hold,
    note,
    recording_consent,
    send_dtmf,
)
from gateway.call.dialogue import TONES
from gateway.call.inbound import Microphone
from gateway.core.digits import Collected, Wish
from gateway.core.events import Noted
from gateway.core.tones import dtmf
from tests.call.contexts import AskedControl, context
from tests.call.talk import Talk, speech
from tests.call.watching import soon, turns, until

OFFICE = {"office": Destination("+442079460000", "The office")}


async def invoked(
    tool: FunctionTool, control: Any, route: Route | None = None, **arguments: Any
) -> Any:
    """What the model is told, the tool called as the SDK's session does it."""
    text = json.dumps(arguments)
    asked: Any = ToolContext(
        context=context(control, route), tool_name=tool.name, tool_call_id="c", tool_arguments=text
    )
    return await invoke_function_tool(function_tool=tool, context=asked, arguments=text)


# The tools


def test_the_tools_are_found_by_their_names() -> None:
    """What an agent's file lists is what the model sees."""
    assert {name: tool.name for name, tool in CALL_CONTROL.items()} == {
        "end_call": "end_call",
        "send_dtmf": "send_dtmf",
        "hold": "hold",
        "collect_digits": "collect_digits",
        "note": "note",
        "recording_consent": "recording_consent",
        "schedule_callback": "schedule_callback",
    }


@pytest.mark.asyncio
async def test_end_call_asks_for_the_end() -> None:
    """The call is asked to hang up, and the model is told what will happen."""
    control = AskedControl()
    assert "goodbye" in await invoked(end_call, control)
    assert control.asked == [("hang_up", "agent_hung_up")]


@pytest.mark.asyncio
@pytest.mark.parametrize(("heard", "word"), [(True, "were pressed"), (False, "cut off")])
async def test_keys_are_pressed_and_the_model_hears_how_it_went(heard: bool, word: str) -> None:
    """A key that was cut off must be pressed again."""
    control = AskedControl()
    control.heard = heard
    assert word in await invoked(send_dtmf, control, digits="12#")
    assert control.asked == [("send_tones", "12#")]


@pytest.mark.asyncio
@pytest.mark.parametrize("digits", ["", "1x2", "1" * 33, "４"])
async def test_what_is_no_key_is_refused(digits: str) -> None:
    """The model is told what can be pressed, not what it wrote."""
    talk = Talk()
    told = await invoked(send_dtmf, _control(talk), digits=digits)
    assert told.startswith("Not done: only 0-9")
    assert talk.carrier.audio == b""


@pytest.mark.asyncio
@pytest.mark.parametrize(("heard", "told"), [(True, "thank the caller"), (False, HOLD_BROKEN)])
async def test_a_hold_tells_how_it_ended(heard: bool, told: str) -> None:
    """Over in time, or broken by the caller."""
    control = AskedControl()
    control.heard = heard
    assert told in await invoked(hold, control, seconds=3)
    assert control.asked == [("hold", 3)]


@pytest.mark.asyncio
@pytest.mark.parametrize("seconds", [0, -1, 121])
async def test_a_hold_has_its_bounds(seconds: int) -> None:
    """Nobody is kept for hours."""
    control = AskedControl()
    assert "1 to 120" in await invoked(hold, control, seconds=seconds)
    assert control.asked == []


TOKEN = "digits-abcdefghijklmnop"
PASSED = Collected("complete", keys=4, token=TOKEN, tries_left=4)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("arguments", "wish"),
    [
        ({}, Wish(4, secret=True, check="length")),
        ({"secret": False}, Wish(4, secret=False)),
        ({"check": "luhn"}, Wish(4, check="luhn")),
    ],
)
async def test_digits_are_secret_unless_the_model_says_otherwise(
    arguments: dict[str, Any], wish: Wish
) -> None:
    """What the call is asked for is what the model wrote, and secret by default."""
    control = AskedControl()
    await invoked(collect_digits, control, purpose="the PIN", count=4, **arguments)
    assert control.asked == [("collect", wish)]


@pytest.mark.asyncio
@pytest.mark.parametrize("count", [0, -1, 33])
async def test_a_count_nobody_can_type_is_refused(count: int) -> None:
    """The call is not asked."""
    control = AskedControl()
    told = await invoked(collect_digits, control, purpose="the PIN", count=count)
    assert told == "Not done: count is 1 to 32 digits."
    assert control.asked == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("collected", "secret", "told"),
    [
        (PASSED, True, f"Passed: {TOKEN}, 4 digits, typed for the PIN. Hand this token"),
        (Collected("complete", 4, digits="4711"), False, "typed this for the PIN: 4711"),
        (Collected("wrong_length", 3, tries_left=2), True, "Failed: 3 digits were typed, 4 are"),
        (Collected("wrong_number", 4, tries_left=2), True, "Failed: the number is not valid"),
        (Collected("wrong_number", 4, tries_left=2), True, "it may be tried 2 more times"),
        (Collected("no_keys", tries_left=1), True, "No keys came in time. Ask for it again"),
        (Collected("no_keys", tries_left=0), True, "Do not ask for it again"),
        (Collected("cancelled", tries_left=4), True, "The caller gave up"),
        (Collected("busy"), True, "Not done: the caller is typing"),
        (Collected("used_up"), True, "Not done: too many entries have failed"),
    ],
)
async def test_the_model_hears_what_came_of_an_entry(
    collected: Collected, secret: bool, told: str
) -> None:
    """Each outcome has its sentence, and what to do next in it."""
    control = AskedControl()
    control.collected = collected
    said = await invoked(collect_digits, control, purpose="the PIN", count=4, secret=secret)
    assert told in said


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("collected", "told"),
    [
        (PASSED, f"Passed: {TOKEN}. Hand this token to the tool that needs it."),
        (Collected("wrong_length", 3, tries_left=2), "Failed: what was typed is not valid. Ask"),
        (Collected("wrong_number", 4, tries_left=2), "Failed: what was typed is not valid. Ask"),
    ],
)
async def test_a_route_can_keep_even_the_length_from_the_model(
    collected: Collected, told: str
) -> None:
    """With `checked` it learns that a secret passed or failed, and nothing about it."""
    control, route = AskedControl(), Route(secret_digits="checked")
    control.collected = collected
    said = await invoked(collect_digits, control, route, purpose="the PIN", count=4)
    assert said.startswith(told)


@pytest.mark.parametrize(
    ("tool", "output", "spoken", "answers"),
    [
        ("lookup_order", "shipped", True, True),
        ("lookup_order", "shipped", False, True),
        ("end_call", "", True, False),
        ("end_call", "", False, True),
        ("transfer_call", "", True, False),
        ("transfer_call", "", False, True),
        ("transfer_call", "Not done: nobody can be asked first", True, True),
        ("send_dtmf", "", False, False),
        ("hold", "The hold is over", True, True),
        ("hold", HOLD_BROKEN, True, False),
        ("collect_digits", "Passed", True, True),
    ],
)
def test_which_outputs_call_for_an_answer(
    tool: str, output: str, spoken: bool, answers: bool
) -> None:
    """After last words, after keys and when the caller speaks, the agent is quiet."""
    assert answers_itself(tool, output, spoken=spoken) is answers


# The way to the call


class Going:
    """A transfer that is only asked for; nobody can be asked first."""

    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows

    def why_not(self, key: str) -> str:
        return f"nobody is at {key}"

    def begin(self, key: str, summary: str | None) -> None:
        self._rows.append((key, summary))


def _control(talk: Talk, asked: list[Any] | None = None) -> Control:
    rows: list[Any] = [] if asked is None else asked

    async def call_back(when: str) -> str:
        rows.append(when)
        return "agreed"

    def consented(granted: bool) -> bool:
        rows.append(granted)
        return True

    return Control(
        loop=asyncio.get_running_loop(),
        dialogue=talk.dialogue,
        directory=OFFICE,
        keys=Capture(
            talk.dialogue, Microphone(talk.dialogue.caller_audio), talk.dialogue.emit, rows.append
        ),
        on_hang_up=lambda reason: rows.append(reason),
        going=cast(Any, Going(rows)),
        on_consent=consented,
        on_callback=call_back,
    )


@pytest.mark.asyncio
async def test_hanging_up_and_transfers_may_be_asked_from_any_thread() -> None:
    """They happen on the call loop; an unknown key raises where it was asked."""
    rows: list[Any] = []
    control = _control(Talk(), rows)
    await asyncio.to_thread(control.hang_up, "tool_hung_up")
    assert await asyncio.to_thread(control.transfer, "office") == ""
    assert await asyncio.to_thread(control.transfer, "office", "Anna") == "nobody is at office"
    with pytest.raises(KeyError):
        await asyncio.to_thread(control.transfer, "elsewhere")
    await turns()
    assert rows == ["tool_hung_up", ("office", None)]


@pytest.mark.asyncio
async def test_calls_back_may_be_asked_for_from_any_thread() -> None:
    """They are agreed on in the call loop, and whoever asked gets the words."""
    rows: list[Any] = []
    control = _control(Talk(), rows)

    def elsewhere() -> str:
        return asyncio.run(control.call_back("2026-11-27T15:30"))

    assert await asyncio.to_thread(elsewhere) == "agreed"
    assert rows == ["2026-11-27T15:30"]


@pytest.mark.asyncio
@pytest.mark.usefixtures("still_clock")
async def test_tones_are_heard_after_what_is_being_said() -> None:
    """They are the gateway's own item behind the agent's words, and done when heard."""
    talk = Talk()
    talk.go_live()
    talk.dialogue.outbound.play_own("words", speech(100))
    pressing = asyncio.ensure_future(_control(talk).send_tones("1"))
    await turns()
    assert talk.dialogue.outbound.ledger.find(TONES) is not None
    assert not pressing.done()
    talk.later(2000)
    for name in talk.carrier.mark_names:
        talk.dialogue.outbound.mark_returned(name)
    assert await soon(pressing) is True
    assert talk.carrier.audio == speech(100) + dtmf("1")
    talk.close()


@pytest.mark.asyncio
@pytest.mark.usefixtures("still_clock")
async def test_a_hold_that_is_interrupted_says_so() -> None:
    """The caller speaks: the tone stops, and the hold was not heard to its end."""
    talk = Talk()
    talk.go_live()
    holding = asyncio.ensure_future(_control(talk).hold(30))
    await turns()
    talk.later(500)
    assert talk.dialogue.interrupt("caller", cancel=False)
    assert await soon(holding) is False
    talk.close()


def test_controls_can_be_used_from_another_loop() -> None:
    """An async tool lives on the tool loop and still presses keys on the call's."""

    async def scenario() -> bool:
        talk = Talk(instant=True)
        talk.go_live()
        control = _control(talk)

        def elsewhere() -> bool:
            return asyncio.run(control.send_tones("5"))

        try:
            return await asyncio.to_thread(elsewhere)
        finally:
            talk.close()

    assert asyncio.run(scenario()) is True


def test_digits_can_be_collected_from_another_loop_and_read_in_any_thread() -> None:
    """The keys are pressed on the call's loop, the tool that wants them lives elsewhere."""

    async def scenario() -> tuple[Collected, str]:
        talk = Talk(instant=True)
        talk.go_live()
        control = _control(talk)

        def elsewhere() -> Collected:
            return asyncio.run(control.collect(Wish(2)))

        asking = asyncio.ensure_future(asyncio.to_thread(elsewhere))
        await until(lambda: "collecting" in repr(control.keys))
        control.keys.press("4")
        control.keys.press("2")
        collected = await soon(asking)
        try:
            return collected, await asyncio.to_thread(control.secret, collected.token)
        finally:
            control.keys.stop()
            talk.close()

    collected, digits = asyncio.run(scenario())
    assert (collected.outcome, digits) == ("complete", "42")


# Notes and consent


@pytest.mark.asyncio
async def test_a_note_becomes_an_event_of_the_call() -> None:
    """From any thread; its words are for the records alone."""
    talk = Talk()
    await asyncio.to_thread(_control(talk).note, "wants a window seat")
    await turns()
    (noted,) = talk.all(Noted)
    assert noted.text == "wants a window seat"
    assert "window" not in repr(noted)


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ["", "  ", "x" * (MAX_NOTE_CHARS + 1)])
async def test_a_note_has_words_and_an_end(text: str) -> None:
    """Neither nothing nor a whole book is kept."""
    control = AskedControl()
    assert (await invoked(note, control, text=text)).startswith("Not done")
    assert control.asked == []
    assert await invoked(note, control, text=" a wish ") == "Noted."
    assert control.asked == [("note", "a wish")]


@pytest.mark.asyncio
async def test_consent_is_decided_on_the_call_loop() -> None:
    """Whatever loop the tool runs on."""
    rows: list[Any] = []
    control = _control(Talk(), rows)

    def elsewhere() -> bool:
        return asyncio.run(control.consent(granted=True))

    assert await asyncio.to_thread(elsewhere) is True
    assert rows == [True]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("granted", "asks", "words"),
    [
        (True, True, "is recorded from now on"),
        (False, True, "is not recorded"),
        (True, False, "Nothing was to be decided"),
    ],
)
async def test_the_agent_learns_what_its_word_on_recording_did(
    granted: bool, asks: bool, words: str
) -> None:
    """And cannot make a call be recorded that asks for no consent."""
    control = AskedControl()
    control.asks_for_consent = asks
    assert words in await invoked(recording_consent, control, granted=granted)
    assert control.asked == [("consent", granted)]
