"""Calls of every kind at a time, for tests that count: who says, presses and does what is known
before, so what has to come of them is, too.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from gateway.sim.twilio import Drop, Dtmf, HangUp, Pause, Play, Step, TwinCall
from gateway.sim.twilio import WaitForAgent as Hear
from gateway.sim.twilio import WaitForSilence as Quiet
from tests.e2e.harness import API_TOKEN, House, house, told
from tests.e2e.scenes import agents_in, calls, on_key, scene
from tests.sim.realtime.harness import tone

BEARER = {"Authorization": f"Bearer {API_TOKEN}"}
ASK = tone(700)
SCRIPT = (
    '[greeting]\nsay = "hello"\n'
    + on_key("1", 'say = "story"')
    + on_key("2", calls("note", text="wants a call"))
    + on_key("3", calls("transfer_to_b"))
    + on_key("4", 'say = "bye"\n' + calls("end_call"))
    + '[after_tool.note]\nsay = "wait"\n'
    + '[after_tool.transfer_to_b]\nsay = "wait"\n'
    + '[otherwise]\nsay = "else"\n'
)
A = 'greeting = "Greet the caller."\ntools = ["note", "end_call"]\nhandoffs = ["b"]'
GREETED: tuple[Step, ...] = (Hear(heard_ms=300), Quiet(ms=300))
ANSWERED: tuple[Step, ...] = (Hear(heard_ms=200), Quiet(ms=300))
KINDS: dict[str, tuple[Step, ...]] = {
    "asks": (*GREETED, Play(payload=ASK), *ANSWERED, HangUp()),
    "interrupts": (
        *GREETED,
        Dtmf("1#"),
        Hear(heard_ms=1200),
        Play(payload=ASK),
        Pause(ms=300),
        *ANSWERED,
        HangUp(),
    ),
    "has it noted": (*GREETED, Dtmf("2#"), *ANSWERED, HangUp()),
    "is handed over": (*GREETED, Dtmf("3#"), *ANSWERED, HangUp()),
    "is said goodbye to": (*GREETED, Dtmf("4#"), Hear(heard_ms=100), Pause(ms=60_000)),
    "is cut off": (*GREETED, Drop()),
}
OUTCOMES = Counter(completed=5, failed=1)
"""Of one call of each kind."""


@asynccontextmanager
async def mixed_house(folder: Path, **settings: Any) -> AsyncIterator[House]:
    """A gateway whose agent can do all of that, with records."""
    agents = agents_in(folder, a_toml=A, b_toml='handoff_description = "takes over"')
    more = {"agents_dir": agents, "agent": "a", **settings}
    async with house(scene(folder, SCRIPT), kept_in=folder / "data", **more) as running:
        yield running


async def run_calls(running: House, rounds: int, at_a_time: int = 6) -> dict[str, list[TwinCall]]:
    """So many calls of each kind, to their end; by kind."""
    free = asyncio.Semaphore(at_a_time)
    made: dict[str, list[TwinCall]] = {kind: [] for kind in KINDS}

    async def one(kind: str) -> None:
        async with free:
            call = running.place(*KINDS[kind])
            made[kind].append(call)
            await running.ended(call)

    async with asyncio.TaskGroup() as group:
        for _ in range(rounds):
            for kind in KINDS:
                group.create_task(one(kind))
    return made


async def scraped(running: House) -> dict[tuple[str, ...], float]:
    """Every sample of `/metrics`, by its name and the values of its labels."""
    async with httpx2.AsyncClient(base_url=running.base, trust_env=False) as client:
        answer = await client.get("/metrics", headers=BEARER)
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def tokens_told(running: House) -> int:
    """Tokens the model says it used, of all its sessions."""
    done = [e for s in running.model.sessions for e in told(s, "S", "response.done")]
    spoken = "conversation.item.input_audio_transcription.completed"
    usages = [each["response"]["usage"] for each in done]
    usages += [e["usage"] for s in running.model.sessions for e in told(s, "S", spoken)]
    return sum((usage or {}).get("total_tokens", 0) for usage in usages)


def tool_calls_told(running: House) -> Counter[str]:
    """Tools the model called and got an answer of, by name."""
    items = [item for s in running.model.sessions for item in s.conversation]
    answered = {item.call_id for item in items if item.type == "function_call_output"}
    return Counter(
        item.name for item in items if item.type == "function_call" and item.call_id in answered
    )


def waited_s(call: TwinCall) -> float:
    """How long the caller who asked waited for the answer, as their own ear has it."""
    said, heard = call.said, call.heard
    asked_to = said.rindex(ASK[-800:]) + 800
    frames = range(asked_to - asked_to % 160, len(heard), 160)
    answered = next(n for n in frames if set(heard[n : n + 160]) - {0xFF, 0x7F})
    first = next(n for n in range(answered, answered + 160) if heard[n] not in (0xFF, 0x7F))
    return (first - asked_to) / 8000
