"""Refusals in Twilio's shape."""

import json

from gateway.sim.twilio.rest_errors import RestRefusal, refusal


def test_a_refusal_has_the_four_fields() -> None:
    """As the package reads them."""
    assert json.loads(bytes(refusal(20404, "not found", 404).body)) == {
        "code": 20404,
        "message": "not found",
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


def test_codes_have_their_status() -> None:
    """A refusal knows its HTTP status; a missing password asks for one."""
    error = RestRefusal(21211, "12")
    assert (error.status, error.message[-4:]) == (400, ": 12")
    assert "www-authenticate" in refusal(20003, "Authenticate", 401).headers
