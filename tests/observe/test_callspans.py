"""A call as a tree of spans, whatever happens in it."""

import random
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind, StatusCode

from gateway.core.events import (
    AgentSpoke,
    CallAnswered,
    CallEnded,
    CallerSpoke,
    CallEvent,
    CallOffered,
    GuardrailTripped,
    ModelConnected,
    ModelLost,
    Noted,
    RecordingEnded,
    RecordingStarted,
    ToolEnded,
    ToolStarted,
    TransferStarted,
    TurnDone,
    UsageCounted,
)
from gateway.observe.callspans import _TOLD
from tests.observe.test_logs import example
from tests.observe.tree import BEGUN_NS, CALL_SID, OFFERED, Tree, is_below, lasts, noted, told, turn

KINDS = typing.get_args(CallEvent)
ENDED = CallEnded("caller_hung_up", 20_000.0, 9_000.0, 1000, 2, 1)
CANARY = "Zebulon Quagmire"


def test_the_call_is_the_root() -> None:
    """A server's span, with what is known of the call and no number."""
    made = Tree().tell((20_000, ENDED))
    root = made.one("call")
    assert root.parent is None
    assert root.kind is SpanKind.SERVER
    assert lasts(root) == (0, 20_000)
    attributes = told(root)
    assert attributes["gen_ai.conversation.id"] == CALL_SID
    assert attributes["gen_ai.request.model"] == "gpt-realtime-2.1"
    assert attributes["gen_ai.agent.name"] == "frontdesk"
    assert attributes["gateway.route"] == "main"
    assert attributes["gateway.reason"] == "caller_hung_up"
    assert attributes["gateway.turns"] == 2
    assert root.status.status_code is StatusCode.UNSET
    assert "5550143" not in str(attributes)


@pytest.mark.parametrize(
    ("reason", "broken"),
    [("model_closed", True), ("socket_lost", True), ("agent_hung_up", False), ("idle", False)],
)
def test_a_call_that_broke_is_an_error(reason: str, broken: bool) -> None:
    """Named by its reason; callers and agents may end calls as they like."""
    root = Tree().tell((1, CallEnded(reason, 1.0, 0.0, 0, 0, 0))).one("call")
    assert (root.status.status_code is StatusCode.ERROR) is broken
    assert told(root).get("error.type") == (reason if broken else None)


def test_the_connection_to_the_model_is_a_client_span() -> None:
    """As long as it took."""
    made = Tree().tell((400, ModelConnected(350.0)), (20_000, ENDED))
    span = made.one("model.connect")
    assert span.kind is SpanKind.CLIENT
    assert lasts(span) == (50, 400)
    assert is_below(span, made.one("call"))
    assert told(span)["gen_ai.request.model"] == "gpt-realtime-2.1"


def test_a_model_that_cannot_be_had_is_an_error_without_its_words() -> None:
    """A server may quote anything in what it says is wrong."""
    made = Tree().tell((300, ModelLost("model_auth", f"bad key {CANARY}")), (5000, ENDED))
    span = made.one("model.connect")
    assert span.status.status_code is StatusCode.ERROR
    assert told(span)["error.type"] == "model_auth"
    assert noted(made.one("call")) == [("model.lost", 300)]
    assert told(made.one("call"))["error.type"] == "model_auth"  # who hangs up then is not to blame
    assert CANARY not in str([each.to_json() for each in made.spans()])


def test_a_caller_who_does_not_wait_for_the_model_is_no_error() -> None:
    """The connection was not finished."""
    span = Tree().tell((300, ENDED)).one("model.connect")
    assert span.status.status_code is StatusCode.UNSET
    assert told(span)["gateway.unfinished"] is True


def test_a_recording_is_a_span_from_its_first_sound() -> None:
    """Known exactly when it is closed, and never before the call."""
    made = Tree().tell(
        (1000, RecordingStarted("2026/x.ulaw", 900.0)),
        (19_000, RecordingEnded(18_000.0, "", True, 18_900.0, from_ms=800.0)),
        (20_000, ENDED),
    )
    span = made.one("recording")
    assert lasts(span) == (900, 19_000)
    assert told(span)["gateway.recording.kept"] is True
    assert is_below(span, made.one("call"))
    early = Tree().tell(
        (10, RecordingStarted("x", 10.0)),
        (20, RecordingEnded(1.0, "disk_full", False, 20.0, from_ms=-5000.0)),
        (30, ENDED),
    )
    assert lasts(early.one("recording")) == (0, 20)
    assert told(early.one("recording"))["gateway.recording.incomplete"] == "disk_full"


def test_what_happens_in_a_call_is_noted_on_it() -> None:
    """What has no span of its own, with what the log shows of it."""
    made = Tree().tell(
        (50, CallAnswered("MZ1", 50.0)),
        (9000, TransferStarted("sales", 9000.0, warm=True)),
        (20_000, ENDED),
    )
    root = made.one("call")
    assert noted(root) == [("call.answered", 50), ("transfer.started", 9000)]
    assert dict(root.events[1].attributes or {}) == {
        "gateway.destination": "sales",
        "gateway.warm": True,
    }


