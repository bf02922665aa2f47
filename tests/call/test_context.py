"""What agents know of their call."""

import pytest

from gateway.call.context import Route
from tests.call.contexts import AskedControl, context


def test_the_routes_data_are_at_hand() -> None:
    """Tools and templates need not know what a route is."""
    route = Route(name="spring", data={"company": "Example Company"})
    assert context(route=route).data == {"company": "Example Company"}
    assert context().data == {}


def test_hanging_up_is_asked_of_the_call() -> None:
    """The reason goes along."""
    control = AskedControl()
    context(control).hang_up("tool_hung_up")
    assert control.asked == [("hang_up", "tool_hung_up")]


def test_secrets_are_asked_of_the_call() -> None:
    """A token of this call gives its digits, any other one a KeyError."""
    control = AskedControl()
    control.secrets["digits-abc"] = "4711"
    assert context(control).secret("digits-abc") == "4711"
    with pytest.raises(KeyError):
        context(control).secret("digits-xyz")
