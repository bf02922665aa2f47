"""What is known of a run while it runs: the workers' pulses put together. Pure."""

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Final

import msgspec

from gateway.core.latency import percentile
from gateway.ops.load.figures import Spread, spread_of
from gateway.ops.load.lateness import Lateness
from gateway.ops.load.record import CallRecord, Pulse, Wait
from gateway.ops.load.target import Usage

_LOOKS_BACK_S: Final = 5.0
_NAMES: Final = {"late": "frame_late"}


class Moment(msgspec.Struct, frozen=True):
    """One second of a run."""

    at_s: float
    up: int
    connecting: int
    placed: int
    """Calls that are over or under way, so far."""
    failed: int
    """So far."""
    turn_p95_ms: float | None
    """Of answers heard in the last 5 s; as all waits of this moment."""
    answer_p95_ms: float | None
    frame_late_p99_ms: float | None
    clock_late_p99_ms: float | None
    """Of the worst worker since the last moment."""
    cpu: float | None
    """Cores of the target since the last moment."""
    memory_mb: float | None
    fds: int | None
    model_cpu: float | None
    generator_cpu: float | None
    """Of the busiest worker."""


class Board:
    """Collects pulses and looks at processes; says how things are."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []
        self.lateness: dict[int, Lateness] = defaultdict(Lateness)
        """By worker, of the whole run."""
        self.moments: list[Moment] = []
        self.fd_share: float | None = None
        """The highest share of its file descriptors the target has used."""
        self._pulses: dict[int, Pulse] = {}
        self._waits: dict[str, Lateness] = defaultdict(Lateness)
        """Counted, not kept: to draw a table every second must not cost the generator time."""
        self._recent: dict[str, deque[Wait]] = defaultdict(deque)
        self._fresh: dict[int, Lateness] = defaultdict(Lateness)
        self._cpu_s: dict[int, float] = {}
        self._looked_s = 0.0
        self._target: Usage | None = None
        self._model: Usage | None = None

    def hear(self, pulse: Pulse) -> None:
        """A worker has spoken."""
        self._pulses[pulse.worker] = pulse
        self.records += pulse.ended
        late = Lateness(pulse.late)
        self.lateness[pulse.worker].join(late)
        self._fresh[pulse.worker].join(late)
        for name, waits in pulse.waits.items():
            name = _NAMES.get(name, name)
            for wait in waits:
                self._waits[name].add(int(wait.ms * 1e6))
            self._recent[name] += waits

    @property
    def up(self) -> int:
        """Streams that are up."""
        return sum(pulse.up for pulse in self._pulses.values())

    @property
    def connecting(self) -> int:
        """Calls between their webhook and their stream."""
        return sum(pulse.connecting for pulse in self._pulses.values())

    @property
    def failed(self) -> int:
        """Calls that are over and have failed."""
        return sum(bool(record.failure) for record in self.records)

    @property
    def turned_away(self) -> int:
        """Callers who found all lines taken."""
        return sum(pulse.turned_away for pulse in self._pulses.values())

    @property
    def clock(self) -> Lateness:
        """The delays of all workers' clocks."""
        return joined(self.lateness.values())

    @property
    def late(self) -> bool:
        """Whether any worker's clock has been too late so far."""
        return any(lateness.late for lateness in self.lateness.values())

    def spread(self, name: str) -> Spread:
        """A measure so far, to 10 µs."""
        return spread_of(self.clock if name == "clock_late" else self._waits[name])

    def look(self, at_s: float, target: Usage | None, model: Usage | None) -> None:
        """A second has gone by; `target` and `model` are what they use by now, if that is known."""
        passed_s = at_s - self._looked_s
        self._looked_s = at_s
        if target is not None and target.fds_most:
            self.fd_share = max(self.fd_share or 0.0, target.fds / target.fds_most)
        self.moments.append(
            Moment(
                at_s=round(at_s, 2),
                up=self.up,
                connecting=self.connecting,
                placed=len(self.records) + self.up + self.connecting,
                failed=self.failed,
                turn_p95_ms=self._lately("turn", at_s, 0.95),
                answer_p95_ms=self._lately("answer", at_s, 0.95),
                frame_late_p99_ms=self._lately("frame_late", at_s, 0.99),
                clock_late_p99_ms=max(
                    _known(each.percentile_ms(0.99) for each in self._fresh.values()), default=None
                ),
                cpu=_cores(self._target, target),
                memory_mb=None if target is None else round(target.rss_mb, 1),
                fds=None if target is None else target.fds,
                model_cpu=_cores(self._model, model),
                generator_cpu=self._generator_cpu(passed_s),
            )
        )
        self._fresh.clear()
        self._target, self._model = target, model

    def _lately(self, name: str, at_s: float, share: float) -> float | None:
        waits = self._recent[name]
        while waits and waits[0].at_s < at_s - _LOOKS_BACK_S:
            waits.popleft()
        return percentile([wait.ms for wait in waits], share)

    def _generator_cpu(self, passed_s: float) -> float | None:
        now = {worker: pulse.cpu_s for worker, pulse in self._pulses.items()}
        before, self._cpu_s = self._cpu_s, now
        grown = [cpu_s - before[worker] for worker, cpu_s in now.items() if worker in before]
        return round(max(grown) / passed_s, 3) if grown and passed_s > 0 else None


def joined(counts: Iterable[Lateness]) -> Lateness:
    """Several counts as one."""
    whole = Lateness()
    for each in counts:
        whole.join(each)
    return whole


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _cores(before: Usage | None, now: Usage | None) -> float | None:
    if before is None or now is None or now.at_s <= before.at_s:
        return None
    return round(max(0.0, now.cpu_s - before.cpu_s) / (now.at_s - before.at_s), 3)
