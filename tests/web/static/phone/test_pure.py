"""The softphone's pure parts under node, next to what they must equal in Python."""

import base64
import json
import random
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.core.g711 import from_pcm16, to_pcm16
from gateway.sim.twilio.playout import PlayoutBuffer
from tests.web.static.test_units import NODE

pytestmark = pytest.mark.system

HERE = Path(__file__).parent
SCRIPTS = sorted(HERE.glob("*.test.js"))


def node(*words: str, given: str = "") -> str:
    """What node writes."""
    done = subprocess.run(
        [*NODE, *words], input=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_what_node_says(script: Path) -> None:
    """Each file of tests passes."""
    node("--test", str(script))


def test_mu_law_is_that_of_the_gateway() -> None:
    """All 65536 samples and all 256 bytes; what is too loud is cut off."""
    found = json.loads(node(str(HERE / "tables.mjs")))
    samples = struct.pack("=65536h", *range(-32768, 32768))
    assert base64.b64decode(found["encoded"]) == from_pcm16(samples)
    assert struct.pack("=256h", *found["decoded"]) == to_pcm16(bytes(range(256)))
    scaled = struct.pack("=6h", -32768, -32767, 0, 32767, 32767, 16384)
    assert bytes(found["floats"]) == from_pcm16(scaled)


def story(seed: int) -> dict[str, Any]:
    """Audio, marks, clears and time, as they come."""
    chance = random.Random(seed)
    cap = chance.choice([500, 5_000, 4_800_000])
    makes: dict[str, Callable[[], Any]] = {
        "audio": lambda: chance.choice([0, 1, 160, 333, 1600]),
        "mark": lambda: f"m{chance.randrange(1000)}",
        "clear": lambda: 0,
        "play": lambda: chance.choice([1, 21, 160, 1000]),
    }
    names = chance.choices(list(makes), (4, 4, 1, 5), k=80)
    return {"cap": cap, "steps": [[name, makes[name]()] for name in names]}


def twin_of(story: dict[str, Any]) -> list[list[Any]]:
    """What the carrier's own buffer does in the same story."""
    buffer, now, number, told = PlayoutBuffer(0.0, cap_bytes=story["cap"]), 0.0, 0, []
    for what, given in story["steps"]:
        marks: list[str] = []
        if what == "audio":
            payload = bytes((number + at) & 0xFF for at in range(given))
            number += given
            buffer.audio(payload, now)
        elif what == "mark":
            marks = buffer.mark(given, now)
        elif what == "clear":
            marks = buffer.clear(now)
        else:
            now += given / 8000
            marks = buffer.advance(now)
        state = (buffer.heard_bytes, buffer.cleared_bytes, buffer.discarded_bytes)
        told.append([marks, list(buffer.take_fresh()), *state, buffer.outstanding_bytes])
    return told


def test_playback_is_that_of_the_carrier() -> None:
    """Marks, what was heard, cleared and discarded: 200 stories, equal after every step."""
    stories = [story(seed) for seed in range(200)]
    found = json.loads(node(str(HERE / "plays.mjs"), given=json.dumps(stories)))
    for number, (ours, each) in enumerate(zip(found, stories, strict=True)):
        assert ours == twin_of(each), f"story {number}"
