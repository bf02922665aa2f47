"""What the demo shows: the timeline, the latencies with the gateway's own share, the truth."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gateway.sim.realtime.session import Session
from gateway.sim.twilio import TwinCall

HANDOFFS = [("frontdesk", "faq"), ("faq", "frontdesk"), ("frontdesk", "booking")]
TOOLS = ["faq_lookup", "find_booking", "update_seat", "end_call"]
"""What the agents do in a demo call that goes as planned, in this order."""


@dataclass(frozen=True)
class Kept:
    """What the call left behind."""

    record: dict[str, Any]
    recording: Path
    page: Path


@dataclass(frozen=True)
class DemoCall:
    """One finished demo call: the gateway's log, the carrier's truth, the model's truth."""

    call: TwinCall
    log: list[dict[str, Any]]
    session: Session
    approved: list[dict[str, Any]]
    """What somebody approved, as the gateway's API showed it."""
    kept: Kept
    carrier_errors: list[int]
    """What Twilio's debugger would show."""

    def events(self, *names: str) -> list[dict[str, Any]]:
        """Log lines of those events, in order."""
        return [line for line in self.log if line.get("event") in names]

    @property
    def ended_as_planned(self) -> bool:
        """One interruption, the handoffs and tools of the story, approved, and hung up by us."""
        return (
            [line["reason"] for line in self.events("call.ended")] == ["agent_hung_up"]
            and len(self.events("barge_in")) == 1
            and self.handoffs == HANDOFFS
            and self.tools == TOOLS
            and [line["verdict"] for line in self.events("approval.decided")] == ["approved"]
        )

    @property
    def handoffs(self) -> list[tuple[str, str]]:
        """Who handed over to whom, in order."""
        return [(line["from_agent"], line["to_agent"]) for line in self.events("handoff")]

    @property
    def tools(self) -> list[str]:
        """The tools that answered, in order."""
        return [line["tool"] for line in self.events("tool.ended")]

    def agent_words(self, response_id: str) -> str:
        """What the agent said in an answer, by the model's own transcript."""
        return " ".join(
            event["transcript"]
            for event in self._told("response.output_audio_transcript.done")
            if event["response_id"] == response_id
        )

    def caller_words(self, number: int) -> str:
        """What the caller said in a turn (from 0), by the model's own transcript."""
        told = self._told("conversation.item.input_audio_transcription.completed")
        return next((e["transcript"] for n, e in enumerate(told) if n == number), "")

    def truth_ms(self) -> float | None:
        """What the caller heard of the interrupted item, by the carrier's own count (ms)."""
        barge_in = next(iter(self.events("barge_in")), None)
        if barge_in is None or not self.call.clears:
            return None
        before = 0
        for item_id, length in self._audio_lengths():
            if item_id == barge_in["item_id"]:
                return self.call.clears[0].heard_bytes_total / 8 - before / 8
            before += -(-length // 160) * 160
        return None

    def _audio_lengths(self) -> Iterator[tuple[str, int]]:
        lengths: dict[str, int] = {}
        for event in self._told("response.output_audio.delta"):
            size = len(event["delta"]) // 4 * 3 - event["delta"].count("=")
            lengths[event["item_id"]] = lengths.get(event["item_id"], 0) + size
        yield from lengths.items()

    def _told(self, kind: str) -> Iterator[dict[str, Any]]:
        for row in self.session.trace:
            event = row.get("event")
            if event is not None and row["dir"] == "S" and event["type"] == kind:
                yield event


def timeline(demo: DemoCall) -> list[dict[str, Any]]:
    """Who did what when: rows of at_ms, who, what."""
    rows = []
    turns_of_caller = 0
    for line in demo.log:
        row = _row(demo, line, turns_of_caller)
        turns_of_caller += line.get("event") == "caller.stopped"
        if row is not None:
            rows.append(row)
    return sorted(rows, key=lambda row: row["at_ms"])


def turns(demo: DemoCall) -> list[dict[str, Any]]:
    """The measured turns, as the gateway logged them."""
    keys = ("number", "kind", "endpoint_ms", "model_ms", "gateway_ms", "play_ms", "response_ms")
    return [{key: line[key] for key in keys} for line in demo.events("turn.done")]


def approvals(demo: DemoCall) -> list[dict[str, Any]]:
    """What was asked for and what became of it: tool, arguments, verdict, waited_ms."""
    rows = []
    for number, line in enumerate(demo.events("approval.decided")):
        asked = demo.approved[number] if number < len(demo.approved) else {}
        arguments = json.loads(asked.get("arguments", "null"))
        row = {key: line[key] for key in ("tool", "verdict", "waited_ms")}
        rows.append({**row, "arguments": arguments})
    return rows


def report_json(demo: DemoCall) -> dict[str, Any]:
    """Everything the demo shows, for machines."""
    barge_in = next(iter(demo.events("barge_in")), None)
    return {
        "call_sid": demo.call.sid,
        "reason": next(iter(demo.events("call.ended")), {}).get("reason"),
        "timeline": timeline(demo),
        "turns": turns(demo),
        "handoffs": demo.handoffs,
        "tools": demo.tools,
        "approvals": approvals(demo),
        "interruption": barge_in,
        "interruption_truth_ms": demo.truth_ms(),
        "carrier_errors": demo.carrier_errors,
        "cost_usd": demo.kept.record["call"]["cost_usd"],
        "recording": str(demo.kept.recording),
        "page": str(demo.kept.page),
    }


def print_report(demo: DemoCall) -> None:
    """Prints timeline, latencies, the interruption's truth and where the recording lies."""
    console = Console()
    console.print(_timeline_table(demo))
    console.print(_latency_table(demo))
    for line in demo.events("barge_in"):
        console.print(_interruption(demo, line))
    reason = next(iter(demo.events("call.ended")), {}).get("reason", "not reported")
    console.print(f"Ended: {reason}, {demo.call.duration_s} s on the line")
    console.print(
        f"Cost, by the prices that come along: ${demo.kept.record['call']['cost_usd']:.4f}"
    )
    console.print("Recording of what was heard (caller left, agent right), and the call as a page:")
    for path in (demo.kept.recording, demo.kept.page):
        console.print(f"  {path}", soft_wrap=True)


def _interruption(demo: DemoCall, line: dict[str, Any]) -> str:
    truth = demo.truth_ms()
    counted = "" if truth is None else f"; the carrier's own count: {truth:.0f} ms"
    return (
        f"Interruption: the caller heard {line['heard_ms']} ms of the answer{counted}. "
        f"{line['dropped_ms']} ms were dropped, `clear` left "
        f"{line['clear_ms']:.2f} ms after the model heard the caller."
    )


def _timeline_table(demo: DemoCall) -> Table:
    table = Table("time", "who", "what", title=f"Call {demo.call.sid}")
    for row in timeline(demo):
        table.add_row(f"{row['at_ms'] / 1000:6.2f} s", row["who"], row["what"])
    return table


def _latency_table(demo: DemoCall) -> Table:
    headings = ("turn", "kind", "endpoint", "model", "gateway", "playout", "caller waits")
    table = Table(*headings, title="Latencies, ms")
    for turn in turns(demo):
        values = [turn[f"{stage}_ms"] for stage in ("endpoint", "model")]
        shown = ["–" if value is None else f"{value:.0f}" for value in values]
        waits = "–" if turn["response_ms"] is None else f"{turn['response_ms']:.0f}"
        own = "queued" if turn["gateway_ms"] is None else f"{turn['gateway_ms']:.2f}"
        play = f"{turn['play_ms']:.1f}"
        table.add_row(str(turn["number"]), turn["kind"], *shown, own, play, waits)
    return table


def _row(demo: DemoCall, line: dict[str, Any], caller_turn: int) -> dict[str, Any] | None:
    told = _TOLD.get(line.get("event", ""))
    if told is None:
        return None
    who, what = told
    words, details = "", ""
    if line["event"] == "turn.done":
        words = demo.agent_words(line["response_id"])
    elif line["event"] == "caller.stopped":
        words = demo.caller_words(caller_turn)
    elif line["event"] == "approval.asked":
        details = "".join(f": {each['arguments']}" for each in demo.approved)
    at_ms = line.get("at_ms", line.get("duration_ms", 0.0)) + line.get("play_ms", 0.0)
    spoken = f": “{words}”" if words else ""
    return {"at_ms": at_ms, "who": who, "what": what.format(**line) + spoken + details}


_TOLD = {
    "call.answered": ("carrier", "the stream is open"),
    "caller.started": ("caller", "begins to speak"),
    "caller.stopped": ("caller", "has said"),
    "turn.done": ("agent", "speaks"),
    "barge_in": ("gateway", "agent cut off: {heard_ms} ms heard, {dropped_ms} ms dropped"),
    "tool.started": ("agent", "calls the tool {tool}"),
    "tool.ended": ("tool", "{tool} has answered after {duration_ms:.1f} ms"),
    "handoff": ("agent", "{from_agent} hands over to {to_agent}"),
    "approval.asked": ("gateway", "somebody must approve {tool} first"),
    "approval.decided": ("person", "{verdict}: {tool}, after {waited_ms:.0f} ms"),
    "dtmf": ("caller", "pressed {count} keys"),
    "call.ended": ("gateway", "the call is over: {reason}"),
}
