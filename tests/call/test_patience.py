"""Which of its watches a call has, and that they end with it."""

import asyncio

import pytest

from gateway.call.filler import Filler, FillerRules
from gateway.call.idle import Idle, IdleRules
from gateway.call.patience import Patience
from gateway.core.events import CallAnswered, ToolStarted
from tests.call.calls import plan
from tests.call.talk import Talk

pytestmark = pytest.mark.asyncio
WATCHFUL = {"idle": IdleRules(after_s=60), "filler": FillerRules()}


def patience(talk: Talk, **more: object) -> Patience:
    """The patience of a plan; nothing of it acts here."""
    chosen = plan("ws://127.0.0.1:9/", more=dict(more))
    return Patience(chosen, talk.dialogue, lambda: True, lambda reason: None, lambda: None)


async def test_a_plan_gets_what_it_asks_for() -> None:
    """No rules, no watch."""
    talk = Talk()
    assert patience(talk)._watching == []
    kinds = [type(each) for each in patience(talk, **WATCHFUL)._watching]
    assert kinds == [Idle, Filler]
    talk.close()


async def test_after_the_end_nothing_begins() -> None:
    """An event that comes late sets no timer."""
    talk = Talk()
    made = patience(talk, **WATCHFUL)
    made.hear(CallAnswered("MZ1", 1.0))
    made.hear(ToolStarted("t", 1.0))
    watches = [each._vigil for each in made._watching]
    assert None not in [watch._timer for watch in watches]
    made.stop()
    made.hear(CallAnswered("MZ1", 1.0))
    made.hear(ToolStarted("t", 1.0))
    assert [watch._timer for watch in watches] == [None, None]
    talk.close()


async def test_a_key_breaks_the_silence_before_its_group_is_complete() -> None:
    """Nobody is asked while they are typing."""
    talk = Talk()
    talk.go_live()
    made = patience(talk, **WATCHFUL)
    began = made._silence._broken_at
    await asyncio.sleep(0)
    made.key()
    assert made._silence._broken_at > began
    talk.close()
