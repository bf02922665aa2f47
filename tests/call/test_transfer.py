"""A caller on the way to somebody else: how long the call waits for the answer."""

import asyncio

import pytest

from gateway.call import transfer
from gateway.call.context import Destination
from gateway.call.transfer import Transfer
from tests.call.watching import Chronicle

OFFICE = Destination("+442079460000", timeout_s=0)


def test_nobody_is_sent_anywhere_at_first() -> None:
    """No key, no destination."""
    it = Transfer({"office": OFFICE}, lambda: None)
    assert (it.key, it.away, it.destination) == (None, False, None)


@pytest.mark.asyncio
async def test_the_destination_is_told_once_the_stream_is_given_up() -> None:
    """Asked for is not on the way: the carrier connects nobody who still listens."""
    it = Transfer({"office": OFFICE}, lambda: None)
    it.key = "office"
    told = [it.destination]
    it.leave()
    told.append(it.destination)
    assert told == [None, OFFICE]
    assert it.come_back() == "office"
    told.append(it.destination)
    assert told[-1] is None


@pytest.mark.asyncio
async def test_a_destination_that_reports_nothing_has_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The model is not kept for the length of a conversation it has no part in."""
    monkeypatch.setattr(transfer, "ANSWER_GRACE_S", 0.01)
    answered: Chronicle[str] = Chronicle()
    it = Transfer({"office": OFFICE}, lambda: answered.add("answered"))
    it.key = "office"
    it.leave()
    await answered.until(bool)


@pytest.mark.asyncio
async def test_a_caller_who_came_back_is_waited_for_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The timer of the transfer dies with it, also when the call ends meanwhile."""
    monkeypatch.setattr(transfer, "ANSWER_GRACE_S", 0)
    answered: list[str] = []
    for end in (Transfer.come_back, Transfer.stop):
        it = Transfer({"office": OFFICE}, lambda: answered.append("answered"))
        it.key = "office"
        it.leave()
        end(it)
    for _ in range(5):
        await asyncio.sleep(0)
    assert answered == []
