"""The longest a call may last: said in time, and ended between words."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.call.context import Route
from gateway.call.limit import TimeLimit, _span
from tests.call import model_events as said
from tests.call.calls import heard, live, plan, say, served, speech
from tests.call.carriers import SilentCarrier
from tests.call.conftest import SHORT
from tests.call.hand_model import HandModel
from tests.call.talk import Talk
from tests.call.watching import Chronicle, until

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("short_phrases")]
WARNING = (
    "This call has to end in 0 seconds. Tell the caller so in one short sentence, and come to an "
    "end."
)


def limited(model: HandModel, **route: Any) -> Any:
    """An agent without a greeting, on a route with a limit."""
    return plan(model.url, greeting=None, more={"route": Route(**route)})


async def test_the_agent_is_told_once_and_the_call_ends() -> None:
    """An instruction, and a request to speak; at the end the house says goodbye."""
    async with (
        HandModel() as model,
        live(limited(model, max_minutes=0.008, warn_minutes=0.005)) as running,
    ):
        end = await served(model, running)
        item = (await end.seen("conversation.item.create"))["item"]
        assert (item["role"], item["content"][0]["text"]) == ("system", WARNING)
        await say(end, 60)
        assert (await running.ended()).reason == "time_limit"
        assert end.kinds("session.update") == ["conversation.item.create", "response.create"]
        assert running.carrier.audio == speech(60) + SHORT["goodbye"]


async def test_what_is_being_said_at_the_limit_is_heard_to_its_end() -> None:
    """The goodbye comes after it, not into it."""
    carrier = SilentCarrier()
    async with HandModel() as model, live(limited(model, max_minutes=0.004), carrier) as running:
        end = await served(model, running)
        await say(end, 500)
        await heard(running, 500)
        for name in list(carrier.mark_names):
            running.call.downstream.carrier_mark(name)
        carrier.instant = True
        assert (await running.ended()).reason == "time_limit"
        assert carrier.audio == speech(500) + SHORT["goodbye"]
        assert "clear" not in carrier.kinds


async def test_an_agent_that_talks_on_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The grace has an end."""
    monkeypatch.setattr("gateway.call.limit.GRACE_S", 0.05)
    carrier = SilentCarrier()
    async with HandModel() as model, live(limited(model, max_minutes=0.004), carrier) as running:
        end = await served(model, running)
        await say(end, 9000, whole=False)
        await carrier.sent.until(lambda _: "clear" in carrier.kinds)
        for name in carrier.mark_names:
            running.call.downstream.carrier_mark(name)
        assert (await running.ended()).reason == "time_limit"
        assert carrier.audio.endswith(SHORT["goodbye"])


class Watch:
    """A limit over a dialogue without wires, and where its caller is."""

    def __init__(self, **route: Any) -> None:
        self.talk = Talk()
        self.talk.go_live()
        self.here = True
        self.over: Chronicle[bool] = Chronicle()
        self.limit = TimeLimit(
            Route(**route),
            self.talk.dialogue,
            lambda: self.here,
            lambda: self.over.add(True),
        )

    def told(self) -> list[str]:
        """What the model was written."""
        return [message["type"] for message in self.talk.to_model()]


@pytest_asyncio.fixture
async def watch() -> AsyncIterator[Watch]:
    """An hour's limit whose warning is due at once."""
    made = Watch(max_minutes=60.0, warn_minutes=60.0)
    yield made
    made.limit.stop()
    made.talk.close()


@pytest.fixture(autouse=True)
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be said is tried again within moments."""
    monkeypatch.setattr("gateway.call.limit._LOOK_S", 0.01)


async def test_a_caller_who_is_away_is_told_when_they_are_back(watch: Watch) -> None:
    """Once, and not to whoever they were connected to."""
    watch.here = False
    watch.limit.attended()
    due = watch.limit._timers[1]
    await until(lambda: watch.limit._timers[1] is not due)  # it is looked again
    assert watch.told() == []
    watch.here = True  # on another stream, or on the same after a hold: nothing else tells of it
    await until(lambda: bool(watch.told()))
    watch.limit.attended()
    assert watch.told() == ["conversation.item.create", "response.create"]


async def test_nobody_is_talked_over(watch: Watch) -> None:
    """A caller in mid-sentence learns of it with the answer they get anyway."""
    watch.talk.hear(said.speech_started())
    watch.limit.attended()
    await until(lambda: bool(watch.told()))
    assert watch.told() == ["conversation.item.create"]


async def test_a_goodbye_waits_for_the_answer_that_is_generated() -> None:
    """Its end is not known before."""
    watch = Watch(max_minutes=0.0001)
    watch.talk.hear(said.response_created())
    watch.limit.attended()
    await until(lambda: watch.limit._goodbye is not None)
    assert not watch.over.rows
    watch.talk.hear(said.response_done())
    await watch.over.until(bool)
    watch.limit.stop()
    watch.talk.close()


async def test_without_a_limit_there_is_no_timer() -> None:
    """A warning alone means nothing."""
    watch = Watch(warn_minutes=1.0)
    watch.limit.attended()
    assert watch.limit._timers == []
    watch.talk.close()


async def test_times_are_said_as_people_say_them() -> None:
    """Seconds up to a minute and a half."""
    assert [_span(30), _span(60), _span(120)] == ["30 seconds", "60 seconds", "2 minutes"]
