"""What is said and done in a call, as lines of a terminal: each once, when it is settled."""

from collections.abc import Callable, Iterable
from typing import Any

Entry = dict[str, Any]
_CAUSES = {
    "caller": "you spoke",
    "dtmf": "you pressed a key",
    "guardrail": "a guardrail stopped it",
    "operator": "a person stopped it",
    "tool": "a tool stopped it",
}


class Words:
    """The lines of one call's timeline."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._entries: dict[int, Entry] = {}
        self._said: set[int] = set()

    def hear(self, entries: Iterable[Entry]) -> None:
        """New and changed entries."""
        for entry in entries:
            self._entries[entry["n"]] = entry
        last_spoken = max((n for n, each in self._entries.items() if _is_spoken(each)), default=0)
        self._tell(lambda entry: _is_settled(entry, last_spoken))

    def finish(self) -> None:
        """The call is over: what was not settled is said as far as it came."""
        self._tell(lambda _entry: True)

    def _tell(self, ripe: Callable[[Entry], bool]) -> None:
        for n in sorted(self._entries.keys() - self._said):
            entry = self._entries[n]
            if not ripe(entry):
                continue
            self._said.add(n)
            if line := line_of(entry):
                self._say(line)


def line_of(entry: Entry) -> str:
    """One entry in words; nothing for what is not shown."""
    tell = _KINDS.get(entry["kind"])
    return tell(entry) if tell is not None else ""


def _is_spoken(entry: Entry) -> bool:
    return entry["kind"] in ("caller", "agent")


def _is_settled(entry: Entry, last_spoken: int) -> bool:
    """True when it will not change any more, or hardly."""
    match entry["kind"]:
        case "caller":
            return entry.get("text") is not None
        case "agent":
            known = entry.get("text") is not None
            return known and (entry.get("heard_text") is not None or entry["n"] < last_spoken)
        case "tool":
            return entry.get("duration_ms") is not None
        case _:
            return True


def _agent(entry: Entry) -> str:
    cut = f"  [cut off after {_seconds(entry.get('heard_ms'))}]" if entry.get("cut") else ""
    return f"{entry.get('agent') or 'agent'}: {entry.get('text') or '…'}{cut}"


def _tool(entry: Entry) -> str:
    took = entry.get("duration_ms")
    lasted = "did not end" if took is None else f"took {_seconds(took)}"
    return f"  · {entry['tool']} {lasted}"


def _transfer(entry: Entry) -> str:
    whom = f"to {entry['destination']}" if entry.get("destination") else ""
    words = ("transfer", entry.get("what"), whom, entry.get("status"))
    return f"  · {' '.join(str(each) for each in words if each)}"


def _seconds(ms: float | None) -> str:
    return f"{(ms or 0) / 1000:.1f} s"


_KINDS: dict[str, Callable[[Entry], str]] = {
    "caller": lambda e: f"you: {e.get('text') or '…'}",
    "agent": _agent,
    "barge_in": lambda e: f"  · interrupted: {_CAUSES.get(e['cause'], e['cause'])}",
    "tool": _tool,
    "handoff": lambda e: f"  · {e['from_agent']} handed over to {e['to_agent']}",
    "approval": lambda e: f"  · {e['tool']}: {e.get('verdict') or 'waits for an approval'}",
    "guardrail": lambda e: f"  · guardrail {e['guardrail']}",
    "note": lambda e: f"  · note: {e['text']}",
    "keys": lambda e: f"  · {e['count']} keys pressed",
    "transfer": _transfer,
    "consent": lambda e: f"  · recording: {e['state']}",
    "error": lambda e: f"  · the model reported {e['code']}",
    "spend": lambda e: f"  · {e['limit']} limit of spending reached",
}
