"""The demo, run as a person runs it: one process that starts the gateway as another."""

import json
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import pytest

from gateway.core.g711 import audioop

ROOT = Path(__file__).parent.parent.parent
LINES = ROOT / "gateway" / "sim" / "speech" / "frontdesk"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one demo call reports."""
    out = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "gateway", "demo", "--json", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def sides(demo: dict[str, Any]) -> tuple[bytes, bytes]:
    """Caller and agent of the recording, as mu-law."""
    with wave.open(demo["recording"]) as recording:
        assert (recording.getnchannels(), recording.getframerate()) == (2, 8000)
        frames = recording.readframes(recording.getnframes())
    left, right = audioop.tomono(frames, 2, 1, 0), audioop.tomono(frames, 2, 0, 1)
    return audioop.lin2ulaw(left, 2), audioop.lin2ulaw(right, 2)


def test_the_demo_tells_the_whole_story_in_order(demo: dict[str, Any]) -> None:
    """Question, interruption, three agents, an approval, goodbye: each by the right side."""
    told = [(row["who"], row["what"].split(":")[0].split(",")[0]) for row in demo["timeline"]]
    story = [
        ("carrier", "the stream is open"),
        ("agent", "speaks"),
        ("caller", "begins to speak"),
        ("caller", "has said"),
        ("agent", "frontdesk hands over to faq"),
        ("agent", "calls the tool faq_lookup"),
        ("gateway", "agent cut off"),
        ("agent", "faq hands over to frontdesk"),
        ("agent", "frontdesk hands over to booking"),
        ("agent", "calls the tool find_booking"),
        ("gateway", "somebody must approve update_seat first"),
        ("person", "approved"),
        ("agent", "calls the tool update_seat"),
        ("agent", "calls the tool end_call"),
        ("gateway", "the call is over"),
    ]
    assert set(story) <= set(told)
    positions = [told.index(part) for part in story]
    assert positions == sorted(positions)
    assert demo["reason"] == "agent_hung_up"
    times = [row["at_ms"] for row in demo["timeline"]]
    assert times == sorted(times)


def test_the_report_names_agents_tools_and_what_was_approved(demo: dict[str, Any]) -> None:
    """Machines find them without reading the timeline."""
    assert demo["handoffs"] == [
        ["frontdesk", "faq"],
        ["faq", "frontdesk"],
        ["frontdesk", "booking"],
    ]
    assert demo["tools"] == ["faq_lookup", "find_booking", "update_seat", "end_call"]
    (approval,) = demo["approvals"]
    assert (approval["tool"], approval["verdict"]) == ("update_seat", "approved")
    assert approval["arguments"] == {"confirmation_number": "4711", "seat": "12A"}
    assert approval["waited_ms"] > 0


def test_the_interruption_agrees_with_the_carriers_own_count(demo: dict[str, Any]) -> None:
    """Gateway and carrier agree on what was heard to within a few frames."""
    assert demo["interruption"]["dropped_ms"] > 1000
    assert abs(demo["interruption"]["heard_ms"] - demo["interruption_truth_ms"]) <= 60


def test_every_turn_is_measured_with_the_gateways_own_share(demo: dict[str, Any]) -> None:
    """A reply has all stages, and they add up to what the caller waits."""
    replies = [turn for turn in demo["turns"] if turn["kind"] == "reply"]
    assert len(replies) == 5
    for turn in replies:
        stages = sum(turn[f"{stage}_ms"] for stage in ("endpoint", "model", "gateway", "play"))
        assert stages == pytest.approx(turn["response_ms"], abs=1.0)


def test_the_recording_is_as_long_as_the_call_and_has_both_sides(
    demo: dict[str, Any], sides: tuple[bytes, bytes]
) -> None:
    """Caller left, agent right; both have sound, and only one of them most of the time."""
    caller, agent = sides
    assert abs(len(agent) / 8 - demo["timeline"][-1]["at_ms"]) < 2500
    for side in (caller, agent):
        assert audioop.rms(audioop.ulaw2lin(side, 2), 2) > 500


def test_what_was_not_interrupted_was_heard_byte_for_byte(sides: tuple[bytes, bytes]) -> None:
    """Every line of the agent lies whole in the recording, but the one the caller cut off."""
    _, agent = sides
    spoken = {"greeting", "let_me_check", "weight", "one_moment", "ask_details", "changing"}
    whole = {*spoken, "seat_changed", "goodbye", "baggage"}
    missing = {name for name in whole if _as_in_a_wav(name) not in agent}
    assert missing == {"baggage"}


def test_the_carrier_saw_no_error_but_our_own_hanging_up(demo: dict[str, Any]) -> None:
    """31921 (our side closed the stream) is how an agent-initiated end shows at Twilio."""
    assert set(demo["carrier_errors"]) <= {31921}


def _as_in_a_wav(name: str) -> bytes:
    """A line of the agent after the way through PCM: mu-law has two zeros, PCM has one."""
    return audioop.lin2ulaw(audioop.ulaw2lin((LINES / f"{name}.ulaw").read_bytes(), 2), 2)
