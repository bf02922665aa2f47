"""Calls as lanes."""

import msgspec

from gateway.cli.loadtest_lanes import MOST_LANES, lanes_of
from tests.ops.load.records import a_call, a_failed_call


def test_a_lane_shows_who_spoke() -> None:
    """Caller, agent, where it was cut off; what is open at the end lasts to the end."""
    drawn = lanes_of([msgspec.to_builtins(a_call(0))], 10.0)
    assert drawn.count("class='caller'") == 1
    assert drawn.count("class='agent'") == 2
    assert drawn.count("class='cut'") == 1
    # Spoken from 3 s to 4 s of the call, which was placed 0.1 s before the run began.
    assert "class='caller' style='left:29.00%;width:10.00%'" in drawn


def test_what_failed_is_always_shown() -> None:
    """However many went well, and whatever it is called."""
    calls = [a_call(number) for number in range(MOST_LANES + 5)]
    failed = a_failed_call(99, "<script>")
    drawn = lanes_of([msgspec.to_builtins(call) for call in [*calls, failed]], 100.0)
    assert drawn.count("class='lane'") == MOST_LANES
    assert "6 more calls" in drawn
    assert "99 dropped" in drawn
    assert "<script>" not in drawn


def test_no_calls_no_lanes() -> None:
    """Nothing is said."""
    assert lanes_of([], 10.0) == ""
