"""Which events become webhooks, and what they say."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.core.events import (
    CallAnswered,
    CallEnded,
    CallerSpoke,
    CallEvent,
    DtmfGroup,
    ToolStarted,
    TurnDone,
)
from gateway.core.shown import event_name
from gateway.core.turns import Turn
from gateway.errors import ConfigError
from gateway.store.entry import Change, Entry, decode, encode
from gateway.store.hooks.outbox import Outbox, open_outbox, tellable
from tests.store.databases import settings_in

URL = "https://hooks.example.com/calls"
AT = "2026-03-01T12:00:00+00:00"
ANSWERED = CallAnswered(stream_sid="MZ1", after_offer_ms=812.5)
TURN = TurnDone(Turn(1, "reply", "r1", 500.0, 300.0, 0.1, 40.0, 840.1), at_ms=7.0)
ENDED = CallEnded("caller_hung_up", 61250.0, 30000.0, 3000, 4, 1)


def outbox(folder: Path, events: str | None = None) -> Outbox:
    """An outbox that tells these events, or those of the default."""
    chosen = {} if events is None else {"hook_events": events}
    return Outbox(settings_in(folder, hook_url=URL, **chosen))


def told(box: Outbox, event: CallEvent, seq: int = 1, call_sid: str = "CA1") -> Change | None:
    """What the outbox makes of an event."""
    return box.delivery(event, event_name(event), seq, AT, {"call_sid": call_sid, "turns": 4})


def body(change: Change | None) -> Any:
    """What the webhook says."""
    assert change is not None
    return json.loads(change.values["body"])


def test_without_an_address_nobody_is_told(tmp_path: Path) -> None:
    """There is no outbox at all."""
    assert open_outbox(settings_in(tmp_path)) is None
    assert open_outbox(settings_in(tmp_path, hook_url=URL)) is not None


def test_the_end_of_a_call_is_told(tmp_path: Path) -> None:
    """A row that is due at once, whose body has the call and the event's own fields."""
    change = told(outbox(tmp_path), ENDED, seq=42)
    assert change is not None
    assert (change.table, change.key) == ("deliveries", {"seq": 42})
    values = dict(change.values)
    assert json.loads(values.pop("body")) == {
        "id": "CA1:42",
        "event": "call.ended",
        "at": AT,
        "call": {"call_sid": "CA1", "turns": 4},
        "data": {
            "reason": "caller_hung_up",
            "duration_ms": 61250.0,
            "heard_ms": 30000.0,
            "inbound_frames": 3000,
            "turns": 4,
            "interruptions": 1,
        },
    }
    assert values == {
        "event": "call.ended",
        "state": "pending",
        "attempts": 0,
        "created_at": AT,
        "next_at": AT,
    }


def test_a_body_is_compact(tmp_path: Path) -> None:
    """The very bytes that are signed and sent, without spaces between them."""
    change = told(outbox(tmp_path, "dtmf"), DtmfGroup(count=2, at_ms=5.0))
    assert change is not None
    assert change.values["body"] == (
        '{"id":"CA1:1","event":"dtmf","at":"2026-03-01T12:00:00+00:00",'
        '"call":{"call_sid":"CA1","turns":4},"data":{"count":2,"at_ms":5.0}}'
    )


def test_a_row_fits_into_an_entry(tmp_path: Path) -> None:
    """It is written to the journal with the event, and read back the same."""
    change = told(outbox(tmp_path), ENDED)
    assert change is not None
    entry = Entry("CA1", 1, (change,))
    assert decode(encode(entry)) == entry


def test_a_call_starts_when_its_caller_is_on_the_line(tmp_path: Path) -> None:
    """Once per call: the stream that opens after a failed transfer starts nothing."""
    box = outbox(tmp_path)
    assert body(told(box, ANSWERED))["event"] == "call.started"
    assert told(box, ANSWERED, seq=9) is None
    assert body(told(box, ANSWERED, call_sid="CA2"))["event"] == "call.started"


def test_an_ended_call_is_forgotten(tmp_path: Path) -> None:
    """Nothing is kept of calls that are over."""
    box = outbox(tmp_path)
    told(box, ANSWERED)
    told(box, ENDED)
    assert body(told(box, ANSWERED))["event"] == "call.started"


def test_every_answer_can_be_told(tmp_path: Path) -> None:
    """By the log's name; beside `call.started`, only those that start nothing."""
    alone, both = outbox(tmp_path, "call.answered"), outbox(tmp_path, "call.answered,call.started")
    events = [body(told(box, ANSWERED))["event"] for box in (alone, alone, both, both)]
    assert events == ["call.answered", "call.answered", "call.started", "call.answered"]


def test_what_nobody_chose_is_not_told(tmp_path: Path) -> None:
    """By default only the start and the end."""
    assert told(outbox(tmp_path), DtmfGroup(count=2, at_ms=5.0)) is None


def test_a_turn_is_flat(tmp_path: Path) -> None:
    """Its stages are fields of their own, as in the log."""
    data = body(told(outbox(tmp_path, "turn.done"), TURN))["data"]
    assert data["response_id"] == "r1"
    assert "turn" not in data


def test_every_event_has_its_name_and_those_that_are_only_words_are_kept_back() -> None:
    """The list is the vocabulary itself."""
    known = tellable()
    assert len(known) == len(get_args(CallEvent)) + 1
    assert {"call.started", "call.ended", "barge_in", "dtmf", "handoff"} <= known.keys()
    assert [name for name, told in known.items() if not told] == [
        "caller.spoke",
        "agent.spoke",
        "noted",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("call.ended,call.strated", "no event 'call.strated' (did you mean call.started?)"),
        ("CallEnded", "no event 'CallEnded' (did you mean call.ended?)"),
        ("bargein", "no event 'bargein' (did you mean barge_in?)"),
        ("agent.spok", "no event 'agent.spok' (did you mean agent.stopped?)"),
        ("noted", "noted is about words, which are for the records only"),
        ("caller.spoke", "caller.spoke is about words, which are for the records only"),
    ],
)
def test_a_wrong_name_is_refused_at_start(tmp_path: Path, given: str, said: str) -> None:
    """By name, with the nearest one that could be meant."""
    with pytest.raises(ConfigError) as wrong:
        open_outbox(settings_in(tmp_path, hook_url=URL, hook_events=given))
    assert str(wrong.value) == f"GATEWAY_HOOK_EVENTS: {said}"


def test_words_never_leave(tmp_path: Path) -> None:
    """Nothing tells an event with words in it, whatever it is called."""
    box = outbox(tmp_path)
    for event in (CallerSpoke("i1", "my secret"), ToolStarted("t", 1.0, arguments="my secret")):
        assert told(box, event) is None
        renamed = box.delivery(event, "call.ended", 1, AT, {"call_sid": "CA1"})
        assert renamed is not None
        assert "my secret" not in renamed.values["body"]
