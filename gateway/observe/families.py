"""Counters, histograms and gauges of our own: plain numbers, made into Prometheus' families when
somebody asks.

The stock ones take a lock and look their labels up for each value, which is nothing for most
programs and too much beside an audio path. These are written on one thread, the call loop's, and
read from any: what is read is copied in one step first. Values of labels come from closed sets, or
from a bounded number of first comers; the rest are ``other``.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.utils import floatToGoString

from gateway.core.histogram import Histogram

OTHER = "other"
LONGEST_VALUE = 64
"""Characters of a label's value that are kept."""


class Family(Protocol):
    """One name of the exposition, with everything that stands under it."""

    def metric(self) -> Metric:
        """As it is now."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label, and which values it may have."""

    name: str
    known: tuple[str, ...] = ()
    """Those that are there from the start, at 0: then a rate sees the first event, too."""
    most: int = 0
    """How many others may come; the rest are ``other``."""


class Counter:
    """What only grows, by the values of its labels."""

    def __init__(self, name: str, about: str, *labels: Label) -> None:
        """``name`` as in the exposition, ending in ``_total``."""
        self._name, self._about, self._labels = name, about, labels
        known = itertools.product(*(label.known for label in labels))
        self._values: dict[tuple[str, ...], float] = dict.fromkeys(known, 0.0)
        self._seen: list[set[str]] = [set(label.known) for label in labels]

    def add(self, *values: str, by: float = 1.0) -> None:
        """Counts, under one value for each label."""
        if values not in self._values:
            values = self._admitted(values)
        self._values[values] = self._values.get(values, 0.0) + by

    def metric(self) -> Metric:
        """As it is now."""
        names = [label.name for label in self._labels]
        family = CounterMetricFamily(self._name, self._about, labels=names)
        for values, total in self._values.copy().items():
            family.add_metric(values, total)
        return family

    def _admitted(self, values: tuple[str, ...]) -> tuple[str, ...]:
        triples = zip(self._labels, self._seen, values, strict=True)
        return tuple(admitted(label, seen, value) for label, seen, value in triples)


class Timing:
    """A histogram of seconds, with one label at most."""

    def __init__(
        self, name: str, about: str, bounds: Sequence[float], label: Label | None = None
    ) -> None:
        self._name, self._about, self._bounds, self._label = name, about, bounds, label
        names = [""] if label is None else label.known
        self._parts = {each: Histogram(bounds) for each in names}
        self._seen = set(names)

    def observe(self, seconds: float, value: str = "") -> None:
        """Counts a time, under a value of the label if there is one."""
        part = self._parts.get(value)
        if part is None:
            part = self._part(value)
        part.add(seconds)

    def metric(self) -> Metric:
        """As it is now."""
        names = [] if self._label is None else [self._label.name]
        family = HistogramMetricFamily(self._name, self._about, labels=names)
        for value, part in self._parts.copy().items():
            add_histogram(family, [value] if names else [], part)
        return family

    def _part(self, value: str) -> Histogram:
        if self._label is not None:
            value = admitted(self._label, self._seen, value)
        return self._parts.setdefault(value, Histogram(self._bounds))


@dataclass(frozen=True, slots=True)
class Seen:
    """A histogram that somebody else writes."""

    name: str
    about: str
    histogram: Histogram

    def metric(self) -> Metric:
        """As it is now."""
        family = HistogramMetricFamily(self.name, self.about)
        add_histogram(family, [], self.histogram)
        return family


Values = float | Mapping[str, float]


@dataclass(frozen=True, slots=True)
class State:
    """What is asked for at the moment somebody looks: one number, or one for each value of a
    label. A name that ends in ``_total`` is a counter's, any other a gauge's.
    """

    name: str
    about: str
    read: Callable[[], Values]
    label: str = ""
    known: tuple[str, ...] = ()
    """Values that are there although nobody has told of them."""

    def metric(self) -> Metric:
        """As it is now."""
        kind = CounterMetricFamily if self.name.endswith("_total") else GaugeMetricFamily
        family = kind(self.name, self.about, labels=[self.label] if self.label else [])
        found = self.read()
        if not isinstance(found, Mapping):
            family.add_metric([], found)
            return family
        for value, number in {**dict.fromkeys(self.known, 0.0), **found}.items():
            family.add_metric([value], number)
        return family


@dataclass(frozen=True, slots=True)
class Info:
    """What never changes while the process lives, as labels of a 1."""

    name: str
    about: str
    labels: Mapping[str, str]

    def metric(self) -> Metric:
        """As it is."""
        family = GaugeMetricFamily(self.name, self.about, labels=list(self.labels))
        family.add_metric(list(self.labels.values()), 1.0)
        return family


def admitted(label: Label, seen: set[str], value: str) -> str:
    """The value a label takes: a known one, one of the first comers, or ``other``."""
    value = value[:LONGEST_VALUE]
    if value in seen:
        return value
    if len(seen) - len(label.known) < label.most:
        seen.add(value)
        return value
    return OTHER


def add_histogram(family: HistogramMetricFamily, values: Iterable[str], part: Histogram) -> None:
    """Adds what a histogram has counted to a family."""
    names = [*map(floatToGoString, part.bounds), "+Inf"]
    total = part.total  # first: what comes between the two is in the count, and soon in the sum
    family.add_metric(list(values), list(zip(names, part.cumulated(), strict=True)), total)
