"""The cost of whole calls, by hand and by the gateway; and the end of one that has cost enough."""

from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import CallEnded, SpendReached, UsageCounted
from gateway.core.g711 import BYTES_PER_MS
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import HangUp, Play, WaitForAgent, WaitForSilence
from tests.e2e.harness import CALLS, PHRASES, heard_part, hears, house, told

pytestmark = pytest.mark.timeout(120)

QUICK = RealtimeOptions(script="assistant", first_audio_ms=50, transcription_ms=(50, 80))
QUESTIONS = (
    WaitForAgent(heard_ms=300),
    WaitForSilence(ms=700),
    Play(path=CALLS / "order_question.ulaw"),
    WaitForAgent(heard_ms=300),
    WaitForSilence(ms=700),
    Play(path=CALLS / "order_question.ulaw"),
    WaitForAgent(heard_ms=300),
    WaitForSilence(ms=700),
)
# The price list of 2026-11-20, written out once more by hand: USD per million tokens.
TEXT_IN, TEXT_CACHED, TEXT_OUT = 4.00, 0.40, 24.00
AUDIO_IN, AUDIO_CACHED, AUDIO_OUT = 32.00, 0.40, 64.00
LISTENING, WRITING = 1.25, 5.00
MINUTE = 0.0085 + 0.0044


def by_hand(usage: dict[str, object]) -> float:
    """What an answer costs, from the model's own word and the list above."""
    sent, made = usage["input_token_details"], usage["output_token_details"]
    assert isinstance(sent, dict)
    assert isinstance(made, dict)
    cached = sent["cached_tokens_details"]
    dollars = (
        (sent["text_tokens"] - cached["text_tokens"]) * TEXT_IN
        + cached["text_tokens"] * TEXT_CACHED
        + (sent["audio_tokens"] - cached["audio_tokens"]) * AUDIO_IN
        + cached["audio_tokens"] * AUDIO_CACHED
        + made["text_tokens"] * TEXT_OUT
        + made["audio_tokens"] * AUDIO_OUT
    )
    return float(dollars / 1_000_000)


@pytest.mark.asyncio
async def test_a_call_costs_what_it_costs_by_hand(tmp_path: Path) -> None:
    """Every answer and every transcription by its tokens, and the carrier's begun minutes."""
    async with house(QUICK, kept_in=tmp_path) as running:
        call = running.place(*QUESTIONS, HangUp())
        await running.ended(call)
        record = await running.record(call)
        (session,) = running.model.sessions
    answers = [e["response"]["usage"] for e in told(session, "S", "response.done")]
    heard = [
        e["usage"]
        for e in told(session, "S", "conversation.item.input_audio_transcription.completed")
    ]
    assert len(answers) >= 3
    assert len(heard) == 2
    model = sum(map(by_hand, answers))
    model += sum(
        (each["input_tokens"] * LISTENING + each["output_tokens"] * WRITING) / 1_000_000
        for each in heard
    )
    minutes = -(-record["call"]["duration_ms"] // 60_000)
    assert record["call"]["model_usd"] == pytest.approx(model, abs=2e-6)
    assert record["call"]["carrier_usd"] == pytest.approx(minutes * MINUTE, abs=1e-6)
    assert record["call"]["cost_usd"] == pytest.approx(model + minutes * MINUTE, abs=2e-6)
    assert record["call"]["unpriced"] is not True
    costs = [row["cost_usd"] for row in record["usage"]]
    assert sum(costs) == pytest.approx(model, abs=1e-5)


@pytest.mark.asyncio
async def test_a_call_ends_at_its_limit(tmp_path: Path) -> None:
    """Softly first; then no further answer is generated, what was being said is heard, and the
    goodbye behind it. It has cost no more than the limit and one answer.
    """
    limit = 0.02
    async with house(QUICK, kept_in=tmp_path, max_usd_per_call=limit) as running:
        call = running.place(*QUESTIONS, *QUESTIONS)
        ended = await running.ended(call)
        record = await running.record(call)
        (session,) = running.model.sessions
        reached = running.of(SpendReached, call.sid)
        counted = running.of(UsageCounted, call.sid)
    assert ended.reason == "spend_limit"
    assert record["call"]["reason"] == "spend_limit"
    assert [each.kind for each in reached] == ["soft", "hard"]
    answers = [each for each in counted if each.source == "response"]
    # What was counted before the hard limit, and nothing after it.
    assert answers[-1].call_usd + MINUTE >= limit
    assert answers[-2].call_usd + MINUTE < limit
    assert len(told(session, "S", "response.done")) == len(answers)
    goodbye = (PHRASES / "goodbye.ulaw").read_bytes()
    assert hears(call, goodbye)
    assert call.heard[heard_part(call, goodbye).end :].strip(b"\xff") == b""
    spoken = [t for t in record["turns"] if t["who"] == "agent" and t["response_id"]]
    assert spoken[-1]["heard_ms"] > 0
    wrap_up = [
        event["item"]
        for event in told(session, "C", "conversation.item.create")
        if event["item"].get("role") == "system"
    ]
    assert len(wrap_up) == 1


@pytest.mark.asyncio
async def test_a_day_that_is_spent_takes_no_more_calls(tmp_path: Path) -> None:
    """The next caller hears busy, also after the gateway was started anew; others are served."""
    limits: dict[str, Any] = {"max_usd_per_number": 0.0129}  # the carrier's first minute alone
    async with house(QUICK, kept_in=tmp_path, **limits) as running:
        first = running.place(WaitForAgent(heard_ms=300))
        ended = await running.ended(first)
        assert ended.reason == "spend_limit"
        second = running.place()
        await second.wait(20)
        assert running.of(CallEnded, second.sid) == []
        assert running.reception.rejections["spend_limit"] == 1
        await running.record(first)
    async with house(QUICK, kept_in=tmp_path, **limits) as again:
        await again.spending_known.wait()
        third = again.place()
        await third.wait(20)
        assert again.reception.rejections["spend_limit"] == 1
        assert len(third.heard) < 100 * BYTES_PER_MS
