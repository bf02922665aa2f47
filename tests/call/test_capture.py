"""Keys collected for a tool: what the model hears, what it is told, and that nothing else leaks."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.call.capture import RETRIES, RETRY_S, TRAIL_S, Capture, Secrets
from gateway.call.context import Destination, Route
from gateway.call.inbound import Microphone
from gateway.core.digits import FIRST_KEY_S, NEXT_KEY_S, Collected, Wish
from gateway.core.events import BargeIn, DtmfGroup, TransferStarted
from gateway.core.tones import dtmf
from tests.call.calls import live, media, plan, say, served
from tests.call.carriers import SilentCarrier, start
from tests.call.hand_model import HandModel
from tests.call.talk import CARRIER, CLOCK, MODEL, Talk, begin, finish
from tests.call.watching import soon, turns
from tests.digits import stand_in

pytestmark = pytest.mark.asyncio

WORD = b"\x55" * 160


class Line:
    """A live dialogue whose caller has keys."""

    def __init__(self) -> None:
        self.talk = Talk()
        self.told: list[str] = []
        self.microphone = Microphone(self.talk.dialogue.caller_audio)
        self.keys = Capture(
            self.talk.dialogue, self.microphone, self.talk.dialogue.emit, self.told.append
        )
        self.talk.go_live()

    async def collect(self, wish: Wish) -> "asyncio.Future[Collected]":
        """An entry begins."""
        asked = asyncio.ensure_future(self.keys.collect(wish))
        await turns(1)
        return asked

    async def typed(self, wish: Wish, keys: str) -> Collected:
        """What becomes of an entry with these keys."""
        asked = await self.collect(wish)
        self.press(keys)
        return await soon(asked)

    def press(self, keys: str) -> None:
        """Keys, a tenth of a second after each other."""
        for key in keys:
            self.later(0.1)
            self.keys.press(key)

    def later(self, seconds: float) -> None:
        """Time passes; what is due happens."""
        CLOCK.now += seconds
        self.keys._look()

    def heard_by_model(self, payload: bytes) -> bool:
        """True when the model gets this frame of the caller's as it is, false for silence."""
        n = len(self.talk.wire)
        self.microphone.frame(media(payload, 20), CLOCK.now)
        (append,) = self.talk.to_model(n)
        assert append["type"] == "input_audio_buffer.append"
        return set(base64.b64decode(append["audio"])) != {0xFF}

    def counts(self) -> list[int]:
        """Keys told by events."""
        return [event.count for event in self.talk.all(DtmfGroup)]


