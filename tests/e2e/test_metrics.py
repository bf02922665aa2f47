"""The figures are true: after calls of every kind they equal what carrier and model know."""

from collections import Counter
from pathlib import Path

import httpx2
import pytest

from gateway.core.histogram import Histogram
from gateway.observe.callfamilies import RESPONSE_S
from gateway.sim.twilio import TwinCall
from tests.e2e.harness import House
from tests.e2e.mixed import (
    KINDS,
    OUTCOMES,
    mixed_house,
    run_calls,
    scraped,
    tokens_told,
    tool_calls_told,
    waited_s,
)

STRANGERS = 3


async def knock(running: House) -> None:
    """Webhooks that nobody signed."""
    async with httpx2.AsyncClient(base_url=running.base, trust_env=False) as client:
        for _ in range(STRANGERS):
            answer = await client.post("/twilio/voice", data={"CallSid": "CA1"})
            assert answer.status_code == 403


async def compared(folder: Path, rounds: int, at_a_time: int) -> None:
    """So many calls of each kind, and every figure of them beside what others know."""
    async with mixed_house(folder) as running:
        await knock(running)
        made = await run_calls(running, rounds, at_a_time)
        found = await scraped(running)

        def of(name: str, position: int = 1) -> Counter[str]:
            """The samples of a name that are not 0, by the value of a label."""
            rows = {key[position]: value for key, value in found.items() if key[0] == name}
            return Counter({each: int(value) for each, value in rows.items() if value})

        placed = len(running.twin.calls)
        outcomes = Counter({name: rounds * count for name, count in OUTCOMES.items()})
        assert placed == rounds * len(KINDS)
        assert of("gateway_calls_total") == outcomes
        assert of("gateway_calls_offered_total") == {"inbound": placed}
        by_agent = [v for key, v in found.items() if key[:2] == ("gateway_agent_calls_total", "a")]
        assert sum(by_agent) == placed
        assert of("gateway_calls_ended_total")["socket_lost"] == len(made["is cut off"])
        assert of("gateway_calls_ended_total")["agent_hung_up"] == len(made["is said goodbye to"])
        assert of("gateway_failures_total") == {"carrier": len(made["is cut off"])}
        assert of("gateway_rejected_total") == {"signature_missing": STRANGERS}
        assert found["gateway_call_duration_seconds_count",] == placed
        assert found["gateway_calls_active",] == 0

        clears = sum(len(call.clears) for calls in made.values() for call in calls)
        assert found["gateway_barge_ins_total",] == clears == len(made["interrupts"])
        assert found["gateway_barge_in_seconds_count",] == clears
        tools = tool_calls_told(running)
        tools -= Counter(transfer_to_b=tools["transfer_to_b"])
        assert of("gateway_tool_seconds_count") == tools
        assert tools == {"note": rounds, "end_call": rounds}
        assert of("gateway_handoffs_total") == {"b": rounds}
        assert sum(of("gateway_tokens_total").values()) == tokens_told(running)
        assert found["gateway_model_connect_seconds_count",] == placed
        assert found["gateway_answer_to_audio_seconds_count",] == placed
        heard = sum(len(session.input_audio) for session in running.model.sessions)
        assert abs(found["gateway_caller_frames_total",] - heard / 160) <= placed
        records = [await running.record(call) for calls in made.values() for call in calls]
        costs = [record["call"]["cost_usd"] for record in records]
        assert min(costs) > 0
        rounded = pytest.approx(sum(costs), abs=1e-6 * placed)
        assert found["gateway_cost_usd_total",] == rounded
        assert found["gateway_unpriced_total",] == 0
        same_within_a_bucket(found, [waited_s(call) for call in made["asks"]], made["interrupts"])


def same_within_a_bucket(
    found: dict[tuple[str, ...], float], waits: list[float], others: list[TwinCall]
) -> None:
    """The histogram of responses has no answer more than one bucket away from where those who
    waited for it have it; those who interrupt got one as well, and its length is not known here.
    """
    name, mine = "gateway_turn_response_seconds", Histogram(RESPONSE_S)
    for wait in waits:
        mine.add(wait)
    theirs = [
        int(value) for key, value in found.items() if key[0] == f"{name}_bucket" and len(key) == 2
    ]
    assert theirs[-1] == len(waits) + len(others)
    known = mine.cumulated()
    for bucket, count in enumerate(theirs):
        lower = known[bucket - 1] if bucket else 0
        upper = known[min(bucket + 1, len(known) - 1)]
        assert lower <= count <= upper + len(others), (RESPONSE_S, waits, theirs)


@pytest.mark.asyncio
@pytest.mark.timeout(180)
async def test_figures_equal_what_carrier_and_model_know(tmp_path: Path) -> None:
    """Eighteen calls, six at a time: every count to the last, waits within a bucket."""
    await compared(tmp_path, rounds=3, at_a_time=6)


@pytest.mark.long
@pytest.mark.asyncio
@pytest.mark.timeout(1800)
async def test_figures_of_many_calls_equal_it_too(tmp_path: Path) -> None:
    """204 calls, twelve at a time."""
    await compared(tmp_path, rounds=34, at_a_time=12)
