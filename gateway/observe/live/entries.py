"""The timeline of one live call: its events as entries that people can read.

An event makes an entry, changes one, or says nothing here. That is all that is done when it comes;
words are redacted and JSON is made when somebody looks (:meth:`Timeline.shown`). The newest entries
are kept, so a call that goes on for hours costs no more than one that ends soon.
"""

import json
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from gateway.core.events import (
    AgentSpoke,
    AgentStarted,
    AgentStopped,
    ApprovalAsked,
    ApprovalDecided,
    BargeIn,
    CallAnswered,
    CalleeIdentified,
    CallEnded,
    CallEnding,
    CallerIdle,
    CallerSpoke,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallLive,
    CallOffered,
    ConsentChanged,
    ConsultAnswered,
    ConsultStarted,
    DtmfGroup,
    FalseAlarm,
    GuardrailTripped,
    Handoff,
    MessageStarted,
    ModelErrorReported,
    ModelLost,
    Noted,
    RecordingEnded,
    RecordingStarted,
    SpendReached,
    ToolEnded,
    ToolStarted,
    TransferFailed,
    TransferStarted,
    TurnDone,
    Whispered,
)
from gateway.core.words import NOT_SPOKEN, split_heard

MOST_ENTRIES = 400
"""Kept of a call, 0.9 KB each; the records have the rest."""
MOST_CHARS = 4000
"""Shown of one text."""
_MARGIN_CHARS = 200
"""Of a text that is cut: a number that is only half in it cannot be told from another."""
_MOST_UNHEARD = 50
_STAGES = ("endpoint_ms", "model_ms", "gateway_ms", "play_ms", "response_ms")

Redact = Callable[[str, str], str]
"""Takes words, and what the other side said before them; returns what may be shown of the words."""
Fields = dict[str, Any]


class Entry:
    """One entry: what is known so far, the words as they were said."""

    __slots__ = ("clean", "edition", "fields", "json", "key", "kind", "n", "over")

    def __init__(self, n: int, kind: str, key: Hashable, fields: Fields) -> None:
        self.n = n
        self.kind = kind
        self.key = key
        self.fields = fields
        self.edition = 0
        """When it changed last."""
        self.over = False
        self.clean: dict[str, tuple[str, str]] = {}
        """Field → the words, and what may be shown of them."""
        self.json = ""
        """As it is shown; empty when nobody has looked since it changed."""


