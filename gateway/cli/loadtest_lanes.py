"""The calls of a load test as lanes over time: who spoke when, cut off where, ended how. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

MOST_LANES = 60


def lanes_of(calls: Sequence[Mapping[str, Any]], seconds: float) -> str:
    """Lanes of the calls that failed, then of those with the longest waits, then of the others."""
    chosen = sorted(calls, key=lambda call: (not call["failure"], -_worst(call)))[:MOST_LANES]
    if not chosen:
        return ""
    whole_s = max(seconds, *(call["ended_s"] for call in chosen), 0.001)
    drawn = "".join(_lane(call, whole_s) for call in sorted(chosen, key=lambda c: c["placed_s"]))
    left = len(calls) - len(chosen)
    more = f"<p class='soft'>{left} more calls are in the JSON.</p>" if left else ""
    return (
        "<h2>Calls</h2><div class='card'><p class='legend'><span class='two'>caller speaks</span>"
        "<span class='one'>agent heard</span><span class='three'>agent cut off</span></p>"
        f"<div class='calls'>{drawn}</div>{more}</div>"
    )


def _worst(call: Mapping[str, Any]) -> float:
    waits: list[float] = [wait["ms"] for wait in call["turns"]]
    return max(waits, default=0.0)


def _lane(call: Mapping[str, Any], whole_s: float) -> str:
    bars = "".join(
        f"<u class='{kind}' style='left:{from_s / whole_s:.2%};"
        f"width:{max(0.0, to_s - from_s) / whole_s:.2%}'></u>"
        for kind, from_s, to_s in _bars(call)
    )
    bad = " bad" if call["failure"] else ""
    told = call["failure"] or call["fixture"]
    tip = f"{call['call_sid']}: {call['detail'] or call['end']}"
    return (
        f"<span class='name{bad}' title='{escape(tip, quote=True)}'>{call['number']} "
        f"{escape(told)}</span><div class='lane'>{bars}</div>"
    )


def _bars(call: Mapping[str, Any]) -> Iterator[tuple[str, float, float]]:
    placed_s, ended_s = call["placed_s"], call["ended_s"]
    yield "call", placed_s, ended_s
    since: dict[str, float] = {}
    for note in call["notes"]:
        at_s = placed_s + note["at_ms"] / 1000
        who, _, what = note["kind"].partition("-")
        if what == "speaks":
            since[who] = at_s
        elif what == "quiet" and who in since:
            yield who, since.pop(who), at_s
        elif note["kind"] == "interrupted":
            yield "cut", at_s, at_s
        elif note["kind"] in ("dropped", "refused"):
            yield "lost", at_s, at_s
    for who, from_s in since.items():
        yield who, from_s, ended_s
