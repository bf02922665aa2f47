"""A call as its record tells of it, with the sound to it: put together from the offline speech."""

import struct
import tomllib
from importlib.resources import files
from typing import Any

SID = "CA" + "0123456789abcdef" * 2
CALLER_WORDS = {
    "question_baggage": "Hello, how much baggage can I take with me?",
    "interruption_heavy": "Sorry, how heavy may it be?",
    "seat_wish": "I would like another seat, please.",
    "seat_details": "It is 4711, and I would like seat 12A.",
    "thanks_goodbye": "Thank you, goodbye.",
}
AGENT_WORDS: dict[str, str] = tomllib.loads(
    (files("gateway.sim") / "speech" / "frontdesk" / "lines.toml").read_text(encoding="utf-8")
)
RECORDED_FROM_MS = 40.0


def stereo_wav(caller: bytes, agent: bytes) -> bytes:
    """Both tracks (mu-law) as one WAV file, the shorter one filled up with silence."""
    length = max(len(caller), len(agent))
    data = bytearray(2 * length)
    data[0::2], data[1::2] = caller.ljust(length, b"\xff"), agent.ljust(length, b"\xff")
    form = struct.pack("<HHIIHHH", 7, 2, 8000, 16000, 2, 8, 0)
    body = b"WAVE" + struct.pack("<4sI", b"fmt ", len(form)) + form
    body += struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def _speech(who: str, name: str) -> bytes:
    folder = "caller" if who == "caller" else "frontdesk"
    return (files("gateway.sim") / "speech" / folder / f"{name}.ulaw").read_bytes()


class Story:
    """The rows and both tracks of a call, as they come about."""

    def __init__(self) -> None:
        self.now_ms = 400.0
        self.agent = "frontdesk"
        self.turns: list[dict[str, Any]] = []
        self.tools: list[dict[str, Any]] = []
        self.handoffs: list[dict[str, Any]] = []
        self.guardrails: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.usage: list[dict[str, Any]] = []
        self._tracks = {"caller": bytearray(), "agent": bytearray()}

    def caller(self, name: str, after_ms: float = 900.0) -> None:
        """The caller says a line, so long after what came before."""
        begin = self.now_ms + after_ms
        payload = _speech("caller", name)
        self._put("caller", payload, begin)
        self.now_ms = begin + len(payload) / 8
        row = {"who": "caller", "text": CALLER_WORDS[name], "from_ms": begin, "to_ms": self.now_ms}
        self._turn(row)
        self._use("transcription", "gpt-4o-mini-transcribe", {"audio_in": 31, "text_out": 12})

    def agent_says(
        self,
        name: str,
        endpoint_ms: float | None,
        model_ms: float,
        cut_ms: float = 0.0,
        **more: Any,
    ) -> None:
        """The agent answers; with ``cut_ms`` only so much of it is heard."""
        reply = endpoint_ms is not None
        gateway_ms, play_ms = (0.05, 0.4) if reply or not self.turns else (None, 240.0)
        begin = self.now_ms + (endpoint_ms or 0.0) + model_ms + play_ms
        payload = _speech("agent", name)
        audio_ms = len(payload) / 8
        heard_ms = cut_ms or audio_ms
        self._put("agent", payload[: int(heard_ms) * 8], begin)
        self.now_ms = begin + heard_ms
        words = AGENT_WORDS[name]
        heard = (
            words[: words.rfind(" ", 0, int(len(words) * heard_ms / audio_ms))] if cut_ms else words
        )
        row = {
            "who": "agent",
            "agent": self.agent,
            "text": words,
            "heard_text": heard,
            "unheard_text": words[len(heard) :].strip() or None,
            "from_ms": begin,
            "to_ms": self.now_ms,
            "heard_ms": heard_ms,
            "audio_ms": audio_ms,
            "interrupted": bool(cut_ms),
            "kind": "reply" if reply else "follow_up" if self.turns else "greeting",
            "endpoint_ms": endpoint_ms,
            "model_ms": model_ms,
            "gateway_ms": gateway_ms,
            "play_ms": play_ms,
            "response_ms": endpoint_ms + model_ms + play_ms if endpoint_ms else None,
        }
        self._turn({**row, **more})
        self._use(
            "response",
            "gpt-realtime-2.1",
            {
                "text_in": 240,
                "text_cached": 1400,
                "audio_in": 310,
                "audio_cached": 900,
                "text_out": 40,
                "audio_out": 96,
            },
        )

    def tool(self, tool: str, arguments: str, result: str, duration_ms: float) -> None:
        """The agent uses a tool."""
        row = {"tool": tool, "agent": self.agent, "arguments": arguments, "result": result}
        self.tools.append(
            {"number": len(self.tools) + 1, **row, "at_ms": self.now_ms, "duration_ms": duration_ms}
        )
        self.now_ms += duration_ms

    def hand_over(self, to_agent: str) -> None:
        """Another agent takes over."""
        row = {"from_agent": self.agent, "to_agent": to_agent, "at_ms": self.now_ms}
        self.handoffs.append({"number": len(self.handoffs) + 1, **row})
        self.agent = to_agent

    def event(self, name: str, **fields: Any) -> None:
        """Something else happened."""
        row = {
            "seq": len(self.events) + 1,
            "at": "2026-03-03T14:02:20.000000Z",
            "at_ms": self.now_ms,
        }
        self.events.append({**row, "name": name, "fields": fields})

    def wav(self) -> bytes:
        """What was recorded."""
        lead = int(RECORDED_FROM_MS) * 8
        return stereo_wav(bytes(self._tracks["caller"][lead:]), bytes(self._tracks["agent"][lead:]))

    def _turn(self, row: dict[str, Any]) -> None:
        self.turns.append({"number": len(self.turns) + 1, **row})

    def _use(self, source: str, model: str, used: dict[str, int]) -> None:
        row = {
            "number": len(self.usage) + 1,
            "source": source,
            "model": model,
            **used,
            "billed_s": 0.0,
        }
        cost = 0.0088 if source == "response" else 0.0002
        self.usage.append({**row, "cost_usd": cost, "at_ms": self.now_ms})

    def _put(self, who: str, payload: bytes, at_ms: float) -> None:
        track = self._tracks[who]
        track.extend(b"\xff" * (int(at_ms) * 8 - len(track)))
        track.extend(payload)


