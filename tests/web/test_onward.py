"""What comes after a stream and after a transfer, by what the reception knows."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.call.call import Call
from gateway.call.context import Destination
from gateway.call.reception import Reception
from gateway.web.onward import CONNECTION_LOST, Over, after_dial, after_stream

LOST = Over(CONNECTION_LOST)
CALL = cast(Call, SimpleNamespace())


def knowing(*, outcome: str | None = None, onward: Any = None, back: Call | None = None) -> Any:
    """A reception of one call; what it was told stands in `told`."""
    told: list[tuple[Any, ...]] = []

    def transfer_ended(call_sid: str, failure: str, *, there: bool) -> Call | None:
        told.append((call_sid, failure, there))
        return back

    return cast(
        Reception,
        SimpleNamespace(
            onward=lambda call_sid, there: onward,
            outcome=lambda call_sid: outcome,
            transfer_ended=transfer_ended,
            told=told,
        ),
    )


@pytest.mark.parametrize("onward", [Destination("+442079460000"), CALL])
def test_the_call_knows_where_its_caller_goes(onward: Any) -> None:
    """To somebody else, or back to it."""
    assert after_stream(knowing(onward=onward), "CA1", there=True) is onward


@pytest.mark.parametrize("outcome", ["socket_lost", "carrier_garbage", "no_stream", None])
def test_who_was_told_nothing_hears_why(outcome: str | None) -> None:
    """Unless nobody is there to hear it."""
    assert after_stream(knowing(outcome=outcome), "CA1", there=True) == LOST
    assert after_stream(knowing(outcome=outcome), "CA1", there=False) == Over()


@pytest.mark.parametrize("outcome", ["agent_hung_up", "caller_hung_up", "model_auth"])
def test_who_has_heard_the_end_hears_nothing_more(outcome: str) -> None:
    """A goodbye or an apology was enough."""
    assert after_stream(knowing(outcome=outcome), "CA1", there=True) == Over()


@pytest.mark.parametrize(("status", "failure"), [("busy", "busy"), ("completed", "")])
def test_why_they_did_not_talk_is_told(status: str, failure: str) -> None:
    """Nothing of those who did."""
    reception = knowing(back=CALL)
    assert after_dial(reception, "CA1", status, there=True) is CALL
    assert reception.told == [("CA1", failure, True)]


@pytest.mark.parametrize(
    ("status", "outcome", "there", "onward"),
    [
        ("completed", None, True, Over()),
        ("busy", None, True, LOST),
        ("busy", None, False, Over()),
        ("no-answer", "transferred", True, Over()),
    ],
)
def test_a_transfer_may_be_the_end(
    status: str, outcome: str | None, there: bool, onward: Over
) -> None:
    """Whoever is still there and talked to nobody hears why."""
    assert after_dial(knowing(outcome=outcome), "CA1", status, there=there) == onward
