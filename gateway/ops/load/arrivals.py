"""When calls are placed. Pure: seconds from the beginning of the run.

Either so many lines that call again and again (each once, without a duration), begun one after the
other during the ramp; or callers who come by chance, at a rate, as on a real number.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.errors import ConfigError

FRAME_NS: Final = 20_000_000
CALLS_PER_S: Final = 10.0
"""How fast calls are placed when nobody says how."""
_POISSON: Final = re.compile(r"poisson:(?P<rate>\d+(?:\.\d+)?)(?P<per>/s|/m)?")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One line that begins to call at `at_s`."""

    number: int
    at_s: float


def rate_of(text: str) -> float:
    """Calls per second of `poisson:0.5/s` or `poisson:30/m`; `ConfigError` for anything else."""
    found = _POISSON.fullmatch(text.strip())
    rate = float(found["rate"]) / (60 if found["per"] == "/m" else 1) if found else 0.0
    if not rate:
        raise ConfigError(f"--arrivals: {text!r} is not understood; it is poisson:RATE/s")
    return rate


def evenly(calls: int, ramp_s: float) -> tuple[Arrival, ...]:
    """So many lines, spread evenly over the ramp."""
    return tuple(Arrival(number, ramp_s * number / calls) for number in range(calls))


def by_chance(rate: float, duration_s: float, seed: int) -> tuple[Arrival, ...]:
    """Callers who know nothing of each other: exponential gaps, until the duration is over."""
    return tuple(
        Arrival(number, at_s) for number, at_s in enumerate(_chances(rate, duration_s, seed))
    )


def _chances(rate: float, duration_s: float, seed: int) -> Iterator[float]:
    rng = random.Random(seed)
    at_s = rng.expovariate(rate)
    while at_s < duration_s:
        yield at_s
        at_s += rng.expovariate(rate)


def phase_ns(number: int) -> int:
    """Where in the 20 ms a line's frames leave: however many lines there are, they are spread out.

    Multiples of the golden ratio leave no two near each other.
    """
    return int(number * 0.6180339887498949 % 1.0 * FRAME_NS)
