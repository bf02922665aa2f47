"""What a call costs while it lasts, and what is done when it has cost enough."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from gateway.call import meter
from gateway.call.context import Route
from gateway.call.meter import Account, Meter, Tariff, tariff_of, today
from gateway.core.events import CallAnswered, SpendReached, UsageCounted
from gateway.core.prices import Carrier, Prices
from gateway.core.realtime import CallerTranscript, ResponseDone
from gateway.core.spend import Limits, Spending
from tests.call.calls import settings
from tests.call.talk import Talk, begin, speech
from tests.call.watching import turns, until

PRICES = Prices(
    date(2026, 11, 20),
    {
        "gpt-realtime-2.1": {"text_in": 4.0, "audio_in": 32.0, "audio_out": 64.0, "text_out": 24.0},
        "whisper": {"per_minute": 0.06},
    },
    Carrier(0.01, 0.02, 0.005),
)
USAGE = {
    "input_tokens": 1000,
    "output_tokens": 500,
    "input_token_details": {"text_tokens": 600, "audio_tokens": 400},
    "output_token_details": {"text_tokens": 100, "audio_tokens": 400},
}
USD = 600 * 4e-6 + 400 * 32e-6 + 100 * 24e-6 + 400 * 64e-6
"""By hand: 0.0024 + 0.0128 + 0.0024 + 0.0256 = 0.0432."""


class Metered:
    """A meter on a dialogue; ``done`` is what it asked for, in order."""

    def __init__(self, limits: Limits | None = None, route: Route | None = None, **account: Any):
        self.talk = Talk()
        self.done: list[str] = []
        limits = limits or Limits()
        self.tariff = Tariff(PRICES, Spending(limits), limits)
        given = {"model": "gpt-realtime-2.1", "transcriber": "whisper", "direction": "inbound"}
        self.meter = Meter(
            Account("CA1", "+15550002222", route=route or Route(), **{**given, **account}),
            self.tariff,
            self.talk.dialogue,
            self.talk.dialogue.emit,
            on_spent=self._asked("spent"),
            on_over=self._asked("over"),
        )

    def _asked(self, word: str) -> Callable[[], None]:
        return lambda: self.done.append(word)

    def answer(self, n: int = 1) -> None:
        """The model tells what an answer used."""
        self.meter.used(ResponseDone(f"resp_{n}", "completed", usage=USAGE))


def test_the_cost_by_hand_is_the_cost_here() -> None:
    """The figure the tests below count with."""
    assert pytest.approx(0.0432) == USD


@pytest.mark.asyncio
async def test_an_answer_costs_what_its_tokens_cost() -> None:
    """Told with its classes, its own cost and that of the call so far."""
    call = Metered()
    call.answer(1)
    call.answer(2)
    first, second = call.talk.all(UsageCounted)
    assert (first.source, first.source_id, first.model) == (
        "response",
        "resp_1",
        "gpt-realtime-2.1",
    )
    assert first.used["audio_out"] == 400
    assert first.cost_usd == pytest.approx(USD)
    assert second.call_usd == pytest.approx(2 * USD)
    assert call.tariff.spending.call_usd("CA1") == pytest.approx(2 * USD)
    call.meter.stop()
    assert call.done == []


@pytest.mark.asyncio
async def test_a_transcription_costs_what_its_time_costs() -> None:
    """By the model that transcribes."""
    call = Metered()
    usage = {"type": "duration", "seconds": 30}
    call.meter.used(CallerTranscript("item_1", "hello", usage))
    (counted,) = call.talk.all(UsageCounted)
    assert (counted.source, counted.model, counted.billed_s) == ("transcription", "whisper", 30)
    assert counted.cost_usd == pytest.approx(0.03)
    call.meter.stop()


@pytest.mark.asyncio
async def test_a_price_that_is_not_known_is_no_price_of_nothing() -> None:
    """The usage is told, the cost is not."""
    call = Metered(model="somebody-elses")
    call.answer()
    (counted,) = call.talk.all(UsageCounted)
    assert (counted.cost_usd, counted.call_usd) == (None, 0.0)
    call.meter.stop()


@pytest.mark.asyncio
@pytest.mark.parametrize("usage", [None, 7, {}, {"input_tokens": 0, "output_tokens": 0}])
async def test_what_used_nothing_is_not_told(usage: Any) -> None:
    """A failed or cancelled answer, and a server that tells no usage."""
    call = Metered()
    call.meter.used(ResponseDone("resp_1", "cancelled", usage=usage))
    assert call.talk.all(UsageCounted) == []
    call.meter.stop()


@pytest.mark.asyncio
async def test_near_the_limit_the_agent_wraps_up() -> None:
    """It is told so, once and without being made to speak; the call goes on."""
    call = Metered(Limits(per_call=2.2 * USD, soft_share=0.8))
    call.talk.connect()
    call.answer(1)
    assert call.talk.to_model() == []
    call.answer(2)
    (told,) = call.talk.to_model()
    assert told["item"]["role"] == "system"
    (reached,) = call.talk.all(SpendReached)
    assert (reached.kind, reached.scope) == ("soft", "call")
    assert reached.limit_usd == pytest.approx(2.2 * USD)
    assert call.done == []
    call.meter.stop()


@pytest.mark.asyncio
async def test_at_the_limit_nothing_more_is_spent() -> None:
    """The model is given up at once; what is being said is heard before the goodbye."""
    call = Metered(Limits(per_call=USD))
    call.talk.go_live()
    begin(call.talk, 400)
    call.answer()
    assert call.done == ["spent"]
    await turns()
    assert call.done == ["spent"]
    for name in call.talk.carrier.mark_names:
        call.talk.dialogue.outbound.mark_returned(name)
    await until(lambda: call.done == ["spent", "over"])
    assert [event.kind for event in call.talk.all(SpendReached)] == ["hard"]
    call.answer(2)
    assert call.done == ["spent", "over"]
    call.meter.stop()
    call.talk.close()


@pytest.mark.asyncio
async def test_what_is_said_at_the_limit_does_not_go_on_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long answer that is playing is cut off after a grace."""
    monkeypatch.setattr(meter, "GRACE_S", 0.02)
    call = Metered(Limits(per_call=USD))
    call.talk.go_live()
    begin(call.talk, 60_000)
    call.answer()
    await until(lambda: call.done == ["spent", "over"])
    assert len(speech(60_000)) > len(call.talk.carrier.audio)
    call.meter.stop()
    call.talk.close()


