"""The calls of a campaign, as the API has them."""

import pytest

from gateway.cli.campaign_calls import Asked, CampaignCalls, attempts_of
from gateway.cli.gatewayapi import Refused
from gateway.core.attempt import Attempt
from gateway.core.callee import Refusal
from gateway.core.campaign import Contact
from tests.cli.handgateway import HandGateway, refusal
from tests.core.campaigns import contacts


def calls_at(gateway: HandGateway, name: str = "spring") -> CampaignCalls:
    """A campaign's."""
    return CampaignCalls(gateway.api, Asked(name, {"agent": "survey", "from": None, "ring_s": 20}))


def let_in(calls: CampaignCalls, contact: Contact) -> Attempt:
    """Asks for the next call of a number, which is let in."""
    found = calls.ask(contact)
    assert isinstance(found, Attempt), found
    contact.attempts.append(found)
    return found


def test_what_is_asked() -> None:
    """Whatever all have in common, the row's data, and for which campaign it is."""
    gateway = HandGateway()
    let_in(calls_at(gateway), Contact("+12025550123", 2, {"name": "Ada"}))
    assert gateway.asked == [
        {
            "agent": "survey",
            "ring_s": 20,
            "to": "+12025550123",
            "by": "campaign",
            "campaign": "spring",
            "data": {"name": "Ada"},
        }
    ]


def test_asked_again_it_is_the_same_call_until_it_was_let_in() -> None:
    """Each time a number is rung has a key of its own."""
    gateway, (contact,) = HandGateway(), contacts(1)
    calls = calls_at(gateway)
    first, again = calls.ask(contact), let_in(calls, contact)
    assert first == again
    assert let_in(calls, contact).dial != again.dial


def test_everything_that_was_tried_is_found() -> None:
    """Page by page, sorted by number, and only what is of this campaign."""
    gateway, people = HandGateway(), contacts(5)
    calls = calls_at(gateway)
    for contact in [*people, people[0]]:
        let_in(calls, contact)
    let_in(calls_at(gateway, "autumn"), contacts(1)[0])
    tried = calls_at(gateway).tried()
    assert [len(attempts_of(each, tried)) for each in people] == [2, 1, 1, 1, 1]
    assert [each.ordinal for each in attempts_of(people[0], tried)] == [1, 2]


def test_how_far_calls_are() -> None:
    """Those that are over are looked at once more; one that was erased is over."""
    gateway, people = HandGateway(), contacts(2)
    calls = calls_at(gateway)
    out = [let_in(calls, each) for each in people]
    assert calls.look([]) == []
    assert [(each.left, each.over) for each in calls.look(out)] == [(True, False)] * 2
    del gateway.calls[out[1].dial]
    over, erased = calls.look(out)
    assert (over.outcome, over.over, over.duration_ms) == ("completed", True, 2000)
    assert (erased.outcome, erased.over, erased.fault) == ("erased", True, "")


@pytest.mark.parametrize(("status", "passes"), [(422, False), (429, True)])
def test_who_is_not_let_in(status: int, passes: bool) -> None:
    """The rule, and the setting that would allow it."""
    gateway, (contact,) = HandGateway(), contacts(1)
    gateway.refusals[contact.number] = [refusal("country", status=status)]
    found = calls_at(gateway).ask(contact)
    assert found == Refusal("country", "GATEWAY_X", "the rule country forbids it", passes=passes)


def test_a_key_that_was_used_otherwise_is_a_refusal() -> None:
    """Whoever let it in with other data meanwhile."""
    gateway, (contact,) = HandGateway(), contacts(1)
    gateway.refusals[contact.number] = [{"status": 409, "error": "used"}]
    found = calls_at(gateway).ask(contact)
    assert isinstance(found, Refusal)
    assert found.rule == "key"


def test_a_gateway_that_cannot_answer_is_no_refusal() -> None:
    """Draining, or without its database."""
    gateway, (contact,) = HandGateway(), contacts(1)
    gateway.refusals[contact.number] = [{"status": 503, "error": "draining"}]
    with pytest.raises(Refused, match="draining"):
        calls_at(gateway).ask(contact)


def test_only_who_waits_is_taken_back() -> None:
    """Whoever may be ringing goes on."""
    gateway, people = HandGateway(), contacts(2)
    calls = calls_at(gateway)
    out = [let_in(calls, each) for each in people]
    gateway.step(gateway.calls[out[1].dial])
    calls.take_back(out)
    assert [each["state"] for each in gateway.calls.values()] == ["ended", "queued"]
    del gateway.calls[out[0].dial]
    calls.take_back(out[:1])
