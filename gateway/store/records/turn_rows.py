"""The rows of one call in ``turns``: what was said, in the order in which it began.

A row is made, and numbered, when a turn begins: the caller's when its voice was noticed, the
agent's when the caller begins to hear it, one nobody heard when it is given up. So the numbers have
no gap at any moment, and what interrupts a turn stands behind it. Words, ends and latencies come
when they come, and are added to their row.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.core.events import (
    AgentSpoke,
    AgentStarted,
    AgentStopped,
    BargeIn,
    CallEnded,
    CallerSpoke,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallOffered,
    Handoff,
    TurnDone,
)
from gateway.core.turns import Turn
from gateway.core.words import NOT_SPOKEN, split_heard
from gateway.store.entry import Change
from gateway.store.records.rows import row

_STAGES = ("kind", "endpoint_ms", "model_ms", "gateway_ms", "play_ms", "response_ms")

_REMEMBERED = 64
"""Turns of each side that are remembered: of none that is older will anything be told."""

Redact = Callable[[str, str], str]
"""Takes words, and what the other side said before them; returns what may be kept of the words."""

_Values = dict[str, Any]


class _Spoken:
    """What has to be remembered of one row."""

    __slots__ = ("audio_ms", "cause", "from_ms", "heard_ms", "number", "over", "text", "unique")

    def __init__(self, number: int, item_id: str) -> None:
        self.number = number
        self.unique = bool(item_id) and not item_id.startswith("gateway")
        """False for the gateway's own audio, which may be heard again under the same name."""
        self.over = False
        self.from_ms: float | None = None
        self.heard_ms = 0
        self.audio_ms = 0
        self.text: str | None = None
        self.cause: str | None = None

    @property
    def spent(self) -> bool:
        """True when a new beginning under the same name is another turn."""
        return self.over and not self.unique

    @property
    def told(self) -> bool:
        """True when further words under the same name are of another turn."""
        return self.spent and self.text is not None

    def change(self, values: _Values) -> list[Change]:
        """Its row with new values, if there are any."""
        return [row("turns", {"number": self.number}, values)] if values else []

    def lasts(self, from_ms: float, to_ms: float | None = None) -> _Values:
        """Its times; it never ends before it began."""
        values: _Values = {} if to_ms is None else {"to_ms": max(from_ms, to_ms)}
        if from_ms != self.from_ms:
            values["from_ms"] = self.from_ms = from_ms
        return values

    def says(self, text: str) -> _Values:
        """Its words."""
        self.text = text
        return {"text": text}

    def heard(self) -> _Values:
        """How much of an agent's turn that is over was heard, as audio and as words."""
        values: _Values = {
            "heard_ms": self.heard_ms,
            "audio_ms": self.audio_ms,
            "interrupted": self._share < 1.0 or self.cause is not None,
        }
        return values | self.heard_words()

    def heard_words(self) -> _Values:
        """Nothing before both the words and the end are known."""
        if self.text is None or not self.over:
            return {}
        heard, unheard = split_heard(self.text, self._share)
        return {"heard_text": heard, "unheard_text": unheard}

    @property
    def _share(self) -> float:
        return min(1.0, self.heard_ms / max(1, self.audio_ms))


