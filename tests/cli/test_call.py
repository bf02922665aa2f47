"""`gateway call` without a gateway: what is asked, how long, and what the exit code is.

With one, as a process: tests/e2e/test_call_command.py.
"""

import json
import os
import signal
from typing import Any

import pytest
import typer

from gateway.cli import call as call_module
from gateway.cli.call import Wish, interrupts, run_call, settings_of
from gateway.cli.gatewayapi import Refused, Unreachable
from gateway.errors import GatewayError

TO = "+12025550123"


def view(state: str = "waiting", **changes: Any) -> dict[str, Any]:
    """A call as the API shows it."""
    return {
        "id": "D1",
        "to": TO,
        "from": "+12025550100",
        "state": state,
        "outcome": None,
        "well": None,
        **changes,
    }


OVER = view("ended", outcome="completed", words="answered, and over", well=True)
FAILED = view("ended", outcome="busy", words="the line was busy", well=False)


class HandApi:
    """The API by hand: an answer, or an error, for each request."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self._answers = list(answers)

    def __call__(self, _settings: object, _url: str | None) -> "HandApi":
        return self

    def __enter__(self) -> "HandApi":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """One answer."""
        self.asked.append((method, path, request))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_module, "LOOK_S", 0.001)
    monkeypatch.setattr(call_module, "AGAIN_S", 0.001)


def run(monkeypatch: pytest.MonkeyPatch, api: HandApi, **wish: Any) -> int:
    """The command, with that API."""
    monkeypatch.setattr(call_module, "GatewayApi", api)
    return run_call(Wish(TO, **{"body": {}, **wish}))


def test_it_waits_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """And exits with what became of it; what was not said is not sent."""
    api = HandApi(view(), view("ringing"), OVER)
    body = {"agent": "survey", "record": None, "amd": "off"}
    assert run(monkeypatch, api, body=body, key="k") == 0
    assert [each[:2] for each in api.asked] == [
        ("POST", "/api/calls"),
        ("GET", "/api/calls/D1"),
        ("GET", "/api/calls/D1"),
    ]
    sent = api.asked[0][2]
    assert sent["json"] == {"to": TO, "by": "cli", "agent": "survey", "amd": "off"}
    assert sent["headers"] == {"Idempotency-Key": "k"}
    assert run(monkeypatch, HandApi(view(), FAILED)) == 1


def test_each_wish_has_a_key_of_its_own() -> None:
    """Nobody is rung twice by accident, or never by another."""
    assert Wish(TO, {}).key != Wish(TO, {}).key


def test_json_is_the_last_view(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing else; with `--no-wait` it is the first."""
    assert run(monkeypatch, HandApi(view(), FAILED), as_json=True) == 1
    assert json.loads(capsys.readouterr().out) == FAILED
    assert run(monkeypatch, HandApi(view()), as_json=True, wait=False) == 0
    assert json.loads(capsys.readouterr().out) == view()
    assert run(monkeypatch, HandApi(view()), wait=False) == 0
    assert capsys.readouterr().out == "D1\n"


REFUSALS: list[tuple[Exception, str]] = [
    (Unreachable("no gateway answers at http://x", sent=False), "start `gateway serve`"),
    (Refused(401, {"error": "needs a token"}), "TWILIO_AUTH_TOKEN"),
    (
        Refused(422, {"error": "numbers of GB are not called", "rule": "country"}),
        r"not called: numbers of GB are not called \(rule: country\)",
    ),
    (Refused(503, {"error": "the gateway is going to end"}), "not called: the gateway is going"),
]


@pytest.mark.parametrize(("error", "words"), REFUSALS)
def test_a_call_that_is_not_let_in(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    """One line, with what would help."""
    with pytest.raises(GatewayError, match=words):
        run(monkeypatch, HandApi(error))


def test_a_question_without_an_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the same key, so that it rings once; in the end it is said that it may."""
    silent = Unreachable("no answer", sent=True)
    api = HandApi(silent, silent, view(), OVER)
    assert run(monkeypatch, api, key="k") == 0
    assert [each[2]["headers"] for each in api.asked[:3]] == [{"Idempotency-Key": "k"}] * 3
    with pytest.raises(GatewayError, match="may ring all the same"):
        run(monkeypatch, HandApi(silent, silent, silent))


def test_a_gateway_that_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is asked again; one that stays away is given up, and one that knows nothing of the call."""
    away, busy = Unreachable("no gateway", sent=False), Refused(503, {"error": "no database"})
    api = HandApi(view(), away, busy, view("ringing"), OVER)
    assert run(monkeypatch, api) == 0
    with pytest.raises(GatewayError, match="not known here"):
        run(monkeypatch, HandApi(view(), Refused(404, {"error": "no such call"})))
    monkeypatch.setattr(call_module, "GONE_S", 0.0)
    with pytest.raises(GatewayError, match="not known here"):
        run(monkeypatch, HandApi(view(), away, away))


def test_ctrl_c_hangs_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the end is waited for."""
    api = HandApi(view(), view("ringing"), view("ringing"), FAILED)
    ask = api.ask

    def pressed(method: str, path: str, **request: Any) -> dict[str, Any]:
        if len(api.asked) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return ask(method, path, **request)

    monkeypatch.setattr(api, "ask", pressed)
    assert run(monkeypatch, api) == 1
    assert [each[0] for each in api.asked] == ["POST", "GET", "DELETE", "GET"]


def test_a_second_ctrl_c_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is being done just then."""
    api = HandApi(view(), view("ringing"), view("ringing"))
    ask = api.ask

    def pressed(method: str, path: str, **request: Any) -> dict[str, Any]:
        if method != "POST":
            os.kill(os.getpid(), signal.SIGINT)
        return ask(method, path, **request)

    monkeypatch.setattr(api, "ask", pressed)
    assert run(monkeypatch, api) == 1


def test_hands_are_given_back() -> None:
    """Whoever had the signals has them again."""
    before = signal.getsignal(signal.SIGINT)
    with interrupts() as hands:
        os.kill(os.getpid(), signal.SIGTERM)
        hands.wait(1)
        assert hands.pressed == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_the_agent_is_told() -> None:
    """`key=value`; the value may be anything, the key may not."""
    assert settings_of(["name=Ada", "note=a=b", "empty="]) == {
        "name": "Ada",
        "note": "a=b",
        "empty": "",
    }
    for wrong in ("name", "=x", "two words=x", "1=x"):
        with pytest.raises(typer.BadParameter):
            settings_of([wrong])
