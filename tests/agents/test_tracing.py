"""How OpenAI files its own trace of a call."""

from gateway.agents.schema import Tracing
from gateway.agents.tracing import tracing
from tests.agents.folders import offer


def test_no_trace_is_kept_unless_the_file_asks_for_it() -> None:
    """Off by default."""
    assert tracing(None, "a", "default", offer()) is None


def test_a_trace_is_found_by_its_call() -> None:
    """With nothing but `"auto"` in the file: agent, CallSid, circumstances, and no number."""
    filed = tracing("auto", "a", "night", offer(campaign="spring"))
    assert filed == {
        "workflow_name": "a",
        "group_id": "CA1",
        "metadata": {
            "call_sid": "CA1",
            "agent": "a",
            "route": "night",
            "direction": "inbound",
            "campaign": "spring",
        },
    }


def test_what_the_file_says_stands() -> None:
    """Its own metadata are among ours, and win."""
    table = Tracing(workflow_name="phone", group_id="g", metadata={"floor": 2, "route": "x"})
    filed = tracing(table, "a", "default", offer())
    assert filed is not None
    assert (filed["workflow_name"], filed["group_id"]) == ("phone", "g")
    assert filed["metadata"] == {
        "call_sid": "CA1",
        "agent": "a",
        "route": "x",
        "direction": "inbound",
        "floor": 2,
    }
