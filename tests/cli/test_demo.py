"""The demo, run as a person runs it: one process that starts the gateway as another."""

import json
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one demo call reports."""
    out = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "gateway", "demo", "--json", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.timeout(120)
def test_the_demo_tells_the_whole_story_in_order(demo: dict[str, Any]) -> None:
    """Greeting, question, tool, interruption, goodbye: the timeline has them, by the right side."""
    told = [(row["who"], row["what"].split(":")[0]) for row in demo["timeline"]]
    story = [
        ("carrier", "the stream is open"),
        ("agent", "speaks"),
        ("caller", "has said"),
        ("agent", "calls the tool lookup_order"),
        ("caller", "begins to speak"),
        ("agent", "calls the tool end_call"),
        ("gateway", "the call is over"),
    ]
    positions = [told.index(part) if n else 0 for n, part in enumerate(story)]
    assert set(story) <= set(told)
    assert positions[:4] == sorted(positions[:4])
    assert demo["reason"] == "agent_hung_up"
    times = [row["at_ms"] for row in demo["timeline"]]
    assert times == sorted(times)


def test_the_interruption_agrees_with_the_carriers_own_count(demo: dict[str, Any]) -> None:
    """Gateway and carrier agree on what was heard to within a few frames."""
    assert demo["interruption"]["dropped_ms"] > 1000
    assert abs(demo["interruption"]["heard_ms"] - demo["interruption_truth_ms"]) <= 60


def test_every_turn_is_measured_with_the_gateways_own_share(demo: dict[str, Any]) -> None:
    """A reply has all stages, and they add up to what the caller waits."""
    replies = [turn for turn in demo["turns"] if turn["kind"] == "reply"]
    assert len(replies) == 3
    for turn in replies:
        stages = sum(turn[f"{stage}_ms"] for stage in ("endpoint", "model", "gateway", "play"))
        assert stages == pytest.approx(turn["response_ms"], abs=1.0)


def test_the_recording_is_stereo_and_as_long_as_the_call(demo: dict[str, Any]) -> None:
    """Caller left, agent right, 8 kHz; both sides have sound."""
    with wave.open(demo["recording"]) as recording:
        assert (recording.getnchannels(), recording.getframerate()) == (2, 8000)
        seconds = recording.getnframes() / 8000
        frames = recording.readframes(recording.getnframes())
    assert abs(seconds * 1000 - demo["timeline"][-1]["at_ms"]) < 2500
    for side in (0, 2):
        loud = sum(
            1 for at in range(side, len(frames), 4 * 80) if frames[at : at + 2] > b"\x00\x04"
        )
        assert loud > 100


def test_the_carrier_saw_no_error_but_our_own_hanging_up(demo: dict[str, Any]) -> None:
    """31921 (our side closed the stream) is how an agent-initiated end shows at Twilio."""
    assert set(demo["carrier_errors"]) <= {31921}
