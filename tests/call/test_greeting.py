"""A recorded greeting: heard at once, told to the model as far as it was heard."""

from typing import Any

import pytest

from gateway.call.dialogue import NOTICE
from gateway.call.greeting import GREETING, Opening, RecordedGreeting, heard_words
from gateway.core.events import AgentSpoke, BargeIn, CallerStarted, CallerStopped
from gateway.core.floor import FloorRules
from tests.call import model_events as said
from tests.call.calls import heard, live, media, plan, served, speech
from tests.call.carriers import SilentCarrier
from tests.call.hand_model import HandModel, ModelEnd
from tests.call.talk import CARRIER, MODEL, Talk, begin

TEXT = "Good morning, you have reached the office, how may I help you?"
SOUND = b"\x44" * 8000


def greeted(model: HandModel, *, interruptible: bool = True, **more: Any) -> Any:
    """An agent with a greeting of a second; the model is not asked for another."""
    recorded = RecordedGreeting(SOUND, TEXT, interruptible)
    return plan(model.url, more={"recorded_greeting": recorded, **more})


def to_model(end: ModelEnd) -> list[dict[str, Any]]:
    """What the model was told, settings and the caller's audio left out."""
    quiet = ("session.update", "input_audio_buffer.append")
    return [event for event in end.received if event["type"] not in quiet]


def words(message: dict[str, Any]) -> str:
    """The words of an item the model was given as the agent's."""
    item = message["item"]
    (part,) = item["content"]
    assert (item["role"], part["type"]) == ("assistant", "output_text")
    return str(part["text"])


@pytest.mark.asyncio
async def test_the_first_frame_leaves_with_the_stream_before_there_is_a_model() -> None:
    """The dial has not even been answered."""
    async with HandModel() as model, live(greeted(model), answered=False) as running:
        assert running.carrier.kinds == []
        assert not running.call.dialogue.connected
        running.answer()
        assert running.carrier.kinds[:2] == ["mark", "media"]
        assert SOUND.startswith(running.carrier.audio)
        assert running.witness.all(AgentSpoke) == [AgentSpoke(GREETING, TEXT)]


@pytest.mark.asyncio
async def test_the_model_learns_that_it_was_said() -> None:
    """Its own words, after its settings, and no answer is asked for."""
    async with HandModel() as model, live(greeted(model)) as running:
        end = await served(model, running)
        await end.seen("conversation.item.create")
        running.call.downstream.carrier_frame(media())
        await end.seen("input_audio_buffer.append")
        (told,) = to_model(end)
        assert words(told) == TEXT
        assert told["item"]["id"] == GREETING
        assert end.kinds()[:2] == ["session.update", "conversation.item.create"]


@pytest.mark.asyncio
@pytest.mark.parametrize("decides", ["server", "gateway"])
async def test_the_caller_interrupts_it(decides: str) -> None:
    """The model keeps the words that were heard, and knows that the rest was not."""
    carrier = SilentCarrier()
    floor = FloorRules(min_speech_ms=0) if decides == "gateway" else None
    async with HandModel() as model, live(greeted(model, floor=floor), carrier) as running:
        end = await served(model, running)
        await heard(running, 400)
        if floor is not None:
            hear_voice(running.call)
        await end.send(said.speech_started())
        cut = await running.witness.first(BargeIn)
        await running.witness.first(CallerStarted)
        await end.seen("conversation.item.create", 2)
        assert "clear" in carrier.kinds
        told = [message["type"] for message in to_model(end)]
        create, delete = "conversation.item.create", "conversation.item.delete"
        assert told == [create, delete, create]
        assert to_model(end)[1]["item_id"] == GREETING
        kept, interrupted, _ = words(to_model(end)[2]).partition(" [interrupted here")
        assert interrupted
        assert TEXT.startswith(kept + " ")
        assert len(kept) <= len(TEXT) * cut.heard_ms / 1000 < len(TEXT)


