"""`<Gather>`: keys during and after prompts, how it ends, where it goes."""

import pytest

from gateway.sim.twilio import Dtmf, Pause, Step
from tests.sim.twilio.peer import CALLER, NUMBER, kinds, peer_and_twin

MENU = "<Say>a long menu that nobody wants to hear</Say>"


async def gathered(gather: str, digits: str) -> tuple[dict[str, str], list[str]]:
    """What the action is told, and the timeline's kinds."""
    async with peer_and_twin(say_ms_per_character=20) as (peer, twin):
        peer.answers["/voice"] = f"<Response>{gather}<Say>nothing</Say></Response>"
        peer.answers["/menu"] = "<Response><Hangup/></Response>"
        press: list[Step] = [Pause(100), Dtmf(digits, gap_ms=40)] if digits else []
        call = twin.place_call(NUMBER, CALLER, press)
        await call.wait(10)
        forms = [hook.form for hook in peer.hooks if hook.path == "/menu"]
        return (forms[0] if forms else {}), kinds(call.timeline)


@pytest.mark.asyncio
async def test_keys_interrupt_the_prompt_and_go_to_the_action() -> None:
    """With numDigits the last key ends it at once."""
    form, timeline = await gathered(f"<Gather action='/menu' numDigits='2'>{MENU}</Gather>", "42")
    assert form["Digits"] == "42"
    assert timeline.count("say") == 1


@pytest.mark.asyncio
async def test_the_finishing_key_is_not_part_of_the_digits() -> None:
    """`#` unless it says otherwise."""
    form, _ = await gathered("<Gather action='/menu' timeout='2'/>", "7#")
    assert (form["Digits"], form["FinishedOnKey"]) == ("7", "#")
    form, _ = await gathered("<Gather action='/menu' timeout='2' finishOnKey='*'/>", "7#*")
    assert form["Digits"] == "7#"


@pytest.mark.asyncio
async def test_the_timeout_runs_from_the_last_key() -> None:
    """What was pressed until then counts."""
    form, _ = await gathered("<Gather action='/menu' timeout='0.2'/>", "123")
    assert form["Digits"] == "123"


@pytest.mark.asyncio
async def test_without_keys_the_next_verb_runs() -> None:
    """Unless the empty result is wanted."""
    form, timeline = await gathered("<Gather action='/menu' timeout='0.1'/>", "")
    assert form == {}
    assert "say" in timeline
    empty = "<Gather action='/menu' timeout='0.1' actionOnEmptyResult='true'/>"
    form, timeline = await gathered(empty, "")
    assert form["Digits"] == ""
    assert "say" not in timeline


@pytest.mark.asyncio
async def test_without_action_the_same_document_is_asked() -> None:
    """With the digits."""
    async with peer_and_twin() as (peer, twin):
        first = "<Response><Gather numDigits='1'/></Response>"
        peer.answers["/voice"] = lambda form: "<Response/>" if "Digits" in form else first
        call = twin.place_call(NUMBER, CALLER, [Pause(100), Dtmf("9")])
        await call.wait(10)
    assert [hook.form.get("Digits") for hook in peer.hooks if hook.path == "/voice"] == [None, "9"]
