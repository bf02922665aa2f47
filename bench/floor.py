"""`python -m bench.floor`: how often each interruption mode is wrong, over mixed recorded cases.

Nothing runs in real time: the caller's audio is mixed from recordings (words, coughs, hums, noise,
the agent's own voice returning over the line), an energy detector stands for the model's, and the
gateway's decision is the real one. The agent speaks all the while.

*False*: nobody wanted the floor, and the agent was cut off for good. *Missed*: somebody did, and
the agent spoke on. *Paused*: the agent was held back for a moment and spoke on.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gateway.core.floor import Floor, FloorRules
from gateway.core.g711 import audioop, to_pcm16
from gateway.sim.realtime.vad import Vad, VadSettings

ROOT = Path(__file__).parents[1]
CALLS = ROOT / "tests" / "fixtures" / "calls"
AGENT = ROOT / "gateway" / "sim" / "speech" / "assistant"
WORDS = ("interruption", "no", "yes", "noisy_question", "quiet_speaker", "fast_speaker", "hello")
NO_WORDS = ("cough", "mm_hm", "noise_only", "silence")
GAINS_DB = (-8.0, 0.0, 6.0)
NOISES_DBFS = (-96.0, -50.0, -42.0)
ECHOES_DB = (None, -45.0, -30.0, -20.0, -15.0)
ECHO_DELAYS_MS = (20, 80, 160, 300)
SETTLE_MS = 1500
FRAME = 160
VAD_MS = 32
SILENCE_DBFS = -96.0


@dataclass(frozen=True)
class Case:
    """One piece of caller audio while the agent speaks."""

    recording: str
    gain_db: float
    noise_dbfs: float
    echo_db: float | None
    echo_delay_ms: int

    @property
    def wants_the_floor(self) -> bool:
        """Whether the agent should stop for it."""
        return self.recording in WORDS


@dataclass(frozen=True)
class Mode:
    """One way of deciding in mode gateway."""

    rules: FloorRules = field(default_factory=FloorRules)
    guard_db: float | None = None
    """Against the agent's own echo: the caller must be louder than what is playing (the loudest 20
    ms of the last 320) less this much. Tried and not taken into the gateway: see bench/README.md.
    """


def modes_of(guards_db: list[float]) -> dict[str, Mode]:
    """The gateway's default, the one in which "mm-hm" does not interrupt, and guards to try."""
    guards = {f"gateway, guard {guard:g} dB": Mode(guard_db=guard) for guard in guards_db}
    return {
        "gateway": Mode(),
        "gateway, backchannel 700 ms": Mode(FloorRules(backchannel_ms=700)),
        **guards,
    }


@dataclass
class Rates:
    """What became of the cases in one mode."""

    words: int = 0
    others: int = 0
    missed: int = 0
    false: int = 0
    paused: int = 0

    def count(self, case: Case, *, interrupted: bool, paused: bool) -> None:
        """Adds one case."""
        if case.wants_the_floor:
            self.words += 1
            self.missed += not interrupted
        else:
            self.others += 1
            self.false += interrupted
            self.paused += paused and not interrupted


def cases() -> Iterator[Case]:
    """Every recording at every gain and noise, without echo and with each kind of it."""
    for number, recording in enumerate((*WORDS, *NO_WORDS)):
        for gain_db in GAINS_DB:
            for noise_dbfs in NOISES_DBFS:
                for n, echo_db in enumerate(ECHOES_DB):
                    delay_ms = ECHO_DELAYS_MS[(number + n) % len(ECHO_DELAYS_MS)]
                    yield Case(recording, gain_db, noise_dbfs, echo_db, delay_ms)


