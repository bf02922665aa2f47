"""How many calls a gateway carries: which count to try next, and what gave out. Pure.

Counts grow by half until one does not hold, then the gap between the last that held and the first
that did not is halved until it is a twenty-fifth. The knee is the last count that held.
"""

from typing import Final, Literal

import msgspec

FIRST: Final = 5
GROWTH: Final = 1.5
CLOSE: Final = 0.04
"""With a tenth, two searches of the same gateway would differ by as much."""
TURN_GROWTH: Final = 1.5
"""Answers that take half as long again as with few calls are no longer those of an idle gateway."""
LATE_MS: Final = 20.0
"""A frame later than one frame's length, at the 99th percentile, is heard."""
FULL_CORE: Final = 0.9
"""The calls live on one loop: a whole core is all there is, and near it everything waits."""
FEW_FDS: Final = 0.95
LITTLE_MEMORY_MB: Final = 200.0

Resource = Literal[
    "", "generator", "admission", "file descriptors", "memory", "cpu", "model", "latency", "calls"
]
RESOURCES: Final[dict[Resource, str]] = {
    "generator": "the load generator's own clock was late: it could not have noticed more",
    "admission": "calls were turned away as busy (GATEWAY_MAX_CALLS, GATEWAY_MAX_LAG_MS)",
    "file descriptors": "the target, or the generator, had no more file descriptors",
    "memory": "this machine had no more memory to give",
    "cpu": "the target used its core up",
    "model": "the offline model used its core up, not the target",
    "latency": "answers took longer, or audio came late, with nothing visibly used up",
    "calls": "calls failed with nothing visibly used up",
}


class Step(msgspec.Struct):
    """One count that was tried, and how it went."""

    calls: int
    failed: int = 0
    busy: int = 0
    turn_p95_ms: float | None = None
    frame_late_p99_ms: float | None = None
    clock_late_p99_ms: float | None = None
    cpu_max: float | None = None
    """Cores of the target in its busiest second; None when it is not on this machine."""
    model_cpu_max: float | None = None
    memory_max_mb: float | None = None
    memory_free_mb: float | None = None
    fd_share: float | None = None
    """Used of the file descriptors the target may have."""
    out_of_fds: bool = False
    """A call could not be placed for want of file descriptors here."""
    valid: bool = True
    """The generator was in time."""
    holds: bool = True
    gave_out: Resource = ""
    why: str = ""

    def judge(self, idle_turn_ms: float | None) -> None:
        """Decides whether it holds; `idle_turn_ms` is the turn p95 of the first step."""
        self.gave_out, self.why = self._trouble(idle_turn_ms)
        self.holds = not self.gave_out

    def _trouble(self, idle_turn_ms: float | None) -> tuple[Resource, str]:
        if not self.valid:
            return "generator", f"its clock was {_ms(self.clock_late_p99_ms)} late at p99"
        slow = self._slow(idle_turn_ms)
        if not self.failed and not slow:
            return "", ""
        failed = f"{self.failed} calls failed" if self.failed else slow
        if self.busy:
            return "admission", f"{self.busy} calls were turned away"
        if self.out_of_fds or (self.fd_share or 0.0) >= FEW_FDS:
            return "file descriptors", failed
        if self.memory_free_mb is not None and self.memory_free_mb < LITTLE_MEMORY_MB:
            return "memory", f"{self.memory_free_mb:.0f} MB were left; {failed}"
        if (self.cpu_max or 0.0) >= FULL_CORE:
            return "cpu", f"{self.cpu_max:.0%} of a core; {failed}"
        if (self.model_cpu_max or 0.0) >= FULL_CORE:
            return "model", f"{self.model_cpu_max:.0%} of a core; {failed}"
        return ("calls" if self.failed else "latency"), failed

    def _slow(self, idle_turn_ms: float | None) -> str:
        turn, late = self.turn_p95_ms, self.frame_late_p99_ms
        if turn is not None and idle_turn_ms is not None and turn > idle_turn_ms * TURN_GROWTH:
            return f"turn p95 {_ms(turn)}, {_ms(idle_turn_ms)} with few calls"
        if late is not None and late > LATE_MS:
            return f"audio {_ms(late)} late at p99"
        return ""


class Search:
    """Which count comes next."""

    def __init__(self, most: int) -> None:
        self.steps: list[Step] = []
        self._most = most

    def next_count(self) -> int | None:
        """The next count to try; None when the knee is found, or the most of all holds."""
        held, broke = self.knee, self._first_broken
        if broke is None:
            if held >= self._most:
                return None
            grown = max(held + 1, round(held * GROWTH)) if held else min(FIRST, self._most)
            return min(self._most, grown)
        if broke - held <= max(1, round(held * CLOSE)):
            return None
        return (held + broke) // 2

    def judged(self, step: Step) -> Step:
        """A step, judged by the first of all; it is not taken in."""
        step.judge(self.steps[0].turn_p95_ms if self.steps else step.turn_p95_ms)
        return step

    def add(self, step: Step) -> None:
        """A step that was tried, judged by the first."""
        self.steps.append(self.judged(step))

    @property
    def knee(self) -> int:
        """The most calls that held; 0 when not even the fewest did."""
        broke = self._first_broken
        held = [step.calls for step in self.steps if step.holds]
        return max((calls for calls in held if broke is None or calls < broke), default=0)

    @property
    def limit(self) -> Step | None:
        """The fewest calls that did not hold; None when all did."""
        broken = [step for step in self.steps if not step.holds]
        return min(broken, key=lambda step: step.calls, default=None)

    @property
    def valid_up_to(self) -> int:
        """The most calls at which the generator itself was in time."""
        return max((step.calls for step in self.steps if step.valid), default=0)

    @property
    def _first_broken(self) -> int | None:
        return None if self.limit is None else self.limit.calls


def _ms(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f} ms"
