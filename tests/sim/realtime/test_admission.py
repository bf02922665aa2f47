"""Upgrade requests are let in by key, protocol version and model, in this order."""

import pytest
from websockets.datastructures import Headers

from gateway.sim.realtime.admission import Request, admit
from gateway.sim.realtime.errors import Refusal
from gateway.sim.realtime.options import RealtimeOptions

KEYED = RealtimeOptions(api_key="right")
GOOD = "/v1/realtime?model=gpt-realtime"


def refusal(target: str, headers: Headers, options: RealtimeOptions = KEYED) -> str | None:
    with pytest.raises(Refusal) as caught:
        admit(Request.of(target, headers), options)
    return caught.value.close_reason.removeprefix("invalid_request_error").removeprefix(".")


def test_a_good_request() -> None:
    """The scheme's case does not matter; the last of several models counts."""
    headers = Headers({"authorization": "bearer right"})
    assert admit(Request.of(GOOD, headers), KEYED) == "gpt-realtime"
    twice = Request.of("/v1/realtime?model=x&model=gpt-realtime-2", headers)
    assert admit(twice, KEYED) == "gpt-realtime-2"


def test_refusals_in_order() -> None:
    """A key first, then the right one, then the protocol, then the model."""
    bad = "/v1/realtime?model=nope"
    beta = {"OpenAI-Beta": "realtime=v1"}
    assert refusal(bad, Headers(beta)) == ""
    assert refusal(bad, Headers({"Authorization": "Basic right"})) == ""
    assert refusal(bad, Headers({"Authorization": "Bearer wrong", **beta})) == "invalid_api_key"
    right = {"Authorization": "Bearer right"}
    assert refusal(bad, Headers({**right, **beta})) == "beta_api_shape_disabled"
    assert refusal(bad, Headers(right)) == "invalid_model"
    assert refusal("/v1/realtime", Headers(right)) == "missing_model"
    assert refusal("/v1/realtime?model=", Headers(right)) == "missing_model"


def test_without_a_key_of_its_own_any_key_will_do() -> None:
    """But there must be one."""
    anyone = RealtimeOptions()
    assert admit(Request.of(GOOD, Headers({"Authorization": "Bearer x"})), anyone)
    assert refusal(GOOD, Headers(), anyone) == ""


def test_browsers_offer_the_key_as_a_subprotocol() -> None:
    """Among others, with or without spaces."""
    headers = Headers({"Sec-WebSocket-Protocol": "realtime, openai-insecure-api-key.right"})
    assert admit(Request.of(GOOD, headers), KEYED) == "gpt-realtime"