def hear_voice(call: Any) -> None:
    """A few loud frames: the gateway's own ears hear the caller."""
    for n in range(3):
        call.downstream.carrier_frame(media(b"\x00" * 160, 20 * n))


@pytest.mark.asyncio
@pytest.mark.parametrize("decides", ["server", "gateway"])
async def test_a_notice_is_heard_to_its_end(decides: str) -> None:
    """Nothing is cut by speech or by keys, the caller's audio flows, and the turn is answered
    behind it.
    """
    carrier = SilentCarrier()
    floor = FloorRules() if decides == "gateway" else None
    chosen: Any = None
    async with HandModel() as model:
        chosen = greeted(model, interruptible=False, floor=floor)
        async with live(chosen, carrier) as running:
            end = await served(model, running)
            running.call.downstream.carrier_frame(media())
            await end.seen("input_audio_buffer.append")
            await end.send(said.speech_started(), said.speech_stopped(), said.committed())
            await running.witness.first(CallerStopped)
            running.call.downstream.carrier_digit("1")
            if floor is not None:
                await end.seen("response.create")
            await end.send(*said.spoken(speech(100)))
            await carrier.sent.until(lambda _: len(carrier.audio) >= 8800)
            assert carrier.audio == SOUND + speech(100)
            assert "clear" not in carrier.kinds
            assert running.witness.all(BargeIn) == []
            (told,) = [m for m in to_model(end) if m["type"] != "response.create"]
            assert told["item"]["id"] == NOTICE


class Said:
    """An opening over a dialogue without wires."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.it = Opening(RecordedGreeting(SOUND, TEXT), talk.dialogue, talk.events.append)
        self.it.play()

    def cut(self) -> None:
        """The greeting is cut off, as the call does it."""
        self.talk.dialogue.interrupt("caller", cancel=False)
        for item in self.talk.interrupted:
            self.it.cut(item)


@pytest.mark.asyncio
@pytest.mark.usefixtures("still_clock")
async def test_a_greeting_cut_off_before_the_model_was_there_is_told_as_far_as_heard() -> None:
    """One message, with what was heard."""
    talk = Talk()
    said_ = Said(talk)
    talk.answer()
    talk.later(500)
    said_.cut()
    assert talk.to_model() == []
    talk.connect()
    said_.it.configured()
    said_.it.configured()
    (only,) = talk.to_model()
    assert words(only).startswith("Good morning, you have reached ")
    assert "interrupted" in words(only)
    talk.close()


@pytest.mark.asyncio
@pytest.mark.usefixtures("still_clock")
async def test_a_greeting_nobody_heard_a_word_of_is_forgotten() -> None:
    """It is deleted, and nothing takes its place."""
    talk = Talk()
    said_ = Said(talk)
    talk.connect()
    said_.it.configured()
    talk.answer()
    said_.cut()
    assert [message["type"] for message in talk.to_model()] == [
        "conversation.item.create",
        "conversation.item.delete",
    ]
    talk.close()


@pytest.mark.asyncio
@pytest.mark.usefixtures("still_clock")
async def test_other_items_that_are_cut_off_are_none_of_its_business() -> None:
    """The greeting was heard long before."""
    talk = Talk()
    talk.go_live()
    said_ = Said(talk)
    said_.it.configured()
    for _ in range(6):
        talk.later(200)
        talk.dialogue.outbound.pump()
    begin(talk, 400)
    talk.later(100)
    n = len(talk.wire)
    said_.cut()
    assert talk.since(n) == [f"{CARRIER} clear", f"{MODEL} conversation.item.truncate"]
    talk.close()


@pytest.mark.parametrize(
    ("share", "kept"),
    [(0.0, ""), (0.2, ""), (0.45, "one"), (0.5, "one"), (0.6, "one two"), (1.0, "one two three")],
)
def test_only_whole_words_count_as_heard(share: float, kept: str) -> None:
    """In proportion to the time, never a word too many."""
    assert heard_words("one two three", share).rstrip() == kept
