"""What stands between our gateway and the floor: µs of CPU per 20 ms of a call, by part. Pure.

The whole is measured (density, both in one run); the pure parts are timed by `micro` and multiplied
by how often a call-second needs them; threads beside the calls' own have their own CPU clock. What
is left is the rest of the calls' thread: the SDK and its events, turns, timers, the call's records
on their way to the writer, and everything those do to the caches.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.results import CPU, FLOOR, OURS, Results

FRAMES_PER_S = 50
PIECES_PER_S = 5
"""200 ms of the agent's audio each, while it speaks."""
INBOUND = ("carrier: decode a 20 ms frame", "model: append a 20 ms frame")
OUTBOUND = (
    "model: name and decode a 200 ms delta",
    "carrier: write 200 ms of audio",
    "ledger: 200 ms received, sent, heard",
    "pacing: decide",
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the difference, µs per 20 ms of one call."""

    name: str
    microseconds: float


def parts(results: Results, calls: int) -> list[Part]:
    """The floor, what stands above it by part, and ours; empty when one was not measured."""
    ours, floor = results.combined(OURS, calls), results.combined(FLOOR, calls)
    if not ours or not floor or not results.micro:
        return []
    whole = _per_frame(ours[CPU] - floor[CPU])
    threads = _per_frame(ours["threads_ms_per_call_s"] - floor["threads_ms_per_call_s"])
    inbound = sum(results.micro[name] for name in INBOUND)
    spoken = ours["generated_share"] * PIECES_PER_S / FRAMES_PER_S
    outbound = spoken * sum(results.micro[name] for name in OUTBOUND)
    return [
        Part(FLOOR, _per_frame(floor[CPU])),
        Part("caller audio: checked, decoded, encoded", inbound),
        Part("agent audio: checked, ledger, pacing, marks", outbound),
        Part("threads beside the calls' own", threads),
        Part("the rest of the calls' thread", whole - threads - inbound - outbound),
        Part(OURS, _per_frame(ours[CPU])),
    ]


def _per_frame(ms_per_call_s: float) -> float:
    return ms_per_call_s * 1000 / FRAMES_PER_S