def mixed(case: Case, rng: random.Random) -> tuple[bytes, bytes]:
    """The caller's audio and the agent's, 16-bit linear, of one length."""
    caller = to_pcm16((CALLS / f"{case.recording}.ulaw").read_bytes())
    caller = audioop.mul(caller, 2, 10 ** (case.gain_db / 20))
    lead = bytes(SETTLE_MS * 16)
    track = lead + caller + bytes(1200 * 16)
    track = track[: len(track) // (2 * FRAME) * 2 * FRAME]
    agent = to_pcm16((AGENT / "order_shipped.ulaw").read_bytes())
    agent = (agent * (len(track) // len(agent) + 1))[: len(track)]
    if case.noise_dbfs > -90:
        amplitude = 32768 * 10 ** (case.noise_dbfs / 20)
        noise = b"".join(
            max(-32768, min(32767, round(rng.gauss(0, amplitude)))).to_bytes(
                2, "little", signed=True
            )
            for _ in range(len(track) // 2)
        )
        track = audioop.add(track, noise, 2)
    if case.echo_db is not None:
        late = bytes(case.echo_delay_ms * 16) + agent
        echo = audioop.mul(late[: len(track)], 2, 10 ** (case.echo_db / 20))
        track = audioop.add(track, echo, 2)
    return track, agent


def decided(case: Case, modes: dict[str, Mode], seed: int) -> dict[str, tuple[bool, bool]]:
    """By mode: was the agent interrupted for good, was it held back."""
    track, agent = mixed(case, random.Random(seed))
    floors = {name: Floor(mode.rules) for name, mode in modes.items()}
    acts: dict[str, list[str | None]] = {name: [] for name in modes}
    vad, server, heard_ms = Vad(VadSettings(quiet_ms=500)), False, 0
    recent: list[float] = []
    for begin in range(0, len(track), 2 * FRAME):
        level = _dbfs(track[begin : begin + 2 * FRAME])
        recent = [*recent[-15:], _dbfs(agent[begin : begin + 2 * FRAME])]
        for name, mode in modes.items():
            guarded = mode.guard_db is not None and level < max(recent) - mode.guard_db
            acts[name].append(floors[name].frame(SILENCE_DBFS if guarded else level, 20))
        while (heard_ms + VAD_MS) * 16 <= begin + 2 * FRAME:
            at = heard_ms * 16
            heard_ms += VAD_MS
            event = vad.feed(_dbfs(track[at : at + VAD_MS * 16]), heard_ms)
            for name, floor in floors.items():
                if event is not None and event.kind == "started":
                    acts[name].append(floor.started(sounding=True))
                elif event is not None:
                    acts[name].append(floor.stopped())
                    floor.committed()
            server = server or (event is not None and event.kind == "started")
    ours = {name: ("interrupt" in done, "pause" in done) for name, done in acts.items()}
    return {"server": (server, False), **ours}


def measured(modes: dict[str, Mode]) -> dict[str, dict[str, Rates]]:
    """Rates by mode: over the lines without an echo, and over those with one."""
    rates: dict[str, dict[str, Rates]] = {}
    for seed, case in enumerate(cases()):
        line = "without echo" if case.echo_db is None else "with echo"
        for mode, (interrupted, paused) in decided(case, modes, seed).items():
            of_line = rates.setdefault(mode, {}).setdefault(line, Rates())
            of_line.count(case, interrupted=interrupted, paused=paused)
    return rates


def main() -> int:
    """Prints the rates. Exit code 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--guards", type=float, nargs="*", default=[18.0], metavar="DB")
    options = parser.parse_args()
    rates = measured(modes_of(options.guards))
    if options.json:
        rows = {
            mode: {line: asdict(each) for line, each in of.items()} for mode, of in rates.items()
        }
        print(json.dumps(rows))
        return 0
    table = Table("mode", "line", "missed", "false", "held back and resumed")
    for mode, of in rates.items():
        for line, each in of.items():
            table.add_row(
                mode,
                line,
                f"{each.missed} of {each.words}",
                f"{each.false} of {each.others}",
                f"{each.paused} of {each.others}",
            )
    Console().print(table)
    return 0


def _clipped(sample: float) -> int:
    return max(-32768, min(32767, round(sample)))


def _dbfs(samples: bytes) -> float:
    rms = audioop.rms(samples, 2)
    return 20 * math.log10(rms / 32768) if rms else SILENCE_DBFS


if __name__ == "__main__":
    sys.exit(main())
