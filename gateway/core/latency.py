"""How long callers waited for the agent, over the turns of a call or of many.

Percentiles are nearest ranks: each is the time of a turn that there was. What a turn has no value
for does not count.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Stages(Protocol):
    """What is looked at of a turn: a :class:`gateway.core.turns.Turn`, or its row."""

    @property
    def endpoint_ms(self) -> float | None:
        """Last voiced frame -> the model's end-of-turn event."""

    @property
    def model_ms(self) -> float | None:
        """End-of-turn event -> first audio delta."""

    @property
    def gateway_ms(self) -> float | None:
        """First delta -> first frame written to the carrier."""

    @property
    def play_ms(self) -> float | None:
        """First frame written -> heard."""

    @property
    def response_ms(self) -> float | None:
        """Caller stops speaking -> agent heard."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Waiting times; None where no turn has a value."""

    response_p50_ms: float | None
    response_p95_ms: float | None
    response_worst_ms: float | None
    endpoint_ms: float | None
    """Median, as are the following."""
    model_ms: float | None
    gateway_ms: float | None
    play_ms: float | None


def summary(turns: Iterable[Stages]) -> Latency:
    """The waiting times of these turns, in any order."""
    seen = list(turns)
    waits = [turn.response_ms for turn in seen]
    return Latency(
        response_p50_ms=percentile(waits, 0.50),
        response_p95_ms=percentile(waits, 0.95),
        response_worst_ms=percentile(waits, 1.0),
        endpoint_ms=percentile([turn.endpoint_ms for turn in seen], 0.5),
        model_ms=percentile([turn.model_ms for turn in seen], 0.5),
        gateway_ms=percentile([turn.gateway_ms for turn in seen], 0.5),
        play_ms=percentile([turn.play_ms for turn in seen], 0.5),
    )


def percentile(values: Sequence[float | None], share: float) -> float | None:
    """The least value that at least this share (above 0, up to 1) of the values do not exceed."""
    return ranked(sorted(value for value in values if value is not None), share)


def ranked(ascending: Sequence[float], share: float) -> float | None:
    """:func:`percentile` of values that are all known and in order: takes no time, however many."""
    # Not above what is meant by the binary fraction: 0.95 of 20 values are 19.
    rank = math.ceil(round(len(ascending) * share, 9))
    return ascending[max(rank, 1) - 1] if ascending else None
