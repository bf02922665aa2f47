"""A caller who waits: the tone, the silence for the agent, and both as before afterwards."""

import pytest

from gateway.call import hold
from gateway.call.hold import HOLD, Hold
from gateway.call.inbound import Microphone
from gateway.core.events import BargeIn
from gateway.core.floor import FloorRules
from gateway.core.tones import hold_tone
from tests.call import model_events as said
from tests.call.talk import Talk, speech
from tests.call.watching import until


def waiting(talk: Talk) -> tuple[Hold, Microphone]:
    """A caller on that line who can be made to wait."""
    microphone = Microphone(talk.dialogue.caller_audio)
    return Hold(talk.dialogue, microphone), microphone


@pytest.mark.asyncio
async def test_who_waits_hears_the_tone_and_the_agent_hears_nobody() -> None:
    """Until it is over; a second end is none."""
    talk = Talk()
    talk.go_live()
    it, microphone = waiting(talk)
    assert (it.on, microphone.deaf) == (False, False)
    it.begin()
    assert (it.on, microphone.deaf) == (True, True)
    assert talk.dialogue.outbound.ledger.find(HOLD) is not None
    assert talk.carrier.audio == hold_tone(30_000)[: len(talk.carrier.audio)]
    it.end()
    assert (it.on, microphone.deaf, talk.carrier.kinds[-1]) == (False, False, "clear")
    it.end()
    assert talk.carrier.kinds.count("clear") == 1
    talk.close()


@pytest.mark.asyncio
async def test_an_answer_meanwhile_is_refused_and_the_tone_goes_on() -> None:
    """The model is told to stop; afterwards it is heard again."""
    talk = Talk()
    talk.go_live()
    it, _ = waiting(talk)
    it.begin()
    talk.hear(*said.spoken(speech(100)))
    assert "response.cancel" in [message["type"] for message in talk.to_model()]
    assert (talk.carrier.kinds.count("clear"), talk.all(BargeIn)) == (0, [])
    it.end()
    talk.hear(*said.spoken(speech(100), "resp_2", "item_2"))
    assert talk.carrier.audio.endswith(speech(100))
    talk.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("rules", [None, FloorRules()], ids=["server", "gateway"])
async def test_a_word_said_just_before_does_not_end_the_tone(rules: FloorRules | None) -> None:
    """The model tells of it when the microphone is deaf already: "okay, thanks"."""
    talk = Talk(rules=rules)
    talk.go_live()
    it, _ = waiting(talk)
    it.begin()
    talk.hear(said.speech_started(), said.speech_stopped())
    assert "clear" not in talk.carrier.kinds
    assert talk.all(BargeIn) == []
    assert talk.dialogue.outbound.ledger.find(HOLD) is not None
    it.end()
    talk.close()


@pytest.mark.asyncio
async def test_somebody_elses_refusal_stays() -> None:
    """A machine was found meanwhile: the agent is silent for another reason."""
    talk = Talk()
    talk.go_live()
    it, _ = waiting(talk)
    it.begin()
    refusals: list[str] = []
    talk.dialogue.answers.refuse = lambda: refusals.append("machine")
    it.end()
    assert talk.dialogue.answers.refuse is not None
    talk.close()


@pytest.mark.asyncio
async def test_the_tone_is_played_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes."""
    monkeypatch.setattr(hold, "_TONE_MS", 20)
    talk = Talk(instant=True)
    talk.go_live()
    it, _ = waiting(talk)
    it.begin()
    await until(lambda: len(talk.carrier.audio) >= 3 * 160)
    it.end()
    talk.close()
