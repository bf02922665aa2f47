"""The report of a load test."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from gateway.cli.loadtest_page import page_of
from gateway.ops.load.capacity import Search, Step
from gateway.ops.load.document import document_of
from gateway.ops.load.thresholds import read_thresholds
from gateway.ops.load.trial import Trial
from tests.ops.load.records import a_call, a_failed_call, a_trial

VOID = {"br", "col", "hr", "img", "input", "link", "meta", "path", "rect", "wbr"}


class Balanced(HTMLParser):
    """Notes tags that are closed by another, and every tag there is."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def page(trial: Trial, search: Search | None = None, baseline: dict[str, Any] | None = None) -> str:
    """The page of a trial, checked for what every page must be."""
    document = document_of(trial, read_thresholds(["turn_p95>800ms"]), baseline, search)
    html = page_of(document)
    looked = Balanced()
    looked.feed(html)
    assert (looked.open, looked.wrong) == ([], [])
    assert "script" not in looked.tags
    assert not re.findall(r"(?:src|href)=|url\(|@import", html)
    assert "default-src 'none'" in html
    return html


def test_everything_measured_is_on_the_page() -> None:
    """Verdict, figures, thresholds, failures, plots and calls."""
    html = page(a_trial(*(a_call(number) for number in range(3)), a_failed_call(7)))
    for words in ("FAILED", "turn_p95&gt;800ms", "missed", "Failures", "call 7: it broke"):
        assert words in html
    assert html.count("<figure>") >= 9
    assert html.count("class='lane'") == 4


def test_a_void_run_shows_no_result() -> None:
    """The word in big letters, the clock, and nothing else."""
    html = page(a_trial(a_call(1), late={600: 100}))
    assert "<b>VOID</b>" in html
    assert "The generator itself" in html
    for words in ("Waits", "Calls", "Distributions", "turn response", "class='tile'", "lane'"):
        assert words not in html.partition("</style>")[2]


def test_nothing_people_wrote_becomes_markup() -> None:
    """Reasons come from a gateway nobody knows."""
    html = page(a_trial(a_failed_call(1, "<img onerror=alert(1)>$style")))
    assert "<img" not in html
    assert "&lt;img" in html
    assert "onerror=alert(1)&gt;$style" in html


def test_a_search_shows_its_steps() -> None:
    """And what gave out."""
    search = Search(10)
    search.add(Step(5, turn_p95_ms=900.0))
    search.add(Step(8, failed=2, turn_p95_ms=1800.0, cpu_max=0.99))
    html = page(a_trial(a_call(1)), search)
    assert "Capacity: 5 calls" in html
    assert "the target used its core up" in html


@pytest.mark.parametrize(("then", "word"), [(500.0, "bad"), (1800.0, "good")])
def test_a_baseline_is_beside_it(then: float, word: str) -> None:
    """Worse in red, better in green."""
    html = page(a_trial(a_call(1)), baseline={"figures": {"turn_p95": then}})
    assert "Against the baseline" in html
    assert re.search(rf"<td class='{word}'>[+-][\d.]+%</td>", html)
