"""The debugger: codes with their meanings."""

from gateway.sim.twilio import debugger
from gateway.sim.twilio.debugger import MEANING, Debugger, TwilioFault


def test_entries_are_kept_in_order_with_their_meaning() -> None:
    """As in the console."""
    log = Debugger()
    log.log(31921, "CA1", "1000")
    log.log(99999, "CA1", "?")
    assert [(entry.code, entry.call_sid, entry.detail) for entry in log.entries] == [
        (31921, "CA1", "1000"),
        (99999, "CA1", "?"),
    ]
    assert "closed by the server" in log.entries[0].meaning
    assert log.entries[1].meaning == ""
    assert log.entries[0].at_s <= log.entries[1].at_s


def test_every_code_has_a_meaning() -> None:
    """None of the names is without its text."""
    named = {value for value in vars(debugger).values() if isinstance(value, int)}
    assert named == set(MEANING)
    assert len(named) > 20


def test_a_fault_reads_as_one_line() -> None:
    """Code, meaning, detail."""
    assert str(TwilioFault(12100, "line 1")) == "12100 Document parse failure: line 1"
