"""Families of our own are what Prometheus' are, with bounded labels and no lock."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from gateway.core.histogram import Histogram
from gateway.observe.families import (
    OTHER,
    Counter,
    Family,
    Info,
    Label,
    Seen,
    State,
    Timing,
    admitted,
)


class Shown:
    """A collector of one family."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> list[Metric]:
        """The family."""
        return [self._family.metric()]


def lines(family: Family) -> list[str]:
    """The samples of a family in Prometheus' text."""
    registry = CollectorRegistry()
    registry.register(Shown(family))
    text = generate_latest(registry).decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_a_counter_without_labels_is_there_from_the_start() -> None:
    """At 0: a rate sees the first event."""
    counter = Counter("x_total", "X.")
    assert lines(counter) == ["x_total 0.0"]
    counter.add()
    counter.add(by=2.5)
    assert lines(counter) == ["x_total 3.5"]


def test_known_values_of_a_label_are_there_from_the_start() -> None:
    """And others come with their first event."""
    counter = Counter("x_total", "X.", Label("kind", ("a", "b"), most=1))
    counter.add("b")
    counter.add("new")
    assert lines(counter) == [
        'x_total{kind="a"} 0.0',
        'x_total{kind="b"} 1.0',
        'x_total{kind="new"} 1.0',
    ]


def test_with_two_labels_every_pair_of_known_values_is_there() -> None:
    """A limit that is reached once a day has one event to be seen."""
    counter = Counter("x_total", "X.", Label("kind", ("a", "b")), Label("sort", ("s", "t")))
    counter.add("a", "t")
    assert lines(counter) == [
        'x_total{kind="a",sort="s"} 0.0',
        'x_total{kind="a",sort="t"} 1.0',
        'x_total{kind="b",sort="s"} 0.0',
        'x_total{kind="b",sort="t"} 0.0',
    ]


def test_values_that_nobody_knows_are_bounded() -> None:
    """Whoever names things without end makes one series more, not without end."""
    counter = Counter("x_total", "X.", Label("kind", most=2), Label("sort", ("s",)))
    for number in range(10):
        counter.add(f"k{number}", "stranger" if number % 2 else "s")
    assert lines(counter) == [
        'x_total{kind="k0",sort="s"} 1.0',
        'x_total{kind="k1",sort="other"} 1.0',
        'x_total{kind="other",sort="s"} 4.0',
        'x_total{kind="other",sort="other"} 4.0',
    ]


def test_long_values_are_cut() -> None:
    """A name is no place for a novel."""
    assert admitted(Label("tool", most=1), set(), "x" * 500) == "x" * 64
    assert admitted(Label("tool"), set(), "x") == OTHER


def test_a_timing_is_a_histogram() -> None:
    """Buckets are cumulated, count and sum are told."""
    timing = Timing("x_seconds", "X.", (0.1, 1))
    for seconds in (0.1, 0.5, 7.0):
        timing.observe(seconds)
    assert lines(timing) == [
        'x_seconds_bucket{le="0.1"} 1.0',
        'x_seconds_bucket{le="1.0"} 2.0',
        'x_seconds_bucket{le="+Inf"} 3.0',
        "x_seconds_count 3.0",
        "x_seconds_sum 7.6",
    ]


def test_a_timing_has_a_histogram_for_each_value_of_its_label() -> None:
    """Bounded as well."""
    timing = Timing("x_seconds", "X.", (1,), Label("tool", most=1))
    assert lines(timing) == []
    for tool in ("look_up", "look_up", "write", "send"):
        timing.observe(0.5, tool)
    counts = [line for line in lines(timing) if "_count" in line]
    assert counts == ['x_seconds_count{tool="look_up"} 2.0', 'x_seconds_count{tool="other"} 2.0']


def test_somebody_elses_histogram_is_shown_as_it_is() -> None:
    """The audio path writes it, and knows no name."""
    histogram = Histogram((1.0,))
    seen = Seen("x_seconds", "X.", histogram)
    histogram.add(0.5)
    assert lines(seen)[0] == 'x_seconds_bucket{le="1.0"} 1.0'


def test_states_are_asked_for_when_somebody_looks() -> None:
    """A number, or one for each value of a label; the name says whether it only grows."""
    found = {"a": 3.0}
    assert lines(State("x", "X.", lambda: 7)) == ["x 7.0"]
    assert lines(State("x_total", "X.", lambda: found, "kind", ("a", "b"))) == [
        'x_total{kind="a"} 3.0',
        'x_total{kind="b"} 0.0',
    ]
    assert State("x", "X.", lambda: 7).metric().type == "gauge"
    assert State("x_total", "X.", lambda: 7).metric().type == "counter"


def test_what_never_changes_is_the_labels_of_a_one() -> None:
    """So that it can be joined to anything else."""
    assert lines(Info("x_info", "X.", {"version": "1"})) == ['x_info{version="1"} 1.0']
