"""The commands on live calls, over a gateway that answers by hand."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.cli.test_gatewayapi import Gateway, answering

ONE, TWO = "CA" + "1" * 32, "CA" + "12" * 16
CALL: dict[str, Any] = {
    "call_sid": ONE,
    "caller": "+4930*****78",
    "called": "+4930*****00",
    "agent": "frontdesk",
    "state": "live",
    "speaking": "agent",
    "offered_at": "2026-11-27T08:00:00+00:00",
    "turns": 3,
    "response_ms": 812.4,
    "cost_usd": 0.0123,
    "listeners": 2,
}
QUIET = {**CALL, "call_sid": TWO, "speaking": "", "response_ms": None, "cost_usd": None}

Answers = Callable[..., Any]


@pytest.fixture
def on(command: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, Gateway]]:
    """Runs a command on live calls against a gateway with these answers."""
    monkeypatch.setenv("GATEWAY_API_TOKEN", "made-up")

    def run(answers: list[tuple[int, Any]], *words: str) -> tuple[Any, Gateway]:
        said = [(status, json.dumps(body).encode()) for status, body in answers]
        with answering(*said) as gateway:
            return command("calls", *words, "--gateway", gateway.url), gateway

    return run


def test_live_calls_are_a_table(on: Answers) -> None:
    """Who, where it is, who speaks, what it cost, who listens."""
    done, gateway = on([(200, [CALL, QUIET])], "live")
    assert (done.code, gateway.asked[0][:2]) == (0, ("GET", "/api/live/calls"))
    head, first, second = done.out.splitlines()
    assert head.split()[-1] == "listeners"
    for word in (ONE, "+4930*****78 → +4930*****00", "frontdesk", "live", "agent", "812", "2"):
        assert word in first
    assert TWO in second


def test_nobody_is_on_the_line(on: Answers) -> None:
    """It says so; JSON is an empty list."""
    assert "Nobody" in on([(200, [])], "live")[0].out
    assert json.loads(on([(200, [])], "live", "--json")[0].out) == []


@pytest.mark.parametrize(
    ("words", "what", "body", "answer", "said"),
    [
        (
            ("whisper", ONE, "Be kind."),
            "whisper",
            {"text": "Be kind.", "answer": False},
            {"answer": "none"},
            "was told.",
        ),
        (
            ("whisper", ONE, "Ask why.", "--answer"),
            "whisper",
            {"text": "Ask why.", "answer": True},
            {"answer": "later"},
            "when what is being said is over",
        ),
        (
            ("take-over", ONE, "--number", "+493012345679", "--summary", "Mine."),
            "take-over",
            {"number": "+493012345679", "summary": "Mine."},
            {"destination": "operator"},
            "operator is rung",
        ),
        (
            ("take-over", ONE, "--to", "office"),
            "take-over",
            {"destination": "office", "summary": ""},
            {"destination": "office"},
            "office is rung",
        ),
        (("hang-up", ONE), "hang-up", {}, {"reason": "operator_hung_up"}, "is over"),
    ],
)
def test_a_wish_is_the_gateways_to_grant(
    on: Answers, words: tuple[str, ...], what: str, body: Any, answer: Any, said: str
) -> None:
    """One request with what was typed; what came of it in a sentence, or as JSON."""
    done, gateway = on([(200, answer)], *words)
    assert (done.code, said in done.out) == (0, True)
    (asked,) = gateway.asked
    assert asked[:2] == ("POST", f"/api/live/calls/{ONE}/{what}")
    assert json.loads(asked[3]) == body
    done, _ = on([(200, answer)], *words, "--json")
    assert json.loads(done.out) == answer


def test_the_beginning_of_an_id_is_enough(on: Answers) -> None:
    """If only one live call begins like it."""
    done, gateway = on([(200, [CALL, QUIET]), (200, {})], "hang-up", ONE[:6])
    assert done.code == 0
    assert gateway.asked[1][1] == f"/api/live/calls/{ONE}/hang-up"
    for given, words in ((TWO[:3], "at least 4"), ("CA19", "fits 0"), ("CA1", "at least 4")):
        done, _ = on([(200, [CALL, QUIET])], "hang-up", given)
        assert (done.code, words in done.err) == (1, True)
    both = {**QUIET, "call_sid": ONE[:-1] + "2"}
    done, _ = on([(200, [CALL, both])], "hang-up", ONE[:6])
    assert (done.code, "fits 2 live calls" in done.err) == (1, True)


def test_why_not_is_one_line(on: Answers) -> None:
    """As the gateway says it."""
    done, _ = on([(409, {"error": "a transfer is under way"})], "hang-up", ONE)
    assert (done.code, done.err) == (1, "gateway: a transfer is under way\n")