class TurnRows:
    """The turns of one call."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self._agent = ""
        self._count = 0
        self._by_caller: dict[str, _Spoken] = {}
        self._by_agent: dict[str, _Spoken] = {}
        self._words: dict[str, str] = {}
        """Of items the caller has heard nothing of yet."""
        self._causes: dict[str, str] = {}
        """Why items were cut off that the caller has heard nothing of."""
        self._answers: dict[str, _Spoken] = {}
        """The first item of each response."""
        self._measured: dict[str, Turn] = {}
        """Latencies of responses that have no item yet."""
        self._ended_ms: float | None = None

    def tell(self, event: CallEvent) -> list[Change]:
        """The rows that change by an event, in any order of events."""
        told = _TOLD.get(type(event))
        return [] if told is None else told(self, event)

    # The caller

    def _caller_started(self, event: CallerStarted) -> list[Change]:
        turn, values = self._caller_turn(event.item_id)
        if turn.from_ms is not None:
            return []
        return turn.change(values | turn.lasts(event.from_ms))

    def _caller_stopped(self, event: CallerStopped) -> list[Change]:
        nameless = self._by_caller.get("")
        if event.item_id not in self._by_caller and nameless is not None and not nameless.over:
            turn, values = self._named(nameless, event.item_id)
        else:
            turn, values = self._caller_turn(event.item_id)
        turn.over = True
        from_ms = event.to_ms if turn.from_ms is None else turn.from_ms
        return turn.change(values | turn.lasts(from_ms, event.to_ms))

    def _caller_spoke(self, event: CallerSpoke) -> list[Change]:
        turn = self._by_caller.get(event.item_id)
        text = self._redact(event.text, self._last_words(self._by_agent, before=turn))
        if turn is not None and not turn.told:
            return turn.change(turn.says(text))
        if not text.strip():
            return []  # a sound that was no turn
        turn, values = self._caller_turn(event.item_id)
        return turn.change(values | turn.says(text))

    def _caller_turn(self, item_id: str) -> tuple[_Spoken, _Values]:
        """The turn of that item, and what its row begins with if it is new."""
        turn = self._by_caller.get(item_id)
        if turn is not None and not turn.spent:
            return turn, {}
        turn = self._next(item_id)
        _remember(self._by_caller, item_id, turn)
        return turn, {"who": "caller", "item_id": item_id}

    def _named(self, turn: _Spoken, item_id: str) -> tuple[_Spoken, _Values]:
        """The turn began before its item was known."""
        _remember(self._by_caller, item_id, self._by_caller.pop(""))
        turn.unique = True
        return turn, {"item_id": item_id}

    # The agent

    def _offered(self, event: CallOffered) -> list[Change]:
        self._agent = self._agent or event.agent
        return []

    def _handed_off(self, event: Handoff) -> list[Change]:
        self._agent = event.to_agent
        return []

    def _agent_started(self, event: AgentStarted) -> list[Change]:
        """Told again of an item that was held back before any of it was heard."""
        if event.item_id in NOT_SPOKEN:
            return []
        turn, values = self._agent_turn(event.item_id, event.response_id)
        if turn.over:
            return []
        return turn.change(values | turn.lasts(event.at_ms))

    def _agent_stopped(self, event: AgentStopped) -> list[Change]:
        if event.item_id in NOT_SPOKEN:
            return []
        turn, values = self._agent_turn(event.item_id, event.response_id)
        again, turn.over = turn.over, True
        turn.heard_ms, turn.audio_ms = event.heard_ms, event.audio_ms
        if again:  # it was cut off while it was being made, and is longer than it was then
            return turn.change(turn.heard())
        from_ms = turn.from_ms
        if from_ms is None or not event.heard_ms:
            from_ms = event.at_ms - event.heard_ms
        return turn.change(values | turn.lasts(from_ms, event.at_ms) | turn.heard())

    def _agent_spoke(self, event: AgentSpoke) -> list[Change]:
        if event.item_id in NOT_SPOKEN:
            return []
        turn = self._by_agent.get(event.item_id)
        text = self._redact(event.text, self._last_words(self._by_caller, before=turn))
        if turn is not None and not turn.told:
            return turn.change(turn.says(text) | turn.heard_words())
        self._words[event.item_id] = text
        return [] if self._ended_ms is None else self._give_up(self._ended_ms)

    def _cut_off(self, event: BargeIn) -> list[Change]:
        turn = self._by_agent.get(event.item_id)
        if turn is None:
            self._causes[event.item_id] = event.cause
            return []
        turn.cause = event.cause
        return turn.change({"cause": event.cause, "interrupted": True})

    def _measured_turn(self, event: TurnDone) -> list[Change]:
        response_id = event.turn.response_id
        if response_id in self._answers:
            return self._answers[response_id].change(_stages(event.turn))
        self._measured[response_id] = event.turn
        return []

    def _ended(self, event: CallEnded) -> list[Change]:
        if self._ended_ms is None:
            self._ended_ms = event.duration_ms
        return self._give_up(self._ended_ms)

    def _give_up(self, at_ms: float) -> list[Change]:
        """Words nobody will hear any more become turns of no length."""
        changes = []
        for item_id in list(self._words):
            turn, values = self._agent_turn(item_id, "")
            turn.over = True
            changes += turn.change(values | turn.lasts(at_ms, at_ms) | turn.heard())
        return changes

    def _agent_turn(self, item_id: str, response_id: str) -> tuple[_Spoken, _Values]:
        """The turn of that item, and what its row begins with if it is new."""
        turn = self._by_agent.get(item_id)
        if turn is not None and not turn.spent:
            return turn, {}
        turn = self._next(item_id)
        _remember(self._by_agent, item_id, turn)
        values: _Values = {"who": "agent", "agent": self._agent, "item_id": item_id}
        values["response_id"] = response_id
        if item_id in self._words:
            values |= turn.says(self._words.pop(item_id))
        if item_id in self._causes:
            turn.cause = self._causes.pop(item_id)
            values |= {"cause": turn.cause, "interrupted": True}
        return turn, values | self._answer(turn, response_id)

    def _answer(self, turn: _Spoken, response_id: str) -> _Values:
        """The latencies are those of a response's first item."""
        if not response_id or response_id in self._answers:
            return {}
        _remember(self._answers, response_id, turn)
        measured = self._measured.pop(response_id, None)
        return {} if measured is None else _stages(measured)

    def _last_words(self, turns: Mapping[str, _Spoken], before: _Spoken | None) -> str:
        """What one side said last, before a turn of the other's or by now."""
        number = self._count + 1 if before is None else before.number
        said = [each for each in turns.values() if each.number < number and each.text]
        return max(said, key=lambda each: each.number).text or "" if said else ""

    def _next(self, item_id: str) -> _Spoken:
        self._count += 1
        return _Spoken(self._count, item_id)


def _remember(turns: dict[str, _Spoken], name: str, turn: _Spoken) -> None:
    """The newest one, whatever had that name before; the oldest of too many is forgotten."""
    turns.pop(name, None)
    turns[name] = turn
    if len(turns) > _REMEMBERED:
        del turns[next(iter(turns))]


def _stages(turn: Turn) -> _Values:
    return {name: getattr(turn, name) for name in _STAGES}


_TOLD: dict[type[Any], Callable[[TurnRows, Any], list[Change]]] = {
    CallOffered: TurnRows._offered,
    CallEnded: TurnRows._ended,
    CallerStarted: TurnRows._caller_started,
    CallerStopped: TurnRows._caller_stopped,
    CallerSpoke: TurnRows._caller_spoke,
    AgentStarted: TurnRows._agent_started,
    AgentStopped: TurnRows._agent_stopped,
    AgentSpoke: TurnRows._agent_spoke,
    BargeIn: TurnRows._cut_off,
    TurnDone: TurnRows._measured_turn,
    Handoff: TurnRows._handed_off,
}
