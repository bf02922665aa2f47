"""What one core carries is said with what stopped it, and judged only where it is known."""

from __future__ import annotations

import pytest
from rich.console import Console

from bench.capacity import Ascent, Capacity, Step, main, print_table, targets
from bench.process import COMMANDS
from tests.bench.test_search import GOOD

RUN = GOOD | {
    "cpu_share": 0.5,
    "generator_cpu_share": 0.6,
    "generator_late_p99_ms": 9.0,
    "others_share": 0.0,
}


def carried(variant: str, calls: int, *, bound: bool = False) -> Capacity:
    steps = [Step(calls, "met", [], dict(RUN)), Step(calls + 10, "missed", ["lost_in 3"], {})]
    if bound:
        steps[1] = Step(calls + 10, "void", [], dict(RUN))
    return Capacity(variant, calls, bound, calls + 10 if bound else None, steps)


@pytest.mark.parametrize(
    ("ours", "plain", "reached"),
    [
        (carried("gateway", 600), carried("plain", 200), [True, True]),
        (carried("gateway", 400), carried("plain", 200), [False, False]),
        (carried("gateway", 400, bound=True), carried("plain", 200), [None, None]),
        (carried("gateway", 560, bound=True), carried("plain", 200), [True, True]),
        (carried("gateway", 600), carried("plain", 200, bound=True), [None, True]),
        (Capacity("gateway", failure="did not start"), carried("plain", 200), [None, None]),
    ],
)
def test_a_lower_bound_is_judged_only_when_it_is_enough(
    ours: Capacity, plain: Capacity, reached: list[bool | None]
) -> None:
    """The generator's weakness is neither the gateway's failure nor its success."""
    assert [target.reached for target in targets([ours, plain])] == reached


def test_the_table_says_what_stopped_each() -> None:
    """A criterion, the generator, the limit, or a failure."""
    console = Console(record=True, width=120)
    found = [
        carried("plain", 200),
        carried("gateway", 400, bound=True),
        Capacity("relay", 30, True, None, [Step(30, "met", [], dict(RUN))]),
        Capacity("example", failure="did not start:\nno such module"),
    ]
    print_table(console, found)
    text = console.export_text()
    for words in (
        "at 210: lost_in 3",
        "≥ 400",
        "gave out first, at 410",
        "the limit asked for",
        "did not start:",
    ):
        assert words in text


@pytest.mark.asyncio
async def test_a_search_loads_real_gateways() -> None:
    """The floor at two calls, whatever this machine says of them; a broken one is named."""
    told: list[str] = []
    variants = {"broken": "{python} -c 'raise SystemExit(3)'", "relay": COMMANDS["relay"]}
    found: list[Capacity] = []
    await Ascent(variants, 2, 2, 1.5, count_void=True, tell=told.append).run(found)
    assert found[0].failure
    assert [step.calls for step in found[1].steps] == [2]
    assert found[1].steps[0].figures["problems"] == 0
    assert "broken FAILED" in told[0]
    assert "relay, 2 calls" in told[1]


@pytest.mark.parametrize(
    ("words", "at_fault"),
    [(["--variants", "gateway,half"], "half"), (["--start", "9", "--limit", "5"], "--start: 9")],
)
def test_wrong_usage(words: list[str], at_fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and what is at fault."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert at_fault in capsys.readouterr().err
