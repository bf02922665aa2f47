"""What end-to-end tests put on stage: a folder of agents, a script, and a caller who presses keys.

The caller's key chooses what the agent does next, so that one call can try several things and no
test depends on what was said before.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from gateway.core.events import CallAnswered, CallLive
from gateway.core.g711 import to_pcm16
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.realtime.session import Session
from gateway.sim.twilio import Network, Step, TwinCall
from tests.agents import folders
from tests.e2e.harness import NUMBER, House, told
from tests.sim.realtime.harness import LINES, options, tone, write_voice

HEAD = 'name = "scene"\nvoice = "tones"\n'


def agents_in(folder: Path, **files: str) -> Path:
    """A folder of agents below `folder`: `a_toml` is the file `a.toml`. Agent `a` answers."""
    made = folder / "agents"
    made.mkdir(exist_ok=True)
    return folders.write(made, **{"a_toml": "", **files})


def scene(folder: Path, script: str, lines: dict[str, int] | None = None) -> RealtimeOptions:
    """A quick model with this script; `lines` are more of them, by name, with their length, ms."""
    made = options(folder, HEAD + script)
    more = {name: (f"Line {name}.", ms) for name, ms in (lines or {}).items()}
    write_voice(folder, {**LINES, **more})
    return made


def on_key(key: str, answer: str) -> str:
    """The part of a script that answers to a key and the hash behind it."""
    return f'[[on_text]]\nmatch = "phone: {key}$"\n{answer}\n'


def calls(tool: str, **arguments: object) -> str:
    """The part of an answer in a script that calls a tool."""
    given = ", ".join(f"{name} = {json.dumps(value)}" for name, value in arguments.items())
    return f'call = {{ name = "{tool}", arguments = {{ {given} }} }}'


def line(name: str) -> bytes:
    """What a caller hears of a line of the script; see `LINES`."""
    return tone(LINES[name][1], hz=300 + 50 * list(LINES).index(name))


async def live_call(running: House, *steps: Step, network: Network | None = None) -> TwinCall:
    """A call whose caller can be heard by the model."""
    call = running.place(*steps, network=network)
    # A model that was dialled by the webhook may be there before the stream is.
    await running.until(lambda: bool(running.of(CallLive, call.sid)))
    await running.until(lambda: bool(running.of(CallAnswered, call.sid)))
    return call


def on_campaign(running: House, campaign: str, *steps: Step) -> TwinCall:
    """A call that carries the name of a campaign, which its route is chosen by."""
    url = f"{running.base}/twilio/voice?campaign={campaign}"
    return running.twin.place_call(NUMBER, caller=steps, voice_url=url)


def session_of(running: House, call: TwinCall) -> Session:
    """The model's session of a call, of calls that were placed one after the other."""
    return running.model.sessions[list(running.twin.calls).index(call.sid)]


def outputs(session: Session) -> list[str]:
    """What the model was told by tools, in order."""
    items = [event["item"] for event in told(session, "C", "conversation.item.create")]
    return [item["output"] for item in items if item["type"] == "function_call_output"]


def samples(payload: bytes) -> list[int]:
    """Linear samples of mu-law."""
    return list(memoryview(to_pcm16(payload)).cast("h"))


def goertzel(window: Sequence[int], hz: int, rate: int = 8000) -> float:
    """The energy of one frequency in these samples; that of a pure sine is all of its energy."""
    turn = 2 * math.cos(2 * math.pi * hz / rate)
    last = before = 0.0
    for sample in window:
        last, before = sample + turn * last - before, last
    return (last * last + before * before - turn * last * before) * 2 / len(window)
