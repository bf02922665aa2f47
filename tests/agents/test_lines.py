"""Where keys stand in TOML: hand-made texts, and random ones compared with what tomllib reads."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agents.lines import KeyPath, Lines

TEXT = """\
# A comment with [brackets] and = signs
title = "one # no comment"
"quoted key" = 'two'
a.b."c.d" = 3

[table] # after a header
text = \"\"\"
not = "a key"
[nor a table]
quote: \\\"\"\" and two more\"\"\"\"\"
after = '''
also = ''not'' ''''
list = [
  1, # one
  "]",

  { x = [1,
     2], y = { z = 1 } },
]
when = 1979-05-27 07:32:00

[[route]]
number = "+1"
[route.inner]
deep = true
[[route.list]]
n = 1
[[route.list]]
n = 2
[[route]]
number = ["a", "b"]
[a.e]
f = 1
"""
PLACES: list[tuple[KeyPath, int]] = [
    (("title",), 2),
    (("quoted key",), 3),
    (("a", "b", "c.d"), 4),
    (("table",), 6),
    (("table", "text"), 7),
    (("table", "after"), 11),
    (("table", "list"), 13),
    (("table", "list", 0), 14),
    (("table", "list", 1), 15),
    (("table", "list", 2), 17),
    (("table", "list", 2, "x", 1), 18),
    (("table", "list", 2, "y", "z"), 18),
    (("table", "when"), 20),
    (("route", 0), 22),
    (("route", 0, "number"), 23),
    (("route", 0, "inner", "deep"), 25),
    (("route", 0, "list", 0, "n"), 27),
    (("route", 0, "list", 1, "n"), 29),
    (("route", 1), 30),
    (("route", 1, "number", 1), 31),
    (("a", "e", "f"), 33),
]


@pytest.mark.parametrize(("path", "line"), PLACES)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_every_key_has_its_line(path: KeyPath, line: int, ending: str) -> None:
    """Tables, lists of tables, dotted and quoted keys, values over several lines."""
    text = TEXT.replace("\n", ending)
    tomllib.loads(text)
    assert Lines(text).of(path) == line


def test_what_is_not_there_is_where_it_would_be() -> None:
    """The nearest thing around it; the first line when there is nothing."""
    lines = Lines(TEXT)
    assert lines.of(("table", "list", 2, "missing", "key")) == 17
    assert lines.of(("nowhere",)) == 1
    assert Lines("").of(("a", 0)) == 1


def test_dropped_elements_move_the_others_up() -> None:
    """As in the list they were taken out of; keys elsewhere stay."""
    lines = Lines(TEXT)
    lines.drop(("table", "list", 1))
    assert lines.of(("table", "list", 1, "x", 1)) == 18
    lines.drop(("route", 0))
    assert lines.of(("route", 0, "number", 1)) == 31
    lines.drop(("table", "text"))
    assert lines.of(("table", "text")) == 6
    assert lines.of(("title",)) == 2


BARE = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
WORD = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8)
VALUES = st.recursive(
    st.integers(-9, 9) | st.booleans() | WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(BARE | WORD, inner, max_size=3),
    max_leaves=8,
)
TABLES: st.SearchStrategy[dict[str, Any]] = st.dictionaries(BARE | WORD, VALUES, max_size=5)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A TOML text in one of the many shapes it can have."""
    table = draw(TABLES)
    headed = [key for key, each in table.items() if isinstance(each, dict) and draw(st.booleans())]
    rows: list[str] = []
    for key, value in table.items():
        if key not in headed:
            rows += [*draw(NOISE), f"{quoted(draw, key)} = {written(draw, value)}{draw(COMMENT)}"]
    for key in headed:
        rows += [*draw(NOISE), f"[{quoted(draw, key)}]{draw(COMMENT)}"]
        rows += [f"{quoted(draw, k)} = {written(draw, v)}" for k, v in table[key].items()]
    return "\n".join(rows)


NOISE = st.lists(st.sampled_from(["", "  ", '# k = "v" [x]', "\t"]), max_size=2)
COMMENT = st.sampled_from(["", " # said = 'much'", "  "])


def quote(text: str) -> str:
    """A basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quoted(draw: st.DrawFn, key: str) -> str:
    """A key, bare where it may be."""
    is_bare = re.fullmatch("[A-Za-z0-9_-]+", key) is not None
    return key if is_bare and draw(st.booleans()) else quote(key)


def written(draw: st.DrawFn, value: Any) -> str:
    """A value on one line or several."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        if "'" not in value and draw(st.booleans()):
            return f"'''\n{value}'''" if draw(st.booleans()) else f"'{value}'"
        return f'"""\n{quote(value)[1:-1]}"""' if draw(st.booleans()) else quote(value)
    if isinstance(value, list):
        between = draw(st.sampled_from([", ", ",\n  ", ", # and\n"]))
        return f"[{between.join(written(draw, each) for each in value)}]"
    if isinstance(value, dict):
        pairs = (f"{quoted(draw, k)} = {written(draw, v)}" for k, v in value.items())
        return f"{{ {', '.join(pairs)} }}"
    return str(value)


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every path in what tomllib read."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from paths(inner, (*path, key))


@given(documents())
def test_every_path_tomllib_reads_is_found(text: str) -> None:
    """No key or element is missed or made up, whatever the text looks like."""
    read, lines, rows = tomllib.loads(text), Lines(text), text.split("\n")
    assert set(lines._found) == set(paths(read))
    for path in paths(read):
        key = path[-1]
        if isinstance(key, str) and key.isascii() and key.isalnum():
            assert key in rows[lines.of(path) - 1]
