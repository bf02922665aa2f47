"""Traces have the format of the golden sequences, and can be waited on."""

import asyncio

import pytest

from gateway.sim.realtime.recorder import Recorder


@pytest.mark.asyncio
async def test_rows() -> None:
    """Side, time and content, up to the limit."""
    recorder = Recorder(keep=True, limit=2)
    recorder.add("S", event={"type": "a"})
    recorder.add("C", binary_len=3)
    recorder.add("C", text="too much")
    assert [{**row, "t_ms": 0} for row in recorder.rows] == [
        {"t_ms": 0, "dir": "S", "event": {"type": "a"}},
        {"t_ms": 0, "dir": "C", "binary_len": 3},
    ]
    assert all(row["t_ms"] >= 0 for row in recorder.rows)


@pytest.mark.asyncio
async def test_nothing_is_kept_when_it_is_off() -> None:
    """No rows at all."""
    recorder = Recorder(keep=False, limit=10)
    recorder.add("S", event={"type": "a"})
    assert recorder.rows == []


@pytest.mark.asyncio
async def test_waiting_for_the_nth_event() -> None:
    """Past events count; later ones wake the waiter; patience ends."""
    recorder = Recorder(keep=True, limit=10)
    recorder.add("S", event={"type": "a", "n": 1})
    assert (await recorder.nth("a", 1, 1))["n"] == 1
    waiting = asyncio.create_task(recorder.nth("a", 2, 5))
    await asyncio.sleep(0)
    recorder.add("C", event={"type": "b"})
    recorder.add("C", event={"type": "a", "n": 2})
    assert (await waiting)["n"] == 2
    with pytest.raises(TimeoutError):
        await recorder.nth("a", 3, 0.01)
