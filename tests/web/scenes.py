"""What a dashboard may have to show: calls that go on, sixty that were, long names."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.cli.sample_call import sample

NOW = datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
AGENTS = (
    "frontdesk",
    "booking",
    "survey",
    "נציג-שירות",
    "a_very_long_agent_name_for_the_returns_desk",
)
"""Left to right, right to left, and longer than its column."""
NUMBERS = ("+15550001000", "+442079460123")
OUTCOMES = ("completed", "completed", "completed", "transferred", "completed", "missed", "failed")
STATES = ("live", "live", "live", "consulting", "answered", "ending", "away", "offered")
SPEAKING = ("caller", "agent", "", "both")
WAITS = (420.0, 760.0, 980.0, 1640.0, None)


def sid(number: int) -> str:
    """The CallSid of a call by its number."""
    return f"CA{number:032x}"


def ago(**length: float) -> str:
    """A moment so long ago."""
    return (datetime.now(UTC) - timedelta(**length)).isoformat()


def live_call(number: int, **changed: Any) -> dict[str, Any]:
    """A call on the line, as ``/api/live/calls`` has it."""
    answered = STATES[number % len(STATES)] != "offered"
    call = {
        "call_sid": sid(number),
        "direction": "outbound-api" if number % 5 == 4 else "inbound",
        "caller": f"+1202555{1000 + number:04}",
        "called": NUMBERS[number % 2],
        "agent": AGENTS[number % len(AGENTS)],
        "route": "airline",
        "state": STATES[number % len(STATES)],
        "speaking": SPEAKING[number % 4] if answered else "",
        "offered_at": ago(seconds=30 * number + 9),
        "answered_at": ago(seconds=30 * number + 8) if answered else None,
        "turns": 2 * number,
        "interruptions": number // 3,
        "response_ms": WAITS[number % len(WAITS)],
        "worst_ms": 1810.4,
        "cost_usd": 0.0123 * number,
        "recording": number % 3 == 0,
        "approvals": 0,
        "phone": number % 6 == 2,
        "listeners": 1 if number == 3 else 0,
    }
    return {**call, **changed}


def entries() -> list[dict[str, Any]]:
    """The timeline of a call that goes on: every kind of entry at least once."""
    told: list[dict[str, Any]] = []

    def add(kind: str, at_ms: float, **fields: Any) -> None:
        told.append({"n": len(told) + 1, "at_ms": at_ms, "kind": kind, **fields})

    def agent(at: float, heard: float, audio: float, text: str, **more: Any) -> None:
        fields = {"item_id": f"i{at}", "from_ms": at, "heard_ms": heard, "audio_ms": audio}
        add("agent", at, **{"cut": False, "agent": "frontdesk", "text": text, **fields, **more})

    def caller(at: float, until: float | None, text: str | None) -> None:
        add("caller", at, item_id=f"c{at}", from_ms=at, to_ms=until, text=text)

    def turn(at: float, endpoint: float, model: float) -> None:
        stages = {"endpoint_ms": endpoint, "model_ms": model, "gateway_ms": 0.05, "play_ms": 0.4}
        add("turn", at, **stages, response_ms=endpoint + model + 0.45)

    add("state", 0.0, state="live", reason=None)
    add("consent", 80.0, state="granted")
    add("recording", 90.0, what="started")
    agent(400.0, 2600.0, 2600.0, "Welcome to Example Air. How can I help you?")
    caller(4000.0, 6900.0, "Hello, how much baggage can I take with me?")
    agent(7700.0, 900.0, 900.0, "Let me check that for you.")
    turn(7700.0, 504.0, 354.0)
    add("handoff", 8700.0, from_agent="frontdesk", to_agent="faq")
    add(
        "tool",
        8800.0,
        number=1,
        tool="faq_lookup",
        agent="faq",
        arguments='{"topic":"baggage"}',
        result='{"cabin":"one bag, 56 x 36 x 23 cm","kg":23}',
        duration_ms=1240.0,
    )
    agent(
        10300.0,
        3200.0,
        7600.0,
        "You can take one bag of up to 23 kilograms and a cabin bag that "
        "fits under the seat before you.",
        cut=True,
        agent="faq",
    )
    add("barge_in", 13500.0, cause="caller", heard_ms=3200.0, dropped_ms=4400.0)
    caller(13300.0, 15400.0, "Sorry, how heavy may it be?")
    agent(16200.0, 2300.0, 2300.0, "23 kilograms.", agent="faq")
    turn(16200.0, 516.0, 751.0)
    add("guardrail", 18600.0, guardrail="no_refusal_without_a_tool")
    add("keys", 19000.0, count=4)
    caller(19600.0, 21800.0, "أريد مقعدًا آخر من فضلك")
    add("approval", 22600.0, tool="update_seat", verdict=None)
    add("note", 23000.0, text="Wants seat 12A on EX 204.")
    add("idle", 24000.0, asked=1)
    add("transfer", 25000.0, what="ringing", destination="desk", status=None)
    add("spend", 25100.0, limit="soft")
    add("machine", 25200.0, who="human")
    add("whisper", 25500.0, by="ada")
    add("error", 25600.0, code="rate_limit_exceeded")
    agent(
        26000.0,
        1500.0,
        5200.0,
        "I have found your booking and can give you seat twelve A, which is at the window.",
        agent="booking",
    )
    turn(26000.0, 480.0, 372.0)
    return told


def approval(number: int = 1, **changed: Any) -> dict[str, Any]:
    """A tool call that waits, as ``/api/approvals`` has it."""
    asked = {
        "tool_call_id": f"call_{number}",
        "call_sid": sid(1),
        "agent": "booking",
        "tool": "update_seat",
        "arguments": '{"confirmation_number":"[number]","seat":"12A"}',
        "asked_at": ago(seconds=4),
        "deadline": (datetime.now(UTC) + timedelta(seconds=56)).isoformat(),
        "waits_ms": 4000,
        "left_ms": 56000,
    }
    return {**asked, **changed}


def health(**changed: Any) -> dict[str, Any]:
    """How the gateway is, as ``/api/health`` has it."""
    told = {
        "status": "ready",
        "calls": 12,
        "capacity": 40,
        "loop_lag_p99_ms": 1.9,
        "cpu_share": 0.31,
        "rss_mb": 218.4,
        "model": {
            "url_host": "api.openai.com",
            "connects": 412,
            "failures": 3,
            "last_connect_ms": 184.2,
        },
        "records": {"database_ok": True, "backlog": 0, "journal_ok": True, "lost": 0},
        "rejected": {"capacity": 4, "signature": 1, "unknown_number": 2},
        "version": "0.8.0",
        "started_at": ago(hours=30),
        "offline": False,
        "public_url": "https://voice.example.com",
        "carrier": True,
    }
    return {**told, **changed}


def record_row(number: int) -> dict[str, Any]:
    """A call that was, as ``/api/records`` lists it."""
    call = dict(sample()[0]["call"])
    outcome = OUTCOMES[number % len(OUTCOMES)]
    offered = datetime.now(UTC) - timedelta(hours=7 * number + 1, minutes=number)
    missed = outcome == "missed"
    return {
        **call,
        "call_sid": sid(1000 + number),
        "direction": "outbound-api" if number % 4 == 3 else "inbound",
        "caller": None if number == 5 else f"+1202555{2000 + number:04}",
        "called": NUMBERS[number % 2],
        "agent": AGENTS[number % len(AGENTS)],
        "campaign": "autumn-survey" if number % 4 == 3 else None,
        "offered_at": offered.isoformat(),
        "answered_at": None if missed else (offered + timedelta(seconds=1)).isoformat(),
        "outcome": outcome,
        "reason": {"completed": "agent_hung_up", "transferred": "transferred"}.get(
            outcome, "no_stream"
        ),
        "duration_ms": None if missed else 20_000.0 + 7_777.0 * (number % 23),
        "turns": 0 if missed else 3 + number % 9,
        "interruptions": 0 if missed else number % 4,
        "response_worst_ms": None if missed else 480.0 + 97.0 * (number % 19),
        "cost_usd": None if missed else 0.0111 * (1 + number % 13),
        "unpriced": number % 11 == 7,
        "recording": None if missed or number % 5 == 2 else "a.wav",
    }


def records() -> list[dict[str, Any]]:
    """Sixty calls, the newest first."""
    return [record_row(number) for number in range(60)]


def stats() -> list[dict[str, Any]]:
    """What they add up to per day, with a day without calls."""
    days = []
    for number in range(18):
        if number == 6:
            continue
        day = (datetime.now(UTC) - timedelta(days=number)).date().isoformat()
        calls = 14 + (number * 7) % 23
        days.append(
            {
                "day": day, "calls": calls, "outcomes": {"completed": calls}, "turns": calls * 6,
                "duration_ms": calls * 71_000.0, "interruptions": calls, "unpriced_calls": 0,
                "cost_usd": round(calls * 0.083, 4),
                "response_p50_ms": 780.0 + (number * 37) % 120,
                "response_p95_ms": 1240.0 + (number * 91) % 400,
            }
        )  # fmt: skip
    return days


def agents() -> list[dict[str, Any]]:
    """The agents, one of them broken."""
    told: list[dict[str, Any]] = [
        {"name": name, "model": "gpt-realtime-2.1", "voice": "marin", "numbers": list(NUMBERS[:1]),
         "problems": [], "state": "ready", "reloaded_at": ago(minutes=12)}
        for name in AGENTS
    ]  # fmt: skip
    told[2]["state"] = "broken"
    told[2]["problems"] = [
        {"severity": "error", "file": "agents_config/survey/agent.toml", "line": 14,
         "text": "`voice` is none the model has: expected one of alloy, ash, marin …"},
        {"severity": "warning", "file": "agents_config/survey/instructions.md", "line": 3,
         "text": "`data.naem` is in no route's data"},
    ]  # fmt: skip
    return told


def numbers() -> list[dict[str, Any]]:
    """Numbers of the account."""
    here, there = "https://voice.example.com/twilio/voice", "https://old.example.com/voice?a=12345"
    rows = (
        ("+15550001000", "Example Air", True, here, "airline", "frontdesk"),
        ("+442079460123", "+442079460123", False, there, None, None),
        ("+4930901820", "Berlin, מוקד שירות", None, "", None, None),
    )
    keys = ("number", "friendly_name", "points_here", "voice_url", "route", "agent")
    return [{**dict(zip(keys, row, strict=True)), "overridden_by": {}} for row in rows]


def audit() -> list[dict[str, Any]]:
    """What was done, the newest first."""
    done = ("signed_in", "listen.started", "listen.ended", "whisper", "take_over", "approve",
            "hang_up", "call.placed", "agents.reload", "sign_in_failed")  # fmt: skip
    return [
        {"id": f"{number:04}", "at": ago(minutes=17 * number), "who": ("ada", "grace")[number % 2],
         "role": ("operator", "admin")[number % 2], "action": done[number % len(done)],
         "call_sid": sid(number) if 0 < number % len(done) < 8 else None,
         "detail": "from 192.0.2.7" if number % len(done) in (0, 9) else None}
        for number in range(230)
    ]  # fmt: skip
