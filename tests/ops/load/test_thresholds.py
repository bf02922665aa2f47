"""When a run has failed."""

import pytest

from gateway.errors import ConfigError
from gateway.ops.load.figures import names
from gateway.ops.load.thresholds import Threshold, read_thresholds


@pytest.mark.parametrize(
    ("text", "value", "ok"),
    [
        ("turn_p95>800ms", 800, True),
        ("turn_p95>800ms", 801, False),
        ("turn_p95 >= 0.8s", 800, False),
        ("interruption_max>200", 150, None),
        ("failed>0", 0, True),
        ("failed>0", 1, False),
        ("failed_share>1%", 0.02, False),
        ("ok<10", 9, False),
        ("cpu_max>=90%", 0.95, False),
        ("memory_max_mb>1GB", 1025, False),
    ],
)
def test_a_true_expression_fails_the_run(text: str, value: float, ok: bool | None) -> None:
    """In the units of the figure; a time without a unit is not guessed at."""
    if ok is None:
        with pytest.raises(ConfigError, match="unit of interruption_max is ms or s"):
            read_thresholds([text])
        return
    (threshold,) = read_thresholds([text])
    assert threshold.judge({threshold.name: value}).ok is ok


def test_what_was_never_measured_cannot_be_good() -> None:
    """A run in which nobody was answered has not met a limit on answers."""
    (threshold,) = read_thresholds(["turn_p95>800ms"])
    assert not threshold.judge({"turn_p95": None}).ok
    assert not threshold.judge({}).ok


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("turn_p95", "not understood"),
        ("turn_p95=800ms", "not understood"),
        ("turns_p95>800ms", "did you mean turn_p95"),
        ("zebra>1", "no figure 'zebra'"),
        ("failed>1ms", "unit of failed is none"),
    ],
)
def test_a_wrong_expression_is_explained(text: str, hint: str) -> None:
    """With what was typed, and what is wrong with it."""
    with pytest.raises(ConfigError, match=hint):
        read_thresholds([text])


def test_every_figure_can_be_a_threshold() -> None:
    """Whatever its kind, some unit of it is taken."""
    units = ("", "ms")
    for name in names():
        taken: list[Threshold] = []
        for unit in units:
            try:
                taken += read_thresholds([f"{name}>1{unit}"])
            except ConfigError:
                continue
        assert len(taken) == 1, name
