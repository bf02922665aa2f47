"""REST form fields: what is allowed, and the code for what is not."""

import pytest

from gateway.sim.twilio.form import Form
from gateway.sim.twilio.rest_errors import RestRefusal

FORM = Form([("Url", "http://a/"), ("Bad", "a/b"), ("Event", "x"), ("Event", "y"), ("Empty", "")])


def test_fields_are_read_with_their_defaults() -> None:
    """Blank fields are there, absent ones are not; of repeated ones the last counts or all."""
    assert "Empty" in FORM
    assert "Absent" not in FORM
    assert FORM.get("Event") == "y"
    assert FORM.all("Event") == ["x", "y"]
    assert FORM.get("Absent", "d") == "d"
    assert FORM.url("Url", 21205) == "http://a/"
    assert FORM.url("Empty", 21205) == ""
    assert FORM.method("Absent") == "POST"
    assert FORM.seconds("Absent", 60, 600, 21208) == 60
    assert not FORM.flag("Absent")
    assert Form([("Muted", "True")]).flag("Muted")


def test_what_is_not_allowed_is_refused() -> None:
    """Each with the code it was asked with."""
    for ask, code in (
        (lambda: FORM.url("Bad", 21609), 21609),
        (lambda: Form([("Method", "PUT")]).method("Method"), 21403),
        (lambda: Form([("Timeout", "0")]).seconds("Timeout", 60, 600, 21208), 21208),
        (lambda: Form([("Timeout", "x")]).seconds("Timeout", 60, 600, 21208), 21208),
    ):
        with pytest.raises(RestRefusal) as refused:
            ask()
        assert refused.value.code == code
