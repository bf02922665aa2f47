"""One file: everything wrong with it at once, and what is left is usable. Nothing raises."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from gateway.agents import schema
from gateway.agents.problems import Problem
from gateway.agents.routes import RoutesTable
from gateway.agents.schema import Handoff
from gateway.agents.serverfile import ServersTable
from gateway.agents.tomlfile import TomlFile, read_text, read_toml

HALF_WRONG = """\
handoffs = [
  "b",
  { tool_name = "x" },
  5,
  "c",
]
tools = "end_call"
[model]
speed = 1.2
voise = "ash"
reasoning = { effort = "much" }
"""


def read(path: Path, text: str) -> tuple[TomlFile[schema.Agent] | None, list[Problem]]:
    """An agent's file with that text, and its problems."""
    path.write_text(text)
    problems: list[Problem] = []
    return read_toml(path, schema.Agent, problems), problems


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Each once, with its line; what was taken out is not missing as well."""
    _, problems = read(tmp_path / "a.toml", HALF_WRONG)
    assert sorted((p.line, p.key) for p in problems) == [
        (3, "handoffs.agent"),
        (4, "handoffs"),
        (7, "tools"),
        (10, "model.voise"),
        (11, "model.reasoning.effort"),
    ]


def test_what_is_right_is_left(tmp_path: Path) -> None:
    """The rest of the file, with its lines, and what was spoiled is known."""
    file, _ = read(tmp_path / "a.toml", HALF_WRONG)
    assert file is not None
    assert file.table.handoffs == ["b", "c"]
    assert file.lines.of(("handoffs", 1)) == 5
    assert file.table.model.speed == 1.2
    assert file.is_spoiled("tools")
    assert file.is_spoiled("model", "reasoning")
    assert not file.is_spoiled("model", "speed")


def test_a_problem_at_a_key_has_its_place(tmp_path: Path) -> None:
    """File, line and key of this file."""
    file, _ = read(tmp_path / "a.toml", 'handoffs = [\n"b", { agent = "c" }]')
    assert file is not None
    problem = file.problem(("handoffs", 1, "agent"), "no agent", "warning")
    assert problem == Problem(str(tmp_path / "a.toml"), 2, "handoffs.agent", "no agent", "warning")
    assert file.table.handoffs[1] == Handoff(agent="c")


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b'a = "\xff"', 1, "not UTF-8"),
        (b"\n\nx = \n", 3, "Invalid value"),
        (b"x = " + b"[" * 5000, 0, "nested too deeply"),
        (b"x = " + b"9" * 5000, 0, "limit"),
        (b'a = 1\nb = """', 2, "Unterminated string"),
    ],
)
def test_what_is_no_toml_is_told(tmp_path: Path, content: bytes, line: int, words: str) -> None:
    """With the line where the parser stood, if it knows one."""
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    problems: list[Problem] = []
    assert read_toml(path, schema.Agent, problems) is None
    assert [(p.line, words in p.message) for p in problems] == [(line, True)]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """Some editors write one."""
    file, problems = read(tmp_path / "a.toml", "\ufeffgreeting = 'Hello.'")
    assert file is not None
    assert (file.table.greeting, problems) == ("Hello.", [])


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder of that name, for instance."""
    problems: list[Problem] = []
    assert read_text(tmp_path, problems) is None
    assert "cannot be read: is a directory" in str(problems[0])


def keys_of(*models: Any) -> list[str]:
    """Known keys of tables."""
    return [name for model in models for name in model.model_fields]


KEYS = st.sampled_from(
    keys_of(schema.Agent, schema.Model, schema.TurnDetection, schema.Provider, RoutesTable)
) | st.sampled_from(["number", "agent", "command", "url", "x y", ""])
SCALARS = (
    st.integers()
    | st.floats()
    | st.booleans()
    | st.text(max_size=6)
    | st.sampled_from(["a", "off", "auto", "end_call", "tools.f", "server_vad", "+15550001000"])
)


def written(value: Any) -> str:
    """A value in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = "".join(
            c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value
        )
        return f'"{escaped}"'
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        pairs = (f"{written(k)} = {written(v)}" for k, v in value.items())
        return f"{{ {', '.join(pairs)} }}"
    return repr(value)


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
GARBAGE = st.text(max_size=60) | st.dictionaries(KEYS, VALUES, max_size=5).map(
    lambda table: "\n".join(f"{written(k)} = {written(v)}" for k, v in table.items())
)


@given(GARBAGE, st.sampled_from([schema.Agent, RoutesTable, ServersTable]))
@hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_garbage_is_told_and_never_raises(tmp_path: Path, text: str, model: Any) -> None:
    """Whatever stands in a file: a table, or a problem with a line that is there."""
    path = tmp_path / "a.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    problems: list[Problem] = []
    file = read_toml(path, model, problems)
    assert file is not None or len(problems) == 1
    for problem in problems:
        assert 0 <= problem.line <= text.count("\n") + text.count("\r") + 2
        assert "\n" not in problem.message
        assert "<" not in problem.key
