"""Tests of the reader that the deployment files are checked with."""

import pytest

from tests.blockyaml import NotBlockYaml, parse


def test_it_reads_what_we_write() -> None:
    """Mappings, lists, lists of mappings, quotes, comments and empty values come out as written."""
    text = """# a comment
name: plain words  # another
ports:
  - "8000:8000"
  - --port
  - host: 127.0.0.1
    path: 'a # b'
empty:
nested:
  url: http://127.0.0.1:80/x#y
  number: -1
"""
    assert parse(text) == {
        "name": "plain words",
        "ports": ["8000:8000", "--port", {"host": "127.0.0.1", "path": "a # b"}],
        "empty": "",
        "nested": {"url": "http://127.0.0.1:80/x#y", "number": "-1"},
    }


@pytest.mark.parametrize(
    "text",
    [
        "a: [b]",
        "a: {b: c}",
        "a: &x b",
        "a: *x",
        "<<: b",
        "a: |",
        "a: >-",
        "a: !tag b",
        "a:\tb",
        "a: b: c",
        "a: b\n  c: d",
        "- a\nb: c",
        "a: b\na: c",
        'a: "b',
        'a: "\\n"',
        "? a",
        "---",
        "",
    ],
)
def test_it_refuses_what_it_does_not_know(text: str) -> None:
    """What is not plain block YAML is an error, never a guess."""
    with pytest.raises(NotBlockYaml):
        parse(text)