class Timeline:
    """The entries of one call."""

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        self.entries: deque[Entry] = deque()
        """Oldest first."""
        self._most = most
        self._count = 0
        self._by_key: dict[Hashable, Entry] = {}
        self._unheard: dict[str, str] = {}
        """Words of agents' items the caller has heard nothing of yet."""
        self._agent = ""
        self._edition = 0
        self._now_ms = 0.0

    def tell(self, event: CallEvent, now_ms: float, edition: int) -> bool:
        """One event; False when it is none of those that are shown.

        ``now_ms`` is for events that do not say when they were, ``edition`` marks what changes.
        """
        self._edition, self._now_ms = edition, now_ms
        kind = type(event)
        plain = _PLAIN.get(kind)
        if plain is not None:
            self._add(plain[0], event, plain[1](event))
            return True
        told = _TOLD.get(kind)
        if told is not None:
            told(self, event)
        return told is not None

    def since(self, edition: int) -> Iterator[Entry]:
        """The entries that changed after an edition, oldest first."""
        # Of a copy: whoever takes them one by one may let others work meanwhile.
        return (entry for entry in list(self.entries) if entry.edition > edition)

    def told(self, entry: Entry, redact: Redact) -> str:
        """An entry as JSON."""
        # Pure ASCII: a model may write half a surrogate pair, which no other encoding takes.
        entry.json = entry.json or json.dumps(self.shown(entry, redact))
        return entry.json

    def shown(self, entry: Entry, redact: Redact) -> Fields:
        """What people see of an entry, its words redacted."""
        fields = entry.fields
        shown: Fields = {"n": entry.n, "kind": entry.kind}
        for name, value in fields.items():
            if name in _WORDS and value:
                shown[name] = self._cleaned(entry, name, value, redact)
            else:
                shown[name] = _rounded(name, value) if type(value) is float else value
        if entry.kind == "agent" and entry.over and shown["text"] is not None:
            share = min(1.0, fields["heard_ms"] / max(1, fields["audio_ms"]))
            shown["heard_text"], shown["unheard_text"] = split_heard(shown["text"], share)
        return shown

    def _cleaned(self, entry: Entry, name: str, words: str, redact: Redact) -> str:
        known = entry.clean.get(name)
        if known is not None and known[0] is words:
            return known[1]
        asked = self._asked(entry, redact) if name == "text" else ""
        clean = cut(words, asked, redact)
        entry.clean[name] = words, clean
        return clean

    def _asked(self, entry: Entry, redact: Redact) -> str:
        """What the other side said last before an entry."""
        other = _ANSWERS.get(entry.kind)
        # No number is left out, so the place of an entry is known.
        for place in range(entry.n - self.entries[0].n - 1, -1, -1):
            before = self.entries[place]
            if before.kind == other and before.fields["text"]:
                words = before.fields["text"]
                known = before.clean.get("text")
                return known[1] if known and known[0] is words else cut(words, "", redact)
        return ""

    # Making and changing

    def _add(self, kind: str, event: Any, fields: Fields, key: Hashable = None) -> Entry:
        self._count += 1
        at_ms = getattr(event, "at_ms", None)
        fields = {"at_ms": self._now_ms if at_ms is None else at_ms, **fields}
        entry = Entry(self._count, kind, key, fields)
        entry.edition = self._edition
        self.entries.append(entry)
        if key is not None:
            self._by_key[key] = entry
        if len(self.entries) > self._most:
            old = self.entries.popleft()
            if self._by_key.get(old.key) is old:
                del self._by_key[old.key]
        return entry

    def _change(self, entry: Entry, **fields: Any) -> None:
        entry.fields |= fields
        entry.edition = self._edition
        entry.json = ""

    def _spoken(self, kind: str, item_id: str) -> Entry | None:
        """The entry of an item; the gateway's own audio may be heard again under its name."""
        entry = self._by_key.get((kind, item_id))
        if entry is None or (entry.over and _is_own(item_id)):
            return None
        return entry

    # The caller

    def _caller_started(self, event: CallerStarted) -> None:
        if self._spoken("caller", event.item_id) is None:
            self._caller(event, event.item_id, event.from_ms)

    def _caller_stopped(self, event: CallerStopped) -> None:
        entry = self._spoken("caller", event.item_id) or self._named(event.item_id)
        if entry is None:
            entry = self._caller(event, event.item_id, event.to_ms)
        entry.over = True
        self._change(entry, to_ms=max(entry.fields["from_ms"], event.to_ms))

    def _caller_spoke(self, event: CallerSpoke) -> None:
        entry = self._spoken("caller", event.item_id)
        if entry is None:
            if not event.text.strip():
                return  # a sound that was no turn
            entry = self._caller(event, event.item_id, self._now_ms)
        self._change(entry, text=event.text)

    def _caller(self, event: CallEvent, item_id: str, from_ms: float) -> Entry:
        fields = {"item_id": item_id, "from_ms": from_ms, "to_ms": None, "text": None}
        return self._add("caller", event, fields, ("caller", item_id))

    def _named(self, item_id: str) -> Entry | None:
        """The turn that began before its item was known."""
        entry = self._by_key.get(("caller", ""))
        if entry is None or entry.over:
            return None
        del self._by_key[entry.key]
        entry.key = ("caller", item_id)
        self._by_key[entry.key] = entry
        entry.fields["item_id"] = item_id
        return entry

    # The agent

    def _offered(self, event: CallOffered) -> None:
        self._agent = self._agent or event.agent
        self._add("state", event, {"state": "offered", "reason": None})

    def _handed_off(self, event: Handoff) -> None:
        self._agent = event.to_agent
        self._add("handoff", event, {"from_agent": event.from_agent, "to_agent": event.to_agent})

    def _agent_started(self, event: AgentStarted) -> None:
        if event.item_id not in NOT_SPOKEN and self._spoken("agent", event.item_id) is None:
            self._speaks(event, event.item_id, event.at_ms)

    def _agent_stopped(self, event: AgentStopped) -> None:
        if event.item_id in NOT_SPOKEN:
            return
        entry = self._spoken("agent", event.item_id)
        if entry is None:
            entry = self._speaks(event, event.item_id, event.at_ms - event.heard_ms)
        entry.over = True
        self._change(entry, heard_ms=event.heard_ms, audio_ms=event.audio_ms, cut=event.cut)

    def _agent_spoke(self, event: AgentSpoke) -> None:
        if event.item_id in NOT_SPOKEN:
            return
        entry = self._spoken("agent", event.item_id)
        if entry is not None:
            self._change(entry, text=event.text)
            return
        self._unheard[event.item_id] = event.text
        if len(self._unheard) > _MOST_UNHEARD:
            del self._unheard[next(iter(self._unheard))]

    def _speaks(self, event: CallEvent, item_id: str, from_ms: float) -> Entry:
        fields = {
            "item_id": item_id,
            "from_ms": from_ms,
            "heard_ms": 0,
            "audio_ms": 0,
            "text": self._unheard.pop(item_id, None),
            "cut": False,
            "agent": self._agent,
        }
        return self._add("agent", event, fields, ("agent", item_id))

    # Things with a beginning and an end

    def _tool_started(self, event: ToolStarted) -> None:
        fields = {
            "number": event.number,
            "tool": event.tool,
            "agent": event.agent,
            "arguments": event.arguments,
            "result": None,
            "duration_ms": None,
        }
        self._add("tool", event, fields, ("tool", event.number))

    def _tool_ended(self, event: ToolEnded) -> None:
        entry = self._by_key.get(("tool", event.number))
        if entry is not None:
            self._change(entry, result=event.result, duration_ms=event.duration_ms)

    def _approval_asked(self, event: ApprovalAsked) -> None:
        fields = {"tool": event.tool, "verdict": None}
        self._add("approval", event, fields, ("approval", event.tool))

    def _approval_decided(self, event: ApprovalDecided) -> None:
        entry = self._by_key.get(("approval", event.tool))
        if entry is not None:
            self._change(entry, verdict=event.verdict)

    def _transfer(self, event: Any) -> None:
        """One entry for one attempt, from the first ring to what came of it."""
        what, status = _TRANSFER[type(event)], getattr(event, "status", None)
        entry = self._by_key.get(("transfer", event.destination))
        if entry is None or entry.over:
            fields = {"what": what, "destination": event.destination, "status": status}
            entry = self._add("transfer", event, fields, ("transfer", event.destination))
        else:
            self._change(entry, what=what, status=status)
        entry.over = what == "failed"