def told() -> Story:
    """The call of an airline's customer: an interruption, tools, handoffs, a guardrail, keys."""
    story = Story()
    story.agent_says("greeting", None, 350.0)
    story.event("consent.changed", state="granted")
    story.caller("question_baggage")
    story.agent_says("let_me_check", 504.0, 354.0)
    story.hand_over("faq")
    story.tool(
        "faq_lookup", '{"topic":"baggage"}', '{"cabin":"one bag, 56 x 36 x 23 cm","kg":23}', 1240.0
    )
    story.agent_says("baggage", None, 410.0, cut_ms=5200.0, cause="caller")
    story.now_ms -= 260.0
    story.caller("interruption_heavy", after_ms=0.0)
    story.agent_says("weight", 516.0, 351.0)
    story.caller("seat_wish")
    story.agent_says("one_moment", 498.0, 372.0)
    story.hand_over("booking")
    story.tool(
        "find_booking", '{"caller":"+12025550123"}', '{"bookings":1,"flight":"EX 204"}', 620.0
    )
    story.agent_says("ask_details", None, 380.0)
    story.event("dtmf", count=4)
    story.caller("seat_details", after_ms=2600.0)
    story.agent_says("seat_not_changed", 512.0, 468.0, cut_ms=1300.0, cause="guardrail")
    story.guardrails.append(
        {"number": 1, "guardrail": "no_refusal_without_a_tool", "at_ms": story.now_ms}
    )
    story.agent_says("changing", None, 640.0)
    story.event("approval.asked", tool="update_seat")
    story.now_ms += 2030.0
    story.event("approval.decided", tool="update_seat", verdict="approved", waited_ms=2030.0)
    story.tool(
        "update_seat", '{"confirmation_number":"[number]","seat":"12A"}', '{"seat":"12A"}', 1850.0
    )
    story.agent_says("seat_changed", None, 402.0)
    story.now_ms += 6000.0
    story.event("caller.idle", asked=1)
    story.agent_says("anything_else", None, 520.0)
    story.caller("thanks_goodbye")
    story.agent_says("goodbye", 1120.0, 690.0)
    story.tool("end_call", "{}", "", 0.4)
    return story


def sample() -> tuple[dict[str, Any], bytes]:
    """The record of that call, and its recording."""
    story = told()
    call = {
        "call_sid": SID,
        "state": "ended",
        "direction": "inbound",
        "caller": "+12025550123",
        "called": "+15550001000",
        "route": "airline",
        "agent": "frontdesk",
        "stir": "TN-Validation-Passed-A",
        "offered_at": "2026-03-03T14:02:10.210000Z",
        "answered_at": "2026-03-03T14:02:11.480000Z",
        "ended_at": "2026-03-03T14:03:17.000000Z",
        "outcome": "completed",
        "reason": "agent_hung_up",
        "segments": 1,
        "duration_ms": story.now_ms + 420.0,
        "heard_ms": sum(turn.get("heard_ms", 0.0) for turn in story.turns),
        "turns": len([turn for turn in story.turns if turn["who"] == "agent"]),
        "interruptions": 2,
        "response_p50_ms": 868.0,
        "response_p95_ms": 1810.4,
        "response_worst_ms": 1810.4,
        "model_usd": round(sum(row["cost_usd"] for row in story.usage), 4),
        "carrier_usd": 0.0171,
        "cost_usd": round(sum(row["cost_usd"] for row in story.usage) + 0.0171, 4),
        "unpriced": False,
        "consent": "granted",
        "recording": f"{SID}.wav",
        "recording_from_ms": RECORDED_FROM_MS,
        "recording_ms": story.now_ms - RECORDED_FROM_MS,
        "recording_incomplete": None,
        "text_purged_at": None,
        "recording_purged_at": None,
    }
    note = {
        "number": 1,
        "text": "Wants seat 12A on EX 204; changed.",
        "at_ms": story.now_ms - 9000.0,
    }
    record = {
        "call": call,
        "turns": story.turns,
        "tools": story.tools,
        "handoffs": story.handoffs,
        "guardrails": story.guardrails,
        "usage": story.usage,
        "notes": [note],
        "events": story.events,
    }
    return record, story.wav()