def test_what_happens_in_a_turn_is_noted_on_it() -> None:
    """Guardrails, approvals and handoffs are seen where they cost time."""
    made = Tree().tell(
        (1000, TurnDone(turn(kind="greeting"), 1000)),
        (1500, GuardrailTripped("no_promises", 1500.0)),
        (20_000, ENDED),
    )
    assert ("guardrail.tripped", 1500) in noted(made.one("turn"))


def test_tokens_and_cost_are_summed() -> None:
    """Of all answers; the cost is that of everything the model did."""
    used = {"text_in": 10, "audio_out": 4}
    made = Tree().tell(
        (1000, UsageCounted("response", "r", "m", used, 0.0, 0.1, 0.1, 1000.0)),
        (2000, UsageCounted("transcription", "i", "t", {"audio_in": 7}, 0.0, 0.1, 0.2, 2000.0)),
        (3000, UsageCounted("response", "r2", "m", used, 0.0, 0.1, 0.3, 3000.0)),
        (20_000, ENDED),
    )
    attributes = told(made.one("call"))
    assert attributes["gen_ai.usage.input_tokens"] == 20
    assert attributes["gen_ai.usage.output_tokens"] == 8
    assert attributes["gateway.cost_usd"] == 0.3


SPOKEN = (
    (100.0, CallerSpoke("i1", f"I am {CANARY}")),
    (200.0, AgentSpoke("a1", f"Hello {CANARY}")),
    (300.0, ToolStarted("look", 300.0, 1, "frontdesk", f'{{"name": "{CANARY}"}}')),
    (400.0, ToolEnded("look", 100.0, 400.0, 1, f"{CANARY} is known")),
    (500.0, Noted(500.0, f"{CANARY} called")),
    (20_000.0, ENDED),
)


def test_nothing_of_what_is_said_is_told_unless_it_is_wanted() -> None:
    """No words, no numbers, and no attribute named for them."""
    spans = Tree().tell(*SPOKEN).spans()
    text = str([each.to_json() for each in spans])
    assert CANARY not in text
    assert "pii" not in text
    assert OFFERED.caller not in text


def test_where_it_is_wanted_it_is_redacted_and_called_pii() -> None:
    """Every attribute with words or numbers has `pii` in its name; no span's name has any."""
    made = Tree(redact=lambda words, _asked: words.replace(CANARY, "[name]")).tell(*SPOKEN)
    text = str([each.to_json() for each in made.spans()])
    assert CANARY not in text
    assert not any("[name]" in each.name for each in made.spans())
    held = [told(each) for each in made.spans()]
    held += [dict(note.attributes or {}) for each in made.spans() for note in each.events]
    wordy = {name for each in held for name, value in each.items() if "[name]" in str(value)}
    assert wordy == {
        "gateway.pii.transcript.caller",
        "gateway.pii.transcript.agent",
        "gateway.pii.tool.arguments",
        "gateway.pii.tool.result",
        "gateway.pii.note",
    }
    assert told(made.one("call"))["gateway.pii.caller"] == OFFERED.caller


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_any_event_alone_is_a_call(kind: type[typing.Any]) -> None:
    """Nothing fails over what did not happen before, and all spans end with the call."""
    made = Tree().tell((100, example(kind)), (200, ENDED))
    assert made.one("call").end_time is not None
    assert lasts(made.one("call"))[1] in (100, 200)


def test_every_kind_with_a_meaning_of_its_own_is_one_there_is() -> None:
    """The table names no event twice and none that is gone."""
    assert set(_TOLD) <= set(KINDS)
    assert CallOffered in _TOLD


@given(st.randoms(use_true_random=False), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_whatever_happens_children_lie_within_their_parents(
    chance: random.Random, count: int
) -> None:
    """Any events in any order: one root, everything below it, each within its parent's time."""
    kinds = [each for each in KINDS if each not in (CallOffered, CallEnded)]
    made, at_ms = Tree(), 0.0
    for _ in range(count):
        at_ms += chance.uniform(0, 3000)
        made.tell((at_ms, example(chance.choice(kinds))))
    made.tell((at_ms + 1, ENDED))
    spans = made.spans()
    by_id = {each.context.span_id: each for each in spans}
    roots = [each for each in spans if each.parent is None]
    assert [each.name for each in roots] == ["call"]
    for span in spans:
        if span.parent is not None:
            assert is_below(span, by_id[span.parent.span_id])
        begin, end = lasts(span)
        assert all(begin <= at <= end + 0.0 or name == "heard" for name, at in noted(span))


def test_a_call_whose_end_nobody_tells_can_be_closed() -> None:
    """It says so."""
    made = Tree().tell((1000, TurnDone(turn(kind="greeting"), 1000)))
    made.call.close(BEGUN_NS + 5_000_000_000)
    assert lasts(made.one("call")) == (0, 5000)
    assert told(made.one("call"))["gateway.unfinished"] is True
    assert len(made.spans("turn")) == 1
