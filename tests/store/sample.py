"""Calls as their records look when they are over, and databases with such calls in them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.settings import Settings
from gateway.store.tables import metadata
from tests.store.databases import made, settings_in

CALL_SID: Final = "CA0123456789abcdef0123456789abcdef"
OFFERED_AT: Final = datetime(2026, 11, 20, 9, 30, 5, 250_000, tzinfo=UTC)
DURATION_MS: Final = 34_120.0

Rows = dict[str, list[dict[str, Any]]]
"""Rows by table, as they are inserted."""


def sample_call(call_sid: str = CALL_SID, **changed: Any) -> Rows:
    """A call with everything in it: an interruption with words nobody heard, a handoff, a tool that
    somebody approved, a note, what it cost. ``changed`` are columns of its row in ``calls``.
    """
    rows: Rows = {
        "calls": [_call() | changed],
        "turns": _turns(),
        "events": _events(changed.get("offered_at", OFFERED_AT)),
        "tools": [_tool()],
        "handoffs": [
            {"number": 1, "from_agent": "frontdesk", "to_agent": "booking", "at_ms": 15_250.0}
        ],
        "guardrails": [{"number": 1, "guardrail": "no_promises", "at_ms": 20_900.0}],
        "usage": _usage(),
        "notes": [{"number": 1, "text": "Prefers the aisle.", "at_ms": 24_700.0}],
    }
    for row in (row for table in rows.values() for row in table):
        row["call_sid"] = call_sid
    return rows


def missed_call(call_sid: str, **changed: Any) -> Rows:
    """A call whose stream never came: only its row, most of it empty."""
    row = {
        "call_sid": call_sid,
        "seq": 2,
        "state": "ended",
        "direction": "inbound",
        "caller": "+12025550188",
        "called": "+15550001000",
        "route": "default",
        "agent": "frontdesk",
        "offered_at": OFFERED_AT,
        "ended_at": OFFERED_AT + timedelta(seconds=15),
        "outcome": "missed",
        "reason": "no_stream",
        "turns": 0,
        "interruptions": 0,
    }
    return {"calls": [row | changed]}


async def keep(engine: AsyncEngine, *calls: Rows) -> None:
    """Inserts the rows of calls."""
    async with engine.begin() as connection:
        for rows in calls:
            for table, values in rows.items():
                for row in values:
                    await connection.execute(metadata.tables[table].insert().values(row))


async def recorded(settings: Settings, *calls: Rows) -> None:
    """Makes the database of these settings, with those calls in it, and leaves it."""
    engine = await made(settings)
    await keep(engine, *calls)
    await engine.dispose()


def record_calls(folder: Path, *calls: Rows) -> None:
    """The same outside of any event loop, for the database in that data dir."""
    asyncio.run(recorded(settings_in(folder), *calls))


def _call() -> dict[str, Any]:
    answered = OFFERED_AT + timedelta(milliseconds=420)
    return {
        "seq": 41,
        "owner": "gateway-1",
        "state": "ended",
        "direction": "inbound",
        "caller": "+12025550143",
        "called": "+15550001000",
        "route": "default",
        "campaign": "",
        "agent": "frontdesk",
        "stir": "TN-Validation-Passed-A",
        "offered_at": OFFERED_AT,
        "answered_at": answered,
        "ended_at": answered + timedelta(milliseconds=DURATION_MS),
        "outcome": "completed",
        "reason": "agent_hung_up",
        "segments": 1,
        "duration_ms": DURATION_MS,
        "heard_ms": 16_980.0,
        "inbound_frames": 1706,
        "turns": 4,
        "interruptions": 1,
        "response_p50_ms": 820.4,
        "response_p95_ms": 1140.2,
        "response_worst_ms": 1140.2,
        "model_usd": 0.031234,
        "carrier_usd": 0.0085,
        "cost_usd": 0.039734,
        "unpriced": False,
        "consent": "granted",
        "recording": None,
    }


def _turns() -> list[dict[str, Any]]:
    """The caller's second turn was noticed before the agent's cut-off words were over."""
    return [
        _agent(1, "frontdesk", "Golden Gate Air, good morning. How can I help you?", 310, 3410)
        | _stages("greeting", None, 310.0, 0.41, 35.2, None)
        | {"response_id": "resp_1"},
        _caller(2, "What may I bring as hand baggage?", 4100, 6020),
        _agent(
            3,
            "frontdesk",
            "You may bring one bag of eight kilograms and one small item, such as a laptop or a "
            "handbag, that fits under the seat in front of you.",
            6840,
            9647,
        )
        | {
            "heard_text": "You may bring one bag of eight kilograms and one small",
            "unheard_text": "item, such as a laptop or a handbag, that fits under the seat in "
            "front of you.",
            "heard_ms": 2807.0,
            "audio_ms": 7120.0,
            "interrupted": True,
            "cause": "caller",
            "response_id": "resp_2",
        }
        | _stages("reply", 505.0, 264.1, 0.38, 50.9, 820.4),
        _caller(4, "Thanks. Can I have another seat?", 9460, 11_300),
        _agent(5, "booking", "Seat 14C is yours.", 21_200, 24_000)
        | _stages("follow_up", 510.0, 560.0, 0.52, 69.7, 1140.2)
        | {"response_id": "resp_4"},
        _caller(6, "Great, goodbye.", 26_100, 27_050),
        _agent(7, "booking", "Goodbye, and have a good flight.", 27_800, 30_950)
        | _stages("reply", 500.0, 201.3, 0.44, 48.2, 749.9)
        | {"response_id": "resp_5"},
    ]


def _caller(number: int, text: str, from_ms: float, to_ms: float) -> dict[str, Any]:
    spoken = {"from_ms": from_ms, "to_ms": to_ms, "text": text}
    return {"number": number, "who": "caller", "item_id": f"item_{number}", **spoken}


def _agent(number: int, agent: str, text: str, from_ms: float, to_ms: float) -> dict[str, Any]:
    return {
        "number": number,
        "who": "agent",
        "agent": agent,
        "item_id": f"item_{number}",
        "text": text,
        "heard_text": text,
        "unheard_text": "",
        "from_ms": from_ms,
        "to_ms": to_ms,
        "heard_ms": to_ms - from_ms,
        "audio_ms": to_ms - from_ms,
        "interrupted": False,
    }


def _stages(
    kind: str,
    endpoint_ms: float | None,
    model_ms: float,
    gateway_ms: float,
    play_ms: float,
    response_ms: float | None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "endpoint_ms": endpoint_ms,
        "model_ms": model_ms,
        "gateway_ms": gateway_ms,
        "play_ms": play_ms,
        "response_ms": response_ms,
    }


def _tool() -> dict[str, Any]:
    return {
        "number": 1,
        "tool": "update_seat",
        "agent": "booking",
        "arguments": '{"booking": "K7Q2", "seat": "14C"}',
        "result": "Seat 14C confirmed.",
        "at_ms": 15_900.0,
        "duration_ms": 4612.3,
    }


def _usage() -> list[dict[str, Any]]:
    tokens = {"text_in": 412, "text_cached": 384, "audio_in": 96, "audio_cached": 64}
    tokens |= {"image_in": 0, "image_cached": 0, "text_out": 58, "audio_out": 141}
    response = {"source": "response", "model": "gpt-realtime-2.1", "billed_s": 0.0, **tokens}
    return [
        {"number": 1, "source_id": "resp_1", "cost_usd": 0.009, "at_ms": 3500.0, **response},
        {"number": 2, "source_id": "resp_2", "cost_usd": 0.021, "at_ms": 9700.0, **response},
        {
            "number": 3,
            "source": "transcription",
            "source_id": "item_2",
            "model": "gpt-4o-mini-transcribe",
            "billed_s": 12.34,
            "cost_usd": 0.001234,
            "at_ms": 6900.0,
        },
    ]


def _events(offered_at: datetime) -> list[dict[str, Any]]:
    told: list[tuple[str, float | None, dict[str, Any]]] = [
        ("call.offered", None, {"direction": "inbound", "agent": "frontdesk", "route": "default"}),
        ("call.answered", None, {"after_offer_ms": 420.0}),
        ("call.live", None, {"held_ms": 0.0}),
        ("consent.changed", 900.0, {"state": "granted"}),
        ("barge_in", 9647.0, {"cause": "caller", "heard_ms": 2807, "dropped_ms": 4313}),
        ("approval.asked", 16_010.0, {"tool": "update_seat"}),
        (
            "approval.decided",
            20_400.0,
            {"tool": "update_seat", "verdict": "approved", "waited_ms": 4390.5},
        ),
        ("dtmf", 25_000.0, {"count": 2}),
        ("call.ended", None, {"reason": "agent_hung_up"}),
    ]
    return [
        {
            "seq": seq,
            "at": offered_at + timedelta(milliseconds=420 + (at_ms or 0.0)),
            "at_ms": at_ms,
            "name": name,
            "fields": fields,
        }
        for seq, (name, at_ms, fields) in enumerate(told, 1)
    ]