@pytest.mark.asyncio
async def test_the_carriers_minutes_count() -> None:
    """The first one from the moment the caller is there, once however many streams follow."""
    call = Metered(Limits(per_call=0.015))
    call.meter.hear(CallAnswered("MZ1", 1.0))
    call.meter.hear(CallAnswered("MZ2", 1.0))
    assert call.tariff.spending.call_usd("CA1") == pytest.approx(0.015)
    assert call.done == ["spent"]
    await asyncio.sleep(0)
    call.meter.stop()


def test_a_route_has_its_own_limits_or_everybodys() -> None:
    """Of a call and of a day; those of a caller and of all calls hold besides."""
    tariff = tariff_of(
        settings(max_usd_per_call=1, max_usd_per_number=2, max_usd_per_route=3, max_usd_per_day=4),
        PRICES,
    )
    assert tariff.limits_on(Route()) == Limits(1, 2, 3, 4, 0.8)
    own = tariff.limits_on(Route(max_usd_per_call=0.5, max_usd_per_day=30))
    assert own == Limits(0.5, 2, 30, 4, 0.8)


def test_a_call_that_could_spend_nothing_does_not_begin() -> None:
    """The scope that forbids it is told; other callers and routes are not touched."""
    limits = Limits(per_number=1.0)
    tariff = Tariff(PRICES, Spending(limits), limits)
    tariff.spending.add("CA0", "+15550002222", "default", 1.0, today())
    assert tariff.forbids("+15550002222", Route()) == "number"
    assert tariff.forbids("+15550003333", Route()) is None
