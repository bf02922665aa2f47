"""Objects inside events have the golden fields in the golden order."""

import json

from gateway.sim.realtime.asked import ResponseSettings
from gateway.sim.realtime.events import obfuscation, response_object
from gateway.sim.realtime.formats import PCMU
from tests.fixtures.realtime.check import ROOT, validate_server

SETTINGS = ResponseSettings("conv_1", ("audio",), "inf", PCMU, "marin")


def test_a_response_that_began() -> None:
    """Equal to the golden one, but for the ids."""
    golden = json.loads((ROOT / "server" / "response.created.json").read_text())["response"]
    ours = response_object(golden["id"], SETTINGS)
    assert list(ours) == list(golden)
    assert ours == {**golden, "conversation_id": "conv_1"}


def test_a_response_that_ended() -> None:
    """Status, details, output and usage stand where they belong, and validate."""
    details = {"type": "cancelled", "reason": "turn_detected"}
    ours = response_object("resp_1", SETTINGS, status="cancelled", details=details)
    validate_server({"type": "response.done", "event_id": "event_1", "response": ours})
    assert (ours["status"], ours["status_details"]) == ("cancelled", details)


def test_obfuscation_hides_lengths() -> None:
    """Never empty, and a delta with its padding fills whole blocks."""
    for length in range(50):
        delta = "x" * length
        assert obfuscation(delta)
        assert (len(delta) + len(obfuscation(delta))) % 16 == 0
