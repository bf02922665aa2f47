"""REST faults as data."""

from gateway.sim.twilio.faults import RestFault, too_many_requests


def test_a_fault_is_meant_for_its_method_and_path() -> None:
    """Without them it is meant for any request."""
    assert RestFault().matches("GET", "/anything")
    fault = RestFault(method="POST", path="/Calls")
    assert fault.matches("POST", "/2010-04-01/Accounts/AC1/Calls.json")
    assert not fault.matches("GET", "/2010-04-01/Accounts/AC1/Calls.json")
    assert not fault.matches("POST", "/2010-04-01/Accounts/AC1/Conferences.json")


def test_too_many_requests_is_twilios() -> None:
    """429 with 20429."""
    assert (too_many_requests().status, too_many_requests().code) == (429, 20429)
