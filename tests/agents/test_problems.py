"""Problems as a person reads them."""

import pytest

from gateway.agents.problems import Problem, in_order, nearest, nearest_or_all


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (
            Problem("a.toml", 3, "model.voice", "must be a text"),
            "a.toml:3: model.voice: must be a text",
        ),
        (Problem("a.md", 2, "", "unknown variable 'x'"), "a.md:2: unknown variable 'x'"),
        (Problem("tools.py", 0, "", "not UTF-8"), "tools.py: not UTF-8"),
        (Problem("a.toml", 1, "a\nb", "unknown key"), "a.toml:1: a b: unknown key"),
        (Problem("", 0, "GATEWAY_AGENT", "no agent 'x'"), "GATEWAY_AGENT: no agent 'x'"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, line: str) -> None:
    """File, line and key stand in front as far as there are any."""
    assert str(problem) == line


def test_problems_come_in_order() -> None:
    """Errors before warnings, then by file and line, each once."""
    warning = Problem("a.toml", 1, "", "w", "warning")
    first, second = Problem("a.toml", 2, "", "e"), Problem("a.toml", 10, "", "e")
    assert in_order([second, warning, first, second]) == [first, second, warning]


def test_a_near_name_is_a_hint() -> None:
    """The nearest one; all of them, or that there are none, where a choice must be made."""
    assert nearest("voise", ["speed", "voice"], "model.") == " (did you mean model.voice?)"
    assert nearest("x", ["speed"]) == ""
    assert nearest_or_all("x", ["b", "a"]) == " (there are: a, b)"
    assert nearest_or_all("x", []) == " (there are: none)"
