"""Values of JSON are rewritten, and nothing else of it changes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.jsontext import rewritten


def upper(value: str, _names: str) -> str:
    """Changes what has letters."""
    return value.upper()


def starred(value: str, _names: str) -> str:
    """Changes what has a 7."""
    return value.replace("7", "*")


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ('{"a": "b"}', '{"A": "B"}'),
        (' [ "a" ,\n"B" ] ', ' [ "A" ,\n"B" ] '),
        ('{"a":1.50,"B":true,"C":null,"D":-0}', '{"A":1.50,"B":true,"C":null,"D":-0}'),
        ('["\\u00e4", "ü", "\\n\\"x"]', '["\\u00c4", "Ü", "\\n\\"X"]'),
        ('["ü\\ud800"]', '["\\u00dc\\ud800"]'),
        ('{"a": {"a": [{}, []]}}', '{"A": {"A": [{}, []]}}'),
        ("[]", "[]"),
        ('["}{][,:"]', '["}{][,:"]'),
        ('["a\nb"]', '["A\\nB"]'),
    ],
)
def test_values_are_rewritten(text: str, new: str) -> None:
    """Keys and strings; what stays the same stays as it was written."""
    assert rewritten(text, upper) == new


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ('{"a": 1747, "b": 12}', '{"a": "1*4*", "b": 12}'),
        ("[-7.5e+7,1]", '["-*.5e+*",1]'),
        ('["7"]', '["*"]'),
        ('["4", "7", "1"]', '["4 * 1"]'),
        ("[4, 7,\n1 ]", '["4 * 1"]'),
        ('["four", 7]', '["four *"]'),
        ('[["4", "5"], ["6", "7"]]', '[["4", "5"], ["6 *"]]'),
        ('["4", "5", {"a": "7"}]', '["4", "5", {"a": "*"}]'),
        ('["4", "12345", "7"]', '["4", "12345", "*"]'),
        ('{"[4, 7]": "[4, 7]"}', '{"[4, *]": "[4, *]"}'),
    ],
)
def test_numbers_become_strings(text: str, new: str) -> None:
    """And a short list of digits is one value."""
    found = rewritten(text, starred)
    assert found == new
    json.loads(found)


@pytest.mark.parametrize(
    "text", ["", "a", "7", '"a"', "{a: 7}", "[7", "[7]]", "['7']", "{", "[" * 100_000, "null"]
)
def test_what_is_no_object_or_list(text: str) -> None:
    """It is for others."""
    assert rewritten(text, starred) is None


def names_of(text: str, names: str = "") -> dict[str, str]:
    """What each value stands under."""
    found: dict[str, str] = {}

    def note(value: str, names: str) -> str:
        found[value] = names.strip()
        return value

    assert rewritten(text, note, names) == text
    return {value: names for value, names in found.items() if value.startswith("v") or names}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"pin": "v1"}', {"pin": "", "v1": "pin"}),
        ('{"cardPIN": "v1", "x_y-z": "v2"}', {"v1": "card PIN", "v2": "x y z"}),
        ('{"pin": {"value": "v1"}, "x": "v2"}', {"v1": "pin value", "v2": "x"}),
        ('{"pins": ["v1 v", ["v2 v"], {"a": "v3"}], "x": 5}', {"v1 v": "pins", "v2 v": "pins"}),
        ('{"pins": [{"a": "v3"}, "v1 v"], "x": 5}', {"v3": "pins a", "v1 v": "pins", "5": "x"}),
        ('[{"name": "cvv", "value": "v1"}, {"value": "v2"}]', {"v1": "cvv value", "v2": "value"}),
        ('{"note": "cvv", "value": "v1"}', {"v1": "value"}),
        ('["v1 v", "v2 v"]', {"v1 v": "", "v2 v": ""}),
    ],
)
def test_values_know_what_they_stand_under(text: str, names: dict[str, str]) -> None:
    """The keys from outside in, as words; and the name somebody gave what is beside it."""
    found = names_of(text)
    assert {value: found.get(value, "") for value in names} == names


def test_names_from_outside_come_first() -> None:
    """What the whole text stands under."""
    assert names_of('{"a": "v1"}', "PIN?")["v1"] == "PIN? a"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)
FORMS: list[dict[str, Any]] = [
    {},
    {"ensure_ascii": False},
    {"indent": 2},
    {"separators": (",", ":")},
]


@given(JSON, st.sampled_from(FORMS))
def test_what_is_not_changed_is_not_touched(value: object, form: dict[str, Any]) -> None:
    """Not a space of it."""
    text = json.dumps(value, **form)
    found = rewritten(text, lambda each, _: each)
    assert found == (text if isinstance(value, (list, dict)) else None)


@given(JSON, st.sampled_from(FORMS))
def test_what_comes_out_is_json(value: object, form: dict[str, Any]) -> None:
    """Whatever the values become, with as many keys and values as before but for short lists."""
    found = rewritten(json.dumps([value], **form), lambda each, _: each + '"\\\n7')
    assert found is not None
    assert isinstance(json.loads(found), list)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=6))
def test_strings_are_read_as_json_reads_them(value: dict[str, str]) -> None:
    """With all their escapes."""
    found = rewritten(json.dumps(value), lambda each, _: f"<{each}>")
    assert found is not None
    assert json.loads(found) == {f"<{key}>": f"<{each}>" for key, each in value.items()}