def cut(words: str, asked: str, redact: Redact) -> str:
    """What may be shown of words, of a long text its beginning."""
    if len(words) <= MOST_CHARS:
        return redact(words, asked)
    return redact(words[:MOST_CHARS], asked)[:-_MARGIN_CHARS] + "…"


def _rounded(name: str, value: float) -> float:
    return round(value, 6 if name.endswith("_usd") else 2)


def _is_own(item_id: str) -> bool:
    return not item_id or item_id.startswith("gateway")


def _turn(event: TurnDone) -> Fields:
    return {"turn": event.turn.kind, **{name: getattr(event.turn, name) for name in _STAGES}}


_WORDS = frozenset({"text", "arguments", "result"})
_ANSWERS = {"caller": "agent", "agent": "caller"}
_TRANSFER: dict[type[Any], str] = {
    ConsultStarted: "ringing",
    ConsultAnswered: "answered",
    TransferStarted: "started",
    TransferFailed: "failed",
}

_PLAIN: dict[type[Any], tuple[str, Callable[[Any], Fields]]] = {
    CallAnswered: ("state", lambda _: {"state": "answered", "reason": None}),
    CallLive: ("state", lambda _: {"state": "live", "reason": None}),
    CallEnding: ("state", lambda e: {"state": "ending", "reason": e.reason}),
    CallEnded: ("state", lambda e: {"state": "ended", "reason": e.reason}),
    ModelLost: ("error", lambda e: {"code": e.reason}),
    ModelErrorReported: ("error", lambda e: {"code": e.code}),
    FalseAlarm: ("false_alarm", lambda e: {"paused_ms": e.paused_ms}),
    CalleeIdentified: ("machine", lambda e: {"who": e.who, "by": e.by}),
    MessageStarted: ("machine", lambda e: {"who": "message", "by": e.cause}),
    CallerIdle: ("idle", lambda e: {"asked": e.asked}),
    TurnDone: ("turn", _turn),
    BargeIn: (
        "barge_in",
        lambda e: {"cause": e.cause, "heard_ms": e.heard_ms, "dropped_ms": e.dropped_ms},
    ),
    GuardrailTripped: ("guardrail", lambda e: {"guardrail": e.guardrail}),
    Noted: ("note", lambda e: {"text": e.text}),
    Whispered: ("whisper", lambda e: {"by": e.by}),
    SpendReached: (
        "spend",
        lambda e: {
            "limit": e.kind,
            "scope": e.scope,
            "spent_usd": e.spent_usd,
            "limit_usd": e.limit_usd,
        },
    ),
    ConsentChanged: ("consent", lambda e: {"state": e.state}),
    RecordingStarted: ("recording", lambda _: {"what": "started"}),
    RecordingEnded: (
        "recording",
        lambda e: {
            "what": "ended" if e.kept else "deleted",
            "audio_ms": e.audio_ms,
            "incomplete": e.incomplete or None,
        },
    ),
    DtmfGroup: ("keys", lambda e: {"count": e.count}),
}

_TOLD: dict[type[Any], Callable[[Timeline, Any], None]] = {
    CallOffered: Timeline._offered,
    CallerStarted: Timeline._caller_started,
    CallerStopped: Timeline._caller_stopped,
    CallerSpoke: Timeline._caller_spoke,
    AgentStarted: Timeline._agent_started,
    AgentStopped: Timeline._agent_stopped,
    AgentSpoke: Timeline._agent_spoke,
    Handoff: Timeline._handed_off,
    ToolStarted: Timeline._tool_started,
    ToolEnded: Timeline._tool_ended,
    ApprovalAsked: Timeline._approval_asked,
    ApprovalDecided: Timeline._approval_decided,
    ConsultStarted: Timeline._transfer,
    ConsultAnswered: Timeline._transfer,
    TransferStarted: Timeline._transfer,
    TransferFailed: Timeline._transfer,
}