@pytest.fixture
def clock(still_clock: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys read the time of the test, too."""
    monkeypatch.setattr("gateway.call.capture.time", CLOCK)
    monkeypatch.setattr("gateway.call.keys.time", CLOCK)


@asynccontextmanager
async def on_the_phone() -> AsyncIterator[Line]:
    """A line, let go at the end with nothing left."""
    line = Line()
    yield line
    line.keys.stop()
    line.talk.close()
    assert line.keys._timer is None


@pytest.mark.usefixtures("clock")
async def test_a_secret_becomes_a_token() -> None:
    """The digits are behind it, and nowhere else."""
    async with on_the_phone() as line:
        collected = await line.typed(Wish(4), "4711")
        assert (collected.outcome, collected.keys, collected.digits) == ("complete", 4, "")
        assert collected.token.startswith("digits-")
        assert line.keys.secret(collected.token) == "4711"
        assert line.counts() == [4]
        assert line.told == []
        shown = [line.keys, line.keys._secrets, collected, line.talk.events, line.talk.wire.rows]
        assert not stand_in(repr(shown), "4711")


@pytest.mark.usefixtures("clock")
async def test_digits_that_are_no_secret_are_in_the_result() -> None:
    """And the model hears the caller all the time."""
    async with on_the_phone() as line:
        asked = await line.collect(Wish(3, secret=False))
        assert line.heard_by_model(WORD)
        line.press("123")
        collected = await soon(asked)
        assert (collected.outcome, collected.digits, collected.token) == ("complete", "123", "")
        assert line.heard_by_model(WORD)
        assert (line.counts(), line.told) == ([3], [])


@pytest.mark.usefixtures("clock")
async def test_the_model_hears_silence_from_before_the_first_key() -> None:
    """From the moment the tool runs until a moment after the last key, whatever the caller says."""
    async with on_the_phone() as line:
        assert line.heard_by_model(WORD)
        asked = await line.collect(Wish(2))
        assert not line.heard_by_model(WORD)
        line.press("1")
        assert not line.heard_by_model(dtmf("1")[:160])
        line.press("2")
        await soon(asked)
        assert [line.heard_by_model(WORD) for _ in range(21)] == [False] * 20 + [True]


@pytest.mark.usefixtures("clock")
async def test_tones_behind_an_entry_are_taken_out() -> None:
    """Until keys are the agent's again; from then on nothing is."""
    async with on_the_phone() as line:
        await line.typed(Wish(2), "12")
        while not line.heard_by_model(WORD):
            pass
        assert not line.heard_by_model(dtmf("3")[160:320])
        line.later(TRAIL_S)
        assert line.microphone.veil is None
        assert line.heard_by_model(dtmf("3")[160:320])


@pytest.mark.usefixtures("clock")
async def test_keys_behind_an_entry_are_told_to_nobody() -> None:
    """A digit too many and the `#`; after a pause keys are the agent's again."""
    async with on_the_phone() as line:
        await line.typed(Wish(4), "47115#")
        line.later(TRAIL_S)
        assert line.told == []
        line.press("1#")
        assert line.told == ["The caller pressed these keys on the phone: 1"]
        assert line.counts() == [4, 1]


@pytest.mark.usefixtures("clock")
async def test_keys_pressed_early_belong_to_the_entry() -> None:
    """Whoever types before the tool runs need not type again, and the model is not told."""
    async with on_the_phone() as line:
        line.press("47")
        collected = await line.typed(Wish(4), "11")
        assert line.keys.secret(collected.token) == "4711"
        line.later(TRAIL_S + 2)
        assert (line.told, line.counts()) == ([], [4])


@pytest.mark.usefixtures("clock")
async def test_only_the_first_key_silences_the_agent() -> None:
    """The prompt is cut off once; what the agent says afterwards is not."""
    async with on_the_phone() as line:
        begin(line.talk, 2000)
        finish(line.talk)
        asked = await line.collect(Wish(3))
        n = len(line.talk.wire)
        line.press("1")
        assert line.talk.since(n) == [f"{CARRIER} clear", f"{MODEL} conversation.item.truncate"]
        begin(line.talk, 2000, "resp_2", "item_2")
        n = len(line.talk.wire)
        line.press("23")
        await soon(asked)
        spoken_on = {f"{CARRIER} media", f"{CARRIER} mark"}  # a busy machine takes its time
        assert set(line.talk.since(n)) <= spoken_on
        assert [cut.cause for cut in line.talk.all(BargeIn)] == ["dtmf"]


@pytest.mark.usefixtures("clock")
async def test_the_time_begins_when_the_prompt_was_heard() -> None:
    """Ten seconds for the first key, from the last word of the agent."""
    async with on_the_phone() as line:
        begin(line.talk, 8000)
        finish(line.talk)
        asked = await line.collect(Wish(4))
        for _ in range(80):
            line.talk.dialogue.outbound.pump()
            line.later(0.1)
        line.later(FIRST_KEY_S - 0.5)
        await turns()
        assert not asked.done()
        line.later(0.7)
        collected = await soon(asked)
        assert (collected.outcome, collected.keys) == ("no_keys", 0)
        assert line.counts() == []


async def test_the_time_for_a_key_passes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody need press anything."""
    monkeypatch.setattr("gateway.core.digits.FIRST_KEY_S", 0.02)
    async with on_the_phone() as line:
        assert (await soon(await line.collect(Wish(4)))).outcome == "no_keys"


@pytest.mark.usefixtures("clock")
async def test_keys_that_stop_coming_end_the_entry() -> None:
    """Five seconds after the last one."""
    async with on_the_phone() as line:
        asked = await line.collect(Wish(4))
        line.press("47")
        line.later(NEXT_KEY_S)
        collected = await soon(asked)
        assert (collected.outcome, collected.keys) == ("wrong_length", 2)


@pytest.mark.usefixtures("clock")
async def test_an_entry_that_failed_may_be_tried_three_more_times_in_a_call() -> None:
    """Whatever was wrong; then the tool does not even listen."""
    async with on_the_phone() as line:
        failing = ["47#", "1234", "#", "123#"]
        left = [(await line.typed(Wish(4, check="luhn"), keys)).tries_left for keys in failing]
        assert left == [RETRIES, 2, 1, 0]
        assert (await soon(await line.collect(Wish(4)))).outcome == "used_up"
        assert "collecting" not in repr(line.keys)


@pytest.mark.usefixtures("clock")
async def test_giving_up_is_no_failure() -> None:
    """Two `*` in a row; it may be asked for again as often as before."""
    async with on_the_phone() as line:
        collected = await line.typed(Wish(4), "47**")
        assert (collected.outcome, collected.tries_left) == ("cancelled", RETRIES + 1)
        assert (await line.typed(Wish(4), "4711")).outcome == "complete"


@pytest.mark.usefixtures("clock")
async def test_keys_after_a_failed_entry_wait_for_the_next_one() -> None:
    """Who types again before being asked again is not betrayed, and need not type twice."""
    async with on_the_phone() as line:
        await line.typed(Wish(4), "471#")
        line.later(5)
        line.press("47")
        assert line.told == []
        collected = await line.typed(Wish(4), "11")
        assert line.keys.secret(collected.token) == "4711"
        assert line.told == []


@pytest.mark.usefixtures("clock")
async def test_keys_nobody_asks_for_again_are_forgotten() -> None:
    """After a while keys are the agent's again, and the old ones are gone."""
    async with on_the_phone() as line:
        await line.typed(Wish(4), "471#")
        line.press("99")
        line.later(RETRY_S)
        line.press("1#")
        assert line.told == ["The caller pressed these keys on the phone: 1"]
        collected = await line.typed(Wish(2), "12")
        assert line.keys.secret(collected.token) == "12"


@pytest.mark.usefixtures("clock")
async def test_a_secret_that_failed_does_not_become_an_open_entry() -> None:
    """Keys kept for the next secret are not told when the next entry is none."""
    async with on_the_phone() as line:
        await line.typed(Wish(4), "471#")
        line.press("47")
        collected = await line.typed(Wish(2, secret=False), "12")
        assert collected.digits == "12"
        line.later(RETRY_S)
        assert line.microphone.veil is None
        assert line.told == []


@pytest.mark.usefixtures("clock")
async def test_two_secrets_in_one_call_have_two_tokens() -> None:
    """Each with its digits."""
    async with on_the_phone() as line:
        first = await line.typed(Wish(4), "4711")
        second = await line.typed(Wish(2), "42")
        assert first.token != second.token
        assert [line.keys.secret(each.token) for each in (first, second)] == ["4711", "42"]


@pytest.mark.usefixtures("clock")
async def test_one_entry_at_a_time() -> None:
    """A second tool call is refused and does not disturb the first."""
    async with on_the_phone() as line:
        asked = await line.collect(Wish(2))
        assert (await soon(await line.collect(Wish(4)))).outcome == "busy"
        line.press("12")
        assert (await soon(asked)).outcome == "complete"


@pytest.mark.usefixtures("clock")
async def test_a_tool_that_is_cancelled_leaves_nothing_open() -> None:
    """The model hears the caller again, and what was typed is gone."""
    async with on_the_phone() as line:
        asked = await line.collect(Wish(4))
        line.press("47")
        asked.cancel()
        await turns()
        line.press("1")
        line.later(TRAIL_S)
        assert line.microphone.veil is None
        assert line.told == []
        collected = await line.typed(Wish(2), "12")
        assert line.keys.secret(collected.token) == "12"


@pytest.mark.usefixtures("clock")
async def test_the_end_of_the_call_is_the_end_of_the_secrets() -> None:
    """Whoever waits is told, no digit is left, and nothing begins any more."""
    async with on_the_phone() as line:
        done = await line.typed(Wish(2), "42")
        asked = await line.collect(Wish(4))
        line.press("47")
        line.keys.stop()
        assert (await soon(asked)).outcome == "cancelled"
        with pytest.raises(KeyError):
            line.keys.secret(done.token)
        assert (await soon(await line.collect(Wish(4)))).outcome == "used_up"


@pytest.mark.usefixtures("clock")
async def test_without_a_model_the_apology_is_heard_to_its_end() -> None:
    """A key does not silence it, neither in an entry nor outside."""
    async with on_the_phone() as line:
        asked = await line.collect(Wish(2))
        line.talk.dialogue.disconnect()
        line.talk.dialogue.outbound.play_own("gateway:apology", WORD * 50)
        line.press("1")
        assert "clear" not in line.talk.carrier.kinds
        line.press("2")
        await soon(asked)


async def test_a_call_hears_a_muted_caller_and_nothing_when_the_caller_is_away() -> None:
    """Silence comes by itself while there is a stream, and no timer is left where there is none."""
    directory = {"office": Destination("+442079460000", timeout_s=20)}
    more = {"route": Route(directory=directory)}
    async with HandModel() as model, live(plan(model.url, more=more)) as running:
        end = await served(model, running)
        running.call.downstream.carrier_frame(media(WORD, 20))
        silence = await end.seen("input_audio_buffer.append", 2)
        assert set(base64.b64decode(silence["audio"])) == {0xFF}
        running.call.transfer.begin("office", None)
        await say(end, 20)
        await running.witness.first(TransferStarted)
        away = running.call.downstream.microphone._timer
        running.call.come_back("busy", "another ticket")
        running.call.attach(start(), SilentCarrier(instant=True))
        running.call.downstream.carrier_frame(media(WORD, 20))
        assert (away, running.call.downstream.microphone._timer is not None) == (None, True)


async def test_a_token_has_no_digit_and_an_unknown_one_is_not_repeated() -> None:
    """So that neither is taken for what was pressed."""
    kept = Secrets()
    tokens = {kept.keep("4711") for _ in range(50)}
    assert len(tokens) == 50
    assert not any(character.isdigit() for character in "".join(tokens))
    with pytest.raises(KeyError) as error:
        kept.get("4711")
    assert "4711" not in str(error.value)
    assert repr(kept) == "<Secrets 50>"
