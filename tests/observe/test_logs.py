"""Log lines: one event each, machine-readable, and nothing in them that is not for logs."""

import json
import logging
import re
import subprocess
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import pytest
import structlog

from gateway.core.events import (
    AgentSpoke,
    AgentStarted,
    AgentStopped,
    CallEnded,
    CallerSpoke,
    CallEvent,
    CallOffered,
    CarrierOddity,
    DtmfGroup,
    ModelLost,
    ToolStarted,
    TurnDone,
    UsageCounted,
)
from gateway.core.shown import event_name
from gateway.core.turns import Turn
from gateway.observe.logs import configure_logs, event_log
from gateway.settings import load_settings
from tests.digits import stand_in

CALL_SID = "CA" + "0" * 32
LEVELS = {
    ModelLost: "error",
    AgentStarted: "debug",
    AgentStopped: "debug",
    UsageCounted: "debug",
}
HOSTILE = '\r\n{"event": "forged"}\x1b[2J\x1b[31mred\u2028\u0085\x00\x07'
Logged = Callable[..., list[str]]


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Logged:
    """Logs events as JSON; the lines that were written, those for debugging too."""

    def lines(*told: CallEvent, call_sid: str = CALL_SID, level: str = "debug") -> list[str]:
        configured("json", level)
        for event in told:
            event_log()(call_sid, event)
        return capsys.readouterr().err.splitlines()

    return lines


def configured(log_format: str, level: str = "info") -> None:
    """Sets logging up as a command does, for this test only."""
    configure_logs(load_settings(_env_file=None, log_format=log_format, log_level=level))


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> typing.Iterator[None]:
    """Logging is set up per process: what a test changes is undone."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    structlog.reset_defaults()
    root.setLevel(level)
    root.handlers[:] = handlers


def kinds() -> list[type[Any]]:
    """Every kind of call event."""
    return list(typing.get_args(CallEvent))


def example(kind: type[Any], text: str = "text") -> Any:
    """An event of that kind; every text in it is `text`, every number 12.345678."""
    if kind is Turn:
        return Turn(*(12.345678 for _ in fields(Turn)))  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind)
    return kind(*(value_of(hints[field.name], text) for field in fields(kind)))


def value_of(hint: Any, text: str) -> Any:
    """A value of a field's type."""
    if hint is Turn:
        return example(Turn)
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)[0]
    values = {str: text, int: 12, float: 12.345678, bool: True, float | None: 12.345678}
    return {text: 12} if typing.get_origin(hint) is Mapping else values[hint]


# Shape


def test_there_are_events_to_log() -> None:
    """The tests below see every event there is, and each has a name of its own."""
    assert len(kinds()) > 15
    assert len({event_name(example(kind)) for kind in kinds()}) == len(kinds())


def test_names_are_short_and_regular() -> None:
    """The first word is the thing, the rest what happened."""
    assert event_name(CallOffered("", "", "", "")) == "call.offered"
    assert event_name(CarrierOddity("")) == "carrier.oddity"
    assert event_name(DtmfGroup(1, 0)) == "dtmf"
    for kind in kinds():
        assert re.fullmatch(r"[a-z]+(\.[a-z_]+)?|barge_in", event_name(example(kind)))


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_an_event_is_one_line_of_json(logged: Logged, kind: type[Any]) -> None:
    """The name first, then when, then the call; numbers rounded; words of people not at all."""
    written = logged(example(kind))
    if kind in (AgentSpoke, CallerSpoke):
        assert written == []
        return
    assert len(written) == 1
    line = json.loads(written[0])
    assert list(line)[:2] == ["event", "at"]
    assert line["event"] == event_name(example(kind))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["at"])
    assert line["call_sid"] == CALL_SID
    assert line["level"] == LEVELS.get(kind, "info")
    for name, value in line.items():
        if isinstance(value, float):
            assert value == (12.345678 if name.endswith("_usd") else 12.35)


def test_a_turn_lies_flat(logged: Logged) -> None:
    """Its times are fields of the line, not a table in it."""
    line = json.loads(logged(example(TurnDone))[0])
    assert "turn" not in line
    assert {field.name for field in fields(Turn)} <= line.keys()


def test_the_level_is_the_deployments(capsys: pytest.CaptureFixture[str]) -> None:
    """Above info only what went wrong is written."""
    configured("json", level="warning")
    event_log()(CALL_SID, ToolStarted("look_up", 1))
    event_log()(CALL_SID, ModelLost("model_closed", "1011"))
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == [
        "model.lost"
    ]


def test_a_turn_has_one_line(logged: Logged) -> None:
    """Its beginning, its end and its tokens are for debugging."""
    told = [example(kind) for kind in (AgentStarted, TurnDone, UsageCounted, AgentStopped)]
    assert [json.loads(line)["event"] for line in logged(*told, level="info")] == ["turn.done"]


# What is not for logs


def test_nobodys_words_are_logged(logged: Logged) -> None:
    """Neither the caller's nor the agent's, and of digits only how many."""
    caller, agent = CallerSpoke("item_1", "it is 4711"), AgentSpoke("item_2", "so it is 4711")
    tool = ToolStarted("look_up", 1.0, 1, "desk", '{"pin": "4711"}')
    written = logged(caller, agent, tool, DtmfGroup(4, 1.0))
    assert not stand_in("".join(written), "4711")
    assert [json.loads(line)["event"] for line in written] == ["tool.started", "dtmf"]
    assert json.loads(written[-1])["count"] == 4


def test_no_field_is_overwritten_by_the_line_itself() -> None:
    """`event`, `at`, `level` and `call_sid` are the line's own."""
    names = {field.name for kind in kinds() for field in fields(kind)}
    assert not names & {"event", "at", "level", "call_sid"}


