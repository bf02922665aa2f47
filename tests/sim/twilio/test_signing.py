"""The signature: our own computation and Twilio's validator agree."""

from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData
from twilio.request_validator import RequestValidator

from gateway.sim.twilio.signing import signature

URL = "https://example.com/twilio/voice"
text = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.dictionaries(text, text, max_size=12))
def test_twilios_validator_accepts_every_form(form: dict[str, str]) -> None:
    """Blank values and any characters included."""
    value = signature("token", URL, form.items())
    assert RequestValidator("token").validate(URL, form, value)
    assert not RequestValidator("other").validate(URL, form, value)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "y"])), max_size=8))
def test_twilios_validator_accepts_repeated_names(pairs: list[tuple[str, str]]) -> None:
    """A repeated name counts once per distinct value."""
    value = signature("token", URL, pairs)
    assert RequestValidator("token").validate(
        URL, FormData([(name, each) for name, each in pairs]), value
    )


def test_a_websocket_url_is_signed_as_written() -> None:
    """The upgrade signature is over the wss URL without parameters."""
    value = signature("token", "wss://example.com/twilio/media")
    assert RequestValidator("token").validate("wss://example.com/twilio/media", {}, value)


def test_the_fragment_is_not_signed() -> None:
    """Connection overrides stay at Twilio."""
    assert signature("t", URL + "#rc=2") == signature("t", URL)
