"""A campaign while it runs, against a gateway by hand."""

from collections import Counter
from datetime import timedelta

import pytest

from gateway.cli import campaign_run
from gateway.cli.call import Hands
from gateway.cli.campaign_calls import Asked, CampaignCalls, attempts_of
from gateway.cli.campaign_progress import CampaignProgress
from gateway.cli.campaign_run import Run
from gateway.cli.gatewayapi import Refused, Unreachable
from gateway.core.campaign import Campaign, Contact
from gateway.core.pace import Pace
from gateway.core.retries import Retry
from gateway.errors import GatewayError
from tests.cli.handgateway import HandGateway, refusal
from tests.core.campaigns import contacts

AT_ONCE = {name: Retry(1, timedelta(0)) for name in ("busy", "no_answer")}
AWAY = Unreachable("no gateway answers", sent=False)


class Stage:
    """A gateway, a list, and whoever presses Ctrl-C."""

    def __init__(self, count: int, *, most: int = 2, faults: int = 3) -> None:
        self.gateway = HandGateway()
        self.people = contacts(count)
        self.hands = Hands()
        self.most, self.faults = most, faults

    def run(self, *people: Contact) -> Campaign:
        """From the beginning, or from where it was, to the end."""
        people = people or tuple(self.people)
        calls = CampaignCalls(self.gateway.api, Asked("spring", {}))
        tried = calls.tried()
        for each in people:
            each.attempts = attempts_of(each, tried)
        running = Campaign(people, AT_ONCE, self.most, self.faults)
        progress = CampaignProgress(quiet=True)
        Run(running, calls, Pace(1000, 0.001), progress, self.hands).run()
        return running


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QUICK_S", "LOOK_S", "_SOON_S"):
        monkeypatch.setattr(campaign_run, name, 0.001)


def test_everybody_is_rung_and_never_more_at_a_time() -> None:
    """In the order of the list."""
    stage = Stage(7)
    running = stage.run()
    assert (running.over, running.stopped) == (True, "")
    assert stage.gateway.numbers() == [each.number for each in stage.people]
    assert stage.gateway.most == 2
    assert all(each.reached for each in stage.people)


def test_who_was_busy_is_rung_again() -> None:
    """As often as was laid down."""
    stage = Stage(3)
    stage.gateway.outcomes = {
        stage.people[0].number: ["busy"],
        stage.people[1].number: ["busy", "busy", "busy"],
    }
    stage.run()
    assert [len(each.attempts) for each in stage.people] == [2, 2, 1]


def test_it_goes_on_where_it_was() -> None:
    """Another process, the same list: nobody is rung twice, whoever is on the line is watched."""
    stage = Stage(5)
    half = Stage(2)
    half.gateway = stage.gateway
    half.run(*contacts(2))
    calls = CampaignCalls(stage.gateway.api, Asked("spring", {}))
    calls.ask(contacts(3)[2])  # and killed
    stage.run()
    assert Counter(stage.gateway.numbers()) == {each.number: 1 for each in stage.people}
    assert len(stage.gateway.asked) == 5


def test_an_answer_that_is_lost_rings_nobody_twice() -> None:
    """It was let in, and the answer did not come: asked again, it is the same call."""
    stage = Stage(2, most=1)
    stage.gateway.faults = [None, Unreachable("no answer", sent=True), AWAY]
    running = stage.run()
    assert not running.stopped
    assert Counter(stage.gateway.numbers()) == {each.number: 1 for each in stage.people}
    assert len(stage.gateway.asked) == 4


def test_rules_are_rows() -> None:
    """Whoever is not let in is not rung, and the others are."""
    stage = Stage(4)
    stage.gateway.refusals[stage.people[1].number] = [refusal("country")]
    running = stage.run()
    assert not running.stopped
    assert [each.refusal and each.refusal.rule for each in stage.people] == [None, "country"] + [
        None
    ] * 2
    assert len(stage.gateway.calls) == 3


def test_caps_that_pass_are_waited_for() -> None:
    """The next in line stays the next in line."""
    stage = Stage(3)
    number = stage.people[0].number
    stage.gateway.refusals[number] = [refusal("per_minute", status=429)] * 3
    running = stage.run()
    assert (running.stopped, stage.gateway.numbers()[0]) == ("", number)
    assert len(stage.gateway.asked) == 6


def test_rules_that_hold_for_all_stop_it() -> None:
    """The rest is not even asked for."""
    stage = Stage(9, faults=3)
    for each in stage.people:
        stage.gateway.refusals[each.number] = [refusal("switch")]
    running = stage.run()
    assert "the rule switch forbids it" in running.stopped
    assert len(stage.gateway.asked) == 3


def test_ctrl_c_rings_nobody_else() -> None:
    """Who waits at the gateway is taken back, the others go on to their end."""
    stage = Stage(5, most=3)
    ask = stage.gateway.ask

    def press(method: str, path: str, **request: object) -> dict[str, object]:
        if method == "POST" and len(stage.gateway.calls) == 2:
            stage.gateway.step(next(iter(stage.gateway.calls.values())))
            stage.hands.press()
        return ask(method, path, **request)

    stage.gateway.ask = press  # type: ignore[method-assign]
    running = stage.run()
    assert (running.stopped, running.over) == ("Ctrl-C", True)
    outcomes = [each.attempts[-1].outcome if each.attempts else "" for each in stage.people]
    assert outcomes == ["completed", "canceled", "canceled", "", ""]
    stage.hands = Hands()
    stage.run()
    assert [sum(each.rang for each in contact.attempts) for contact in stage.people] == [1] * 5


def test_a_second_ctrl_c_leaves() -> None:
    """Whatever is being done."""
    stage = Stage(2)
    stage.hands.pressed = 1
    stage.gateway.faults = [None, None]
    stage.gateway.stands_still = True
    calls = CampaignCalls(stage.gateway.api, Asked("spring", {}))
    calls.ask(stage.people[0])
    stage.gateway.step(stage.gateway.calls["D0000"])
    looks = stage.gateway.listed

    def press(path: str) -> list[dict[str, object]]:
        stage.hands.press()
        return looks(path)

    stage.gateway.listed = press  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    assert stage.gateway.calls["D0000"]["state"] == "queued"


def test_a_gateway_that_is_gone_for_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left as it is; the same command goes on."""
    monkeypatch.setattr(campaign_run, "GONE_S", 0.02)
    stage = Stage(2)
    stage.gateway.faults = [None, None, *[AWAY] * 1000]
    running = stage.run()
    assert "no gateway answers" in running.stopped
    stage.gateway.faults = []
    assert stage.run().stopped == ""
    assert Counter(stage.gateway.numbers()) == {each.number: 1 for each in stage.people}


def test_a_gateway_that_is_started_again_is_waited_for() -> None:
    """A moment without it stops nothing."""
    stage = Stage(2)
    busy = Refused(503, {"error": "the database does not answer"})
    stage.gateway.faults = [None, AWAY, busy, AWAY]
    assert stage.run().stopped == ""


def test_a_gateway_that_does_not_know_us_is_told_at_once() -> None:
    """It will not know us later either."""
    stage = Stage(2)
    stage.gateway.faults = [None, Refused(401, {"error": "who are you"})]
    with pytest.raises(GatewayError, match="who are you"):
        stage.run()