def test_events_have_no_place_for_secrets() -> None:
    """No kind of event has a field for a ticket, token, key or digit."""
    names = {field.name for kind in kinds() for field in fields(kind)}
    assert not [n for n in names if re.search("ticket|token|secret|key|digit|password", n)]
    texts = [field for kind in kinds() for field in fields(kind) if field.name == "text"]
    assert all(field.metadata["words"] for field in texts)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+15551234567", "+*********67"),
        ("15551234567", "*********67"),
        ("sip:+15551234567@example.com", "sip:+*********67@example.com"),
        ("+1 555 123-4567", "+* *** ***-**67"),
        ("(555) 123 4567", "(***) *** **67"),
        ("+4930123456", "+********56"),
        ("112", "*12"),
        ("7", "7"),
        ("anonymous", "anonymous"),
        ("client:alice", "client:alice"),
        ("", ""),
    ],
)
def test_numbers_are_masked(logged: Logged, number: str, shown: str) -> None:
    """However a number is written, its last two digits are enough to tell two calls apart."""
    line = json.loads(logged(CallOffered(number, number, "assistant", "inbound"))[0])
    assert (line["caller"], line["called"]) == (shown, shown)


# What a stranger wrote


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_nobody_forges_a_line(logged: Logged, kind: type[Any]) -> None:
    """Line breaks, terminal codes and separators in any text stay inside their field."""
    for text in logged(example(kind, HOSTILE), call_sid=CALL_SID + HOSTILE):
        line = json.loads(text)
        assert line["event"] == event_name(example(kind))
        assert line["call_sid"] == CALL_SID + HOSTILE
        assert text.isascii()
        assert text.isprintable()


def test_nobody_forges_a_line_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """In the console format too: no line of a stranger's, no terminal code of a stranger's."""
    configured("console", "debug")
    for kind in kinds():
        event_log()(CALL_SID + HOSTILE, example(kind, HOSTILE))
    written = capsys.readouterr().err
    ours = re.compile(r"\x1b\[\d+(;\d+)*m")
    plain = ours.sub("", written.replace("\\x1b[31m", ""))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", plain)
    assert "\x1b[31mred" not in written
    assert len(written.splitlines()) == len(kinds()) - 2


def test_the_console_format_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Name and fields are there, in no JSON."""
    configured("console")
    event_log()(CALL_SID, CallEnded("caller_hung_up", 1000.0, 500.0, 50, 1, 0))
    written = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().err)
    assert re.match(r"\d{4}-\d\d-\d\dT\S+ \[info +\] call\.ended ", written)
    assert "reason=caller_hung_up" in written
    assert "inbound_frames=50" in written


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_values(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    """Where it crashed, yes; what the variables held (keys among them), no."""
    configured(log_format, level="debug")

    def crash(api_key: str) -> None:
        raise RuntimeError("crashed")

    try:
        crash("sk-" + "canary")
    except RuntimeError as error:
        structlog.get_logger().debug("call.crashed.trace", exc_info=error)
    written = capsys.readouterr().err
    assert "RuntimeError: crashed" in written
    assert "sk-canary" not in written
    if log_format == "json":
        assert len(written.splitlines()) == 1


# Libraries

LIBRARY = """
import logging
from gateway.observe.logs import configure_logs
from gateway.settings import load_settings
configure_logs(load_settings(_env_file=None, log_format={log_format!r}, log_level={level!r}))
log = logging.getLogger("uvicorn.error")
log.info("connection open")
log.warning("Invalid request: %s", {text!r})
try:
    1 / 0
except ZeroDivisionError:
    log.exception("Exception in application")
"""


def library(log_format: str, level: str = "info") -> str:
    """What a process writes whose libraries log."""
    code = LIBRARY.format(log_format=log_format, level=level, text=HOSTILE)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == ""
    return done.stderr


def test_what_libraries_log_has_the_same_form() -> None:
    """One line of JSON each, warnings and worse only, tracebacks inside the line."""
    written = library("json").split("\n")[:-1]
    assert all(text.isascii() and text.isprintable() for text in written)
    found = [json.loads(line) for line in written]
    assert [line["event"] for line in found] == [
        f"Invalid request: {HOSTILE}",
        "Exception in application",
    ]
    assert [list(line)[:2] for line in found] == [["event", "at"]] * 2
    assert [line["level"] for line in found] == ["warning", "error"]
    assert [line["logger"] for line in found] == ["uvicorn.error"] * 2
    assert "ZeroDivisionError" in found[1]["exception"]


def test_libraries_do_not_forge_lines_on_a_terminal() -> None:
    """What they quote of a stranger is made printable."""
    written = re.sub(r"\x1b\[\d+(;\d+)*m", "", library("console").replace("\x1b[31mred", "FORGED"))
    assert "FORGED" not in written
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", written)
    assert not [line for line in written.split("\n") if line.startswith("{")]


def test_lines_of_a_traced_call_name_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """Of any part of the gateway's, and without a search: the IDs are the call's own."""
    settings = load_settings(_env_file=None, log_format="json", otel="https://collect.example")
    configure_logs(settings)
    event_log()(CALL_SID[:-1] + "7", CallOffered("", "", "", ""))
    structlog.get_logger().info("carrier.status", call_sid=CALL_SID[:-1] + "7")
    structlog.get_logger().info("gateway.ready")
    told, bound, other = map(json.loads, capsys.readouterr().err.splitlines())
    assert told["trace_id"] == bound["trace_id"] == "0" * 31 + "7"
    assert told["span_id"] == bound["span_id"]
    assert "trace_id" not in other


def test_lines_name_no_trace_where_there_is_none(logged: Logged) -> None:
    """Traces are off by default."""
    assert "trace_id" not in logged(CallOffered("", "", "", ""))[0]
