"""Charts are whole documents, their axes begin at zero and reach beyond every point."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from bench.svg import HEIGHT, WIDTH, Chart, Line, draw, ticks

SVG = "{http://www.w3.org/2000/svg}"


@given(st.floats(0, 1e7))
def test_ticks_are_few_and_reach_far_enough(highest: float) -> None:
    """From zero, in equal steps."""
    found = ticks(highest)
    assert found[0] == 0
    assert found[-1] >= highest * (1 - 1e-9)
    assert 2 <= len(found) <= 7


@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1e5)), max_size=8),
        max_size=7,
    )
)
def test_every_point_is_on_the_paper(series: list[list[tuple[float, float]]]) -> None:
    """Also with no line, an empty one, or one whose values are all zero."""
    lines = [Line(f"<{n}> & co", points) for n, points in enumerate(series)]
    document = draw([Chart("a & b", "calls", lines), Chart("c", "calls", lines)])
    root = ElementTree.fromstring(document)
    assert float(root.attrib["width"]) == 2 * WIDTH
    circles = list(root.iter(f"{SVG}circle"))
    assert len(circles) == 2 * sum(map(len, series))
    for circle in circles:
        assert 0 <= float(circle.attrib["cx"]) <= WIDTH
        assert 0 <= float(circle.attrib["cy"]) <= HEIGHT
