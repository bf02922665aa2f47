"""A call as a person reads it: what was said and what happened, in order.

Owns which parts of a record become lines and with what words. Nothing is escaped yet: whoever
shows the lines makes their text inert.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.cli.calls_text import ms, plural, shortened, usd

View = Mapping[str, Any]
Kind = Literal["words", "unheard", "mark", "quiet"]
"""``unheard`` = generated and cut off, ``mark`` = worth seeing, ``quiet`` = for a closer look."""

LONGEST = 600
"""Characters of an argument, a result or a note that are shown here; JSON has all of them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of one kind."""

    text: str
    kind: Kind = "words"


@dataclass(frozen=True, slots=True)
class Moment:
    """What happened at one time."""

    at_ms: float
    who: str
    lines: tuple[tuple[Piece, ...], ...]


def timeline(record: View) -> list[Moment]:
    """What happened in a call, in order; who spoke stands before what happened at the same time."""
    moments = [*_spoken(record), *_done(record), *_told(record["events"])]
    return sorted(moments, key=lambda moment: moment.at_ms)


def _spoken(record: View) -> Iterator[Moment]:
    at_ms = 0.0
    for turn in record["turns"]:
        at_ms = at_ms if turn["from_ms"] is None else turn["from_ms"]
        lines = [_words(turn, purged=record["call"]["text_purged_at"] is not None)]
        if turn["interrupted"]:
            lines.append((Piece(_cut_off(turn), "mark"),))
        if turn["kind"]:
            lines.append((Piece(_stages(turn), "quiet"),))
        yield Moment(at_ms, turn["agent"] or turn["who"] or "", tuple(lines))


def _words(turn: View, *, purged: bool) -> tuple[Piece, ...]:
    """What was heard, then what nobody heard; all of it when that was never found out."""
    heard = turn["text"] if turn["heard_text"] is None else turn["heard_text"]
    pieces = [Piece(heard)] if heard else []
    if turn["unheard_text"]:
        pieces.append(Piece(f"[not heard: {turn['unheard_text']}]", "unheard"))
    missing = "(words deleted)" if purged else "(no words)"
    return tuple(pieces) or (Piece(missing, "quiet"),)


def _cut_off(turn: View) -> str:
    after = "" if turn["heard_ms"] is None else f" after {turn['heard_ms']:.0f} ms"
    return f"▲ cut off{after} by {turn['cause'] or 'something'}"


def _stages(turn: View) -> str:
    """How long an answer took, and whose time it was."""
    names = {"endpoint": "endpoint", "model": "model", "gateway": "gateway", "play": "playout"}
    stages = ", ".join(f"{shown} {ms(turn[f'{name}_ms'])}" for name, shown in names.items())
    waited = "" if turn["response_ms"] is None else f"waited {ms(turn['response_ms'])} ms: "
    return f"{turn['kind'].replace('_', ' ')} · {waited}{stages}"


def _done(record: View) -> Iterator[Moment]:
    for tool in record["tools"]:
        asked = f"{tool['tool']} {shortened(tool['arguments'] or '', LONGEST)}".rstrip()
        lines: list[tuple[Piece, ...]] = [(Piece(asked),)]
        if tool["duration_ms"] is not None:
            answer = shortened(tool["result"] or "", LONGEST)
            lines.append((Piece(f"→ {answer}"), Piece(f"({ms(tool['duration_ms'])} ms)", "quiet")))
        yield Moment(tool["at_ms"] or 0.0, "tool", tuple(lines))
    for handoff in record["handoffs"]:
        yield _line(handoff, "handoff", f"{handoff['from_agent']} → {handoff['to_agent']}")
    for guardrail in record["guardrails"]:
        yield _line(guardrail, "guardrail", f"{guardrail['guardrail']} stopped the agent", "mark")
    for note in record["notes"]:
        yield _line(note, "note", shortened(note["text"] or "(deleted)", LONGEST))


def _line(row: View, who: str, text: str, kind: Kind = "words") -> Moment:
    return Moment(row["at_ms"] or 0.0, who, ((Piece(text, kind),),))


def _told(events: list[View]) -> Iterator[Moment]:
    """Events that have no table of their own; those without a time are where they were told."""
    at_ms = 0.0
    for event in events:
        at_ms = at_ms if event["at_ms"] is None else event["at_ms"]
        told = _TOLD.get(event["name"])
        if told is not None:
            who, words = told
            yield Moment(at_ms, who, ((Piece(words(_Fields(event["fields"] or {})), "mark"),),))


class _Fields(dict[str, Any]):
    """The fields of an event as text: an older gateway's events may have others."""

    def __missing__(self, name: str) -> str:
        return "?"

    def __getitem__(self, name: str) -> str:
        value = super().__getitem__(name)
        if isinstance(value, int | float) and name.endswith("_usd"):
            return usd(value)
        return ms(value) if isinstance(value, float) else str(value)


_TOLD: dict[str, tuple[str, Callable[[_Fields], str]]] = {
    "approval.asked": ("approval", lambda told: f"{told['tool']} waits for a person"),
    "approval.decided": (
        "approval",
        lambda told: f"{told['tool']}: {told['verdict']} after {told['waited_ms']} ms",
    ),
    "consult.started": ("transfer", lambda told: f"{told['destination']} is rung and asked"),
    "consult.answered": ("transfer", lambda told: f"{told['destination']} hears the summary"),
    "transfer.started": ("transfer", lambda told: f"to {told['destination']}"),
    "transfer.failed": ("transfer", lambda told: f"{told['destination']}: {told['status']}"),
    "consent.changed": ("consent", lambda told: f"{told['state']}"),
    "recording.started": ("recording", lambda _: "begins"),
    "recording.ended": ("recording", lambda told: _recording_ended(told)),
    "dtmf": ("caller", lambda told: f"pressed {_keys(told)}"),
    "caller.idle": ("gateway", lambda told: f"is the caller still there? asked {told['asked']}×"),
    "spend.reached": (
        "spending",
        lambda told: (
            f"{told['level']} limit of the {told['scope']}: "
            f"{told['spent_usd']} of {told['limit_usd']}"
        ),
    ),
    "model.lost": ("model", lambda told: f"lost: {told['reason']}"),
    "model.error_reported": ("model", lambda told: f"error: {told['code']}"),
}


def _keys(told: _Fields) -> str:
    return plural(int(told["count"]), "key") if told["count"].isdecimal() else "keys"


def _recording_ended(told: _Fields) -> str:
    if told["kept"] == "False":
        return "ends and is deleted"
    incomplete = told.get("incomplete")
    return f"ends, incomplete: {incomplete}" if incomplete else "ends"
