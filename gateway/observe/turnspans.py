"""The turns of one call as spans, and the tools that ran in them.

A turn is one answer of the agent's, as everywhere (``turn.done``): it begins with the voice of the
caller it answers, and ends when the caller has heard it, or will hear no more of it. The newest
turn is what everything belongs to until there is another; one that is over but of which something
still plays or runs waits for it, so that what happened in a turn lies within its span.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.trace import Span

from gateway.core.events import (
    AgentStarted,
    AgentStopped,
    CallerStarted,
    CallerStopped,
    CallEvent,
    ToolEnded,
    ToolStarted,
    TurnDone,
    UsageCounted,
)
from gateway.core.turns import Turn
from gateway.observe.spans import Branches, known, mark, ns
from gateway.observe.spoken import LONGEST, Spoken

MOST_WAITING: Final = 8
"""Turns that are over and wait for something at most; then the oldest waits no more."""
MOST_TOOLS: Final = 64
MOST_EARLY: Final = 32
"""Words of items nobody has heard anything of yet, at most."""
_STAGES = ("endpoint_ms", "model_ms", "gateway_ms", "play_ms", "response_ms")


@dataclass(slots=True, eq=False)
class TurnSpan:
    """What is remembered of one turn until its span ends."""

    span: Span
    begun_ns: int
    ends_ns: int
    """By what is known so far."""
    answered: bool = False
    asked: set[str] = field(default_factory=set)
    """Items of the caller that it answers."""
    responses: set[str] = field(default_factory=set)
    items: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    """Heard and whole milliseconds by item; None = it still plays."""
    tools: int = 0
    """That still run."""
    cut: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    said: dict[str, str] = field(default_factory=dict)
    """Words by whose they are."""

    @property
    def is_open(self) -> bool:
        """True while something of it plays, or is just about to, or runs."""
        begins = self.answered and not self.items
        return begins or self.tools > 0 or None in self.items.values()

    def lasts(self, to_ns: int) -> None:
        """It goes on at least until then."""
        self.ends_ns = max(self.ends_ns, to_ns)

    def says(self, who: str, text: str) -> None:
        """Adds words."""
        said = f"{self.said[who]} {text}" if who in self.said else text
        self.said[who] = said[:LONGEST]

    def end(self, latest_ns: int | None = None) -> None:
        """Ends the span."""
        heard = [each for each in self.items.values() if each is not None]
        told: dict[str, Any] = {
            "gateway.interrupted": self.cut if self.answered else None,
            "gateway.unanswered": None if self.answered else True,
            "gateway.heard_ms": sum(each[0] for each in heard) if heard else None,
            "gateway.audio_ms": sum(each[1] for each in heard) if heard else None,
            "gen_ai.usage.input_tokens": self.tokens_in or None,
            "gen_ai.usage.output_tokens": self.tokens_out or None,
            "gateway.cost_usd": round(self.cost_usd, 6) if self.cost_usd else None,
            **{f"gateway.pii.transcript.{who}": text for who, text in self.said.items()},
        }
        self.span.set_attributes(known(told))
        end_ns = self.ends_ns if latest_ns is None else min(self.ends_ns, latest_ns)
        self.span.end(max(self.begun_ns, end_ns))


class TurnSpans:
    """The turns and tools of one call. Takes its events in any order."""

    def __init__(
        self, branches: Branches, root: Span, begun_ns: int, spoken: Spoken | None
    ) -> None:
        self.agent = ""
        """Who speaks now."""
        self.model = ""
        self._branches = branches
        self._root = root
        self._begun_ns = begun_ns
        self._spoken = spoken
        self._voice_ns: int | None = None
        """When the caller's voice began that no turn has yet."""
        self._newest: TurnSpan | None = None
        self._waiting: list[TurnSpan] = []
        self._tools: dict[int, tuple[Span, TurnSpan | None]] = {}
        self._early: dict[str, str] = {}

    def mark(self, event: CallEvent, at_ns: int, more: dict[str, Any] | None = None) -> None:
        """Notes that something happened: in the newest turn, or the call when there is none yet."""
        mark(self._parent(), event, at_ns, more)
        if self._newest is not None:
            self._newest.lasts(at_ns)

    # Turns

    def caller_started(self, event: CallerStarted, at_ns: int) -> None:
        """The caller's voice began; whether it is a turn will be seen."""
        if self._voice_ns is None:
            self._voice_ns = at_ns - ns(max(0.0, event.at_ms - (event.from_ms or event.at_ms)))

    def false_alarm(self) -> None:
        """It was none."""
        self._voice_ns = None

    def caller_stopped(self, event: CallerStopped, at_ns: int) -> None:
        """A turn of the caller's is over: the agent owes an answer, if it did not already."""
        voiced_ns, self._voice_ns = self._voice_ns, None
        if self._newest is None or self._newest.answered:
            spoke_ns = at_ns - ns(max(0.0, event.at_ms - (event.to_ms or event.at_ms)))
            self._supersede(self._open(spoke_ns if voiced_ns is None else voiced_ns))
        if self._newest is not None:
            self._newest.asked.add(event.item_id)
            self._newest.lasts(at_ns)

    def turn_done(self, event: TurnDone, at_ns: int) -> None:
        """An answer begins to be heard."""
        turn, points = event.turn, _points(event.turn, at_ns)
        owed = self._newest if self._newest is not None and not self._newest.answered else None
        replied = owed if turn.kind == "reply" else None
        answer = replied or self._open(points[0][1])
        answer.answered = True
        answer.responses.add(turn.response_id)
        answer.lasts(points[-1][1])
        for name, point_ns in points:
            answer.span.add_event(name, timestamp=max(point_ns, answer.begun_ns))
        answer.span.set_attributes(
            known(
                {
                    "gateway.turn.number": turn.number,
                    "gateway.turn.kind": turn.kind,
                    "gen_ai.agent.name": self.agent or None,
                    "gen_ai.response.id": turn.response_id or None,
                    **{f"gateway.{name}": _rounded(getattr(turn, name)) for name in _STAGES},
                }
            )
        )
        if owed is None:
            self._supersede(answer)
        elif owed is not answer:  # something the agent had begun to say before the caller asked
            self._wait(answer)

    def agent_started(self, event: AgentStarted) -> None:
        """An item of an answer plays."""
        turn = self._of(event.response_id)
        if turn is not None:
            turn.items.setdefault(event.item_id, None)
            self._late(event.item_id, turn)

    def agent_stopped(self, event: AgentStopped, at_ns: int) -> None:
        """It was heard, or cut off."""
        turn = self._of(event.response_id)
        if turn is None:
            return
        turn.items[event.item_id] = (event.heard_ms, event.audio_ms)
        self._late(event.item_id, turn)
        turn.cut = turn.cut or event.cut
        turn.lasts(at_ns)
        self._settle()

    def used(self, event: UsageCounted) -> tuple[int, int]:
        """Tokens an answer used, in and out; those of a transcription are no answer's."""
        if event.source != "response":
            return 0, 0
        tokens_in = sum(count for name, count in event.used.items() if not name.endswith("_out"))
        tokens_out = sum(event.used.values()) - tokens_in
        turn = self._of(event.source_id) or self._newest
        if turn is not None:
            turn.tokens_in += tokens_in
            turn.tokens_out += tokens_out
            turn.cost_usd += event.cost_usd or 0.0
        return tokens_in, tokens_out

    def caller_said(self, item_id: str, text: str, at_ns: int) -> None:
        """Words of the caller, as they may be told; a transcript may be late for its turn."""
        turn = next((each for each in self._turns() if item_id in each.asked), None)
        if turn is None:
            self._apart("caller", text, at_ns)
        else:
            turn.says("caller", text)

    def agent_said(self, item_id: str, text: str, at_ns: int) -> None:
        """Words of the agent, as they may be told; they may come before their item is heard."""
        turn = next((each for each in self._turns() if item_id in each.items), None)
        if turn is not None:
            turn.says("agent", text)
        elif len(self._early) < MOST_EARLY:
            self._early[item_id] = text
        else:
            self._apart("agent", text, at_ns)

    # Tools

    def tool_started(self, event: ToolStarted, at_ns: int) -> None:
        """A tool runs."""
        if len(self._tools) >= MOST_TOOLS:
            self._end_tool(next(iter(self._tools)), at_ns, {"gateway.unfinished": True})
        told: dict[str, Any] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": event.tool,
            "gen_ai.tool.type": "function",
            "gen_ai.agent.name": event.agent or self.agent or None,
            "gateway.tool.number": event.number,
        }
        if self._spoken is not None:
            told["gateway.pii.tool.arguments"] = self._spoken.other(event.arguments)
        turn = self._newest
        name = f"execute_tool {event.tool}"
        self._tools[event.number] = (
            self._branches.start(name, at_ns, told, parent=self._parent()),
            turn,
        )
        if turn is not None:
            turn.tools += 1
            turn.lasts(at_ns)

    def tool_ended(self, event: ToolEnded, at_ns: int) -> None:
        """It answered."""
        told: dict[str, Any] = {"gateway.duration_ms": _rounded(event.duration_ms)}
        if self._spoken is not None:
            told["gateway.pii.tool.result"] = self._spoken.other(event.result)
        self._end_tool(event.number, at_ns, told)

    def close(self, at_ns: int) -> None:
        """The call is over: everything ends, at the latest then."""
        for number in list(self._tools):
            self._end_tool(number, at_ns, {"gateway.unfinished": True})
        for turn in self._turns():
            turn.end(at_ns)
        self._newest, self._waiting = None, []
        for text in self._early.values():
            self._apart("agent", text, at_ns)
        self._early = {}

    # Inside

    def _parent(self) -> Span:
        return self._root if self._newest is None else self._newest.span

    def _open(self, begun_ns: int) -> TurnSpan:
        begun_ns = max(begun_ns, self._begun_ns)
        told = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": self.model or None,
            "gen_ai.agent.name": self.agent or None,
        }
        span = self._branches.start("turn", begun_ns, told, parent=self._root)
        return TurnSpan(span, begun_ns, begun_ns)

    def _supersede(self, turn: TurnSpan) -> None:
        before, self._newest = self._newest, turn
        if before is not None:
            self._wait(before)

    def _wait(self, turn: TurnSpan) -> None:
        self._waiting.append(turn)
        self._settle()

    def _settle(self) -> None:
        """Ends what waits for nothing any more."""
        for turn in list(self._waiting):
            if not turn.is_open or len(self._waiting) > MOST_WAITING:
                self._waiting.remove(turn)
                turn.end()

    def _late(self, item_id: str, turn: TurnSpan) -> None:
        if item_id in self._early:
            turn.says("agent", self._early.pop(item_id))

    def _apart(self, who: str, text: str, at_ns: int) -> None:
        """Words without a turn are noted on the call."""
        self._root.add_event(f"{who}.spoke", {f"gateway.pii.transcript.{who}": text}, at_ns)

    def _of(self, response_id: str) -> TurnSpan | None:
        return next((each for each in self._turns() if response_id in each.responses), None)

    def _turns(self) -> list[TurnSpan]:
        return [*([] if self._newest is None else [self._newest]), *self._waiting]

    def _end_tool(self, number: int, at_ns: int, attributes: dict[str, Any]) -> None:
        span, turn = self._tools.pop(number, (None, None))
        if span is None:
            return
        span.set_attributes(known(attributes))
        span.end(at_ns)
        if turn is not None:
            turn.tools -= 1
            turn.lasts(at_ns)
            self._settle()


def _points(turn: Turn, sent_ns: int) -> list[tuple[str, int]]:
    """When each stage of a turn ended, in order, as far as it is known."""
    heard_ns = sent_ns + ns(turn.play_ms)
    points = [("heard", heard_ns), ("first_frame", sent_ns)]
    at_ns = sent_ns
    replied = turn.kind == "reply"
    names = ("first_audio", "turn_ended" if replied else "response_created", "caller_stopped")
    for name, stage_ms in zip(
        names, (turn.gateway_ms, turn.model_ms, turn.endpoint_ms), strict=True
    ):
        if stage_ms is None:
            break
        at_ns -= ns(stage_ms)
        points.append((name, at_ns))
    if turn.response_ms is not None and points[-1][0] != "caller_stopped":
        points.append(("caller_stopped", heard_ns - ns(turn.response_ms)))
    return points[::-1]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
