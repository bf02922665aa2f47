"""The error tree: one root, one clear line each."""

import inspect

import pytest

from gateway import errors
from gateway.errors import CarrierProtocolError, ConfigError, GatewayError, ModelError, Rejected


def test_everything_raised_on_purpose_has_one_root() -> None:
    """Whoever catches GatewayError catches all of them, and nothing that is a bug."""
    found = [each for _, each in inspect.getmembers(errors, inspect.isclass)]
    assert set(found) == {GatewayError, ConfigError, CarrierProtocolError, ModelError, Rejected}
    assert all(issubclass(each, GatewayError) for each in found)
    assert GatewayError.__bases__ == (Exception,)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConfigError("KEY: is wrong"), "KEY: is wrong"),
        (CarrierProtocolError("bad_json"), "bad_json"),
        (CarrierProtocolError("bad_json", "12 bytes"), "bad_json: 12 bytes"),
        (ModelError("model_auth"), "model_auth"),
        (ModelError("model_auth", "HTTP 401"), "model_auth: HTTP 401"),
        (Rejected("capacity"), "capacity"),
    ],
)
def test_an_error_reads_as_one_line(error: GatewayError, text: str) -> None:
    """The word that is counted, then what is known of it."""
    assert str(error) == text


def test_the_counted_word_is_apart_from_the_text() -> None:
    """Counters use the word alone."""
    assert CarrierProtocolError("bad_json", "12 bytes").kind == "bad_json"
    assert ModelError("model_auth", "HTTP 401").reason == "model_auth"
    assert Rejected("capacity").reason == "capacity"
