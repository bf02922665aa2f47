"""Which numbers of a list are rung again, how often and after how long.

Owns what is laid down per outcome; who was reached, and who may have been, is never rung again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.core.attempt import Attempt

_WRITTEN: Final = re.compile(r"([a-z_]+)=([0-9]{1,2})(?::([0-9]{1,6})([smhd]))?")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FOR_GOOD: Final = frozenset({404, 410, 484, 603, 604, 607, 608})
"""SIP responses after which a failed call fails again, or is not wanted: RFC 3261, 8197, 8688."""


@dataclass(frozen=True, slots=True)
class Retry:
    """What is done after an outcome."""

    times: int
    """How often more the number is rung."""
    after: timedelta


DEFAULTS: Final[Mapping[str, Retry]] = {
    "busy": Retry(2, timedelta(minutes=10)),
    "no_answer": Retry(2, timedelta(hours=1)),
    "failed": Retry(1, timedelta(minutes=5)),
    "machine": Retry(1, timedelta(hours=2)),
    "canceled": Retry(1, timedelta(minutes=5)),
}
"""By outcome, for every outcome after which a number may be rung again."""


def retries_of(texts: Sequence[str]) -> dict[str, Retry]:
    """The defaults, with what was written in their places: ``busy=2:10m``, ``machine=0``.

    Raises ValueError.
    """
    retries = dict(DEFAULTS)
    for text in texts:
        written = _WRITTEN.fullmatch(text)
        if written is None or (written[3] is None and int(written[2])):
            raise ValueError(f"{text!r} is no rule: such as busy=2:10m, or machine=0")
        outcome, times, number, unit = written.groups()
        if outcome not in DEFAULTS:
            raise ValueError(f"{text!r}: the outcomes are {', '.join(DEFAULTS)}")
        after = timedelta(seconds=int(number or 0) * _UNITS.get(unit, 0))
        retries[outcome] = Retry(int(times), after)
    return retries


def again_at(attempts: Sequence[Attempt], retries: Mapping[str, Retry]) -> datetime | None:
    """When a number is rung again whose last call rang and is over; None: it is not."""
    last = attempts[-1]
    retry = retries.get(last.outcome)
    if retry is None or last.ended_at is None or any(each.left_alone for each in attempts):
        return None
    if last.outcome == "failed" and last.sip_code in _FOR_GOOD:
        return None
    rung = sum(each.outcome == last.outcome and each.rang for each in attempts)
    return last.ended_at + retry.after if rung <= retry.times else None
