"""Client JSON is checked for shape, with the faults of the real server."""

import pytest

from gateway.sim.realtime.errors import ClientFault
from gateway.sim.realtime.schema import Check, ListOf, MapOf, Number, Obj, OneOf, Text


def fault(check: Check, value: object) -> ClientFault:
    with pytest.raises(ClientFault) as caught:
        check(value, "it")
    return caught.value


@pytest.mark.parametrize(
    ("check", "value", "code", "message"),
    [
        (Text(), 1, "invalid_type", "expected a string, but got an integer"),
        (Text(), None, "invalid_type", "but got null"),
        (Text(longest=2), "abc", "string_above_max_length", "maximum length 2"),
        (Text(pattern="[a-z]+"), "a/b", "invalid_value", "'^[a-z]+$'"),
        (Number(0), True, "invalid_type", "expected an integer, but got a boolean"),
        (Number(0), 1.5, "invalid_type", "expected an integer, but got a decimal"),
        (Number(3), 2, "integer_below_min_value", "a value >= 3, but got 2"),
        (Number(0, 3), 4, "integer_above_max_value", "a value <= 3, but got 4"),
        (Number(0, 1, decimal=True), 1.1, "decimal_above_max_value", "decimal above maximum"),
        (OneOf("a", "b"), "c", "invalid_value", "Supported values are: 'a' and 'b'."),
        (ListOf(Text()), {}, "invalid_type", "expected an array, but got an object"),
        (ListOf(Text()), ["x", 1], "invalid_type", "'it[1]'"),
        (MapOf(Text()), {"k": 1}, "invalid_type", "'it.k'"),
        (Obj({"a": Text()}, ("a",)), {}, "missing_required_parameter", "'it.a'"),
        (Obj({}), {"b": 1}, "unknown_parameter", "Unknown parameter: 'it.b'."),
        (Obj({}), [], "invalid_type", "expected an object, but got an array"),
    ],
)
def test_faults(check: Check, value: object, code: str, message: str) -> None:
    """Each kind of mistake has its code, its text, and the path of the value."""
    wrong = fault(check, value)
    assert wrong.code == code
    assert message in wrong.message
    assert (wrong.param or "").startswith("it")
