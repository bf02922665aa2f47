"""What the errand of an outbound call changes of its route."""

from typing import Any

import pytest

from gateway.agents.errands import on_errand
from gateway.call.context import Errand, Route
from gateway.errors import ConfigError
from tests.agents.conftest import Load
from tests.agents.folders import OURS, THEIRS, offer

ROUTE = Route(agent="a", data={"company": "Example", "word": "none"}, max_minutes=5, warn_minutes=2)


def errand(**fields: Any) -> Errand:
    """One with these fields."""
    return Errand("dial", **fields)


def test_an_errand_without_a_wish_changes_nothing() -> None:
    """The route is as it was."""
    assert on_errand(ROUTE, errand(), None) == ROUTE


def test_its_agent_and_its_data_come_first() -> None:
    """What the route has besides stays."""
    route = on_errand(ROUTE, errand(agent="b", data={"word": "hello"}), None)
    assert (route.agent, route.data) == ("b", {"company": "Example", "word": "hello"})
    assert ROUTE.data["word"] == "none"


LIMITS: list[tuple[float | None, float | None, float | None, float | None]] = [
    (None, None, None, None),
    (5, None, 5, 2),
    (5, 9, 5, 2),
    (5, 3, 3, 2),
    (5, 1, 1, None),
    (None, 3, 3, None),
]


@pytest.mark.parametrize(("laid_down", "wished", "most", "warns"), LIMITS)
def test_the_shorter_limit_holds(
    laid_down: float | None, wished: float | None, most: float | None, warns: float | None
) -> None:
    """A warning that would come before the beginning is not given."""
    was = Route(max_minutes=laid_down, warn_minutes=2 if laid_down else None)
    route = on_errand(was, errand(max_minutes=wished), None)
    assert (route.max_minutes, route.warn_minutes) == (most, warns)


RECORDINGS: list[tuple[Any, bool | None, bool | None, str]] = [
    ("off", None, None, "off"),
    ("on", None, None, "on"),
    ("off", True, None, "on"),
    ("off", True, False, "off"),
    ("on", False, True, "off"),
    ("consent", True, True, "consent"),
    ("consent", False, None, "off"),
    ("consent", None, True, "consent"),
]


@pytest.mark.parametrize(("laid_down", "wished", "setting", "recording"), RECORDINGS)
def test_a_wish_for_a_recording_lifts_no_consent(
    laid_down: Any, wished: bool | None, setting: bool | None, recording: str
) -> None:
    """And GATEWAY_RECORDINGS off holds; whoever wants none has none."""
    route = on_errand(Route(recording=laid_down), errand(record=wished), setting)
    assert route.recording == recording


def test_a_call_is_planned_for_its_errand(loaded: Load) -> None:
    """The agent, its texts with the errand's data, the route by our number."""
    catalogue = loaded(
        a_toml="",
        b_toml='greeting = "Say {{ data.word }} to {{ called }}."',
        routes_toml=f'[default]\ndata = {{ word = "none" }}\n[[route]]\nnumber = "{OURS}"\n'
        'agent = "a"\ndata = { word = "own" }\n',
    )
    ours = offer(THEIRS, caller=OURS, direction="outbound-api")
    assert catalogue.plan(ours).name == "a"
    sent = offer(
        THEIRS,
        caller=OURS,
        direction="outbound-api",
        errand=errand(agent="b", data={"word": "hello"}),
    )
    plan = catalogue.plan(sent)
    assert (plan.name, plan.greeting) == ("b", f"Say hello to {THEIRS}.")
    with pytest.raises(ConfigError, match="no agent 'c'"):
        catalogue.plan(offer(THEIRS, errand=errand(agent="c")))


def test_an_agent_that_cannot_work_on_the_route_is_told_of(loaded: Load) -> None:
    """It lists `transfer_call`, and the route it was not made for has nobody to transfer to."""
    catalogue = loaded(
        a_toml="",
        b_toml='tools = ["transfer_call"]',
        routes_toml=f'[[route]]\nnumber = "{OURS}"\nagent = "b"\n'
        f'directory = {{ office = "{THEIRS}" }}\n',
    )
    assert catalogue.plan(offer()).name == "b"
    with pytest.raises(ConfigError, match="needs a directory"):
        catalogue.plan(offer(THEIRS, errand=errand(agent="b")))
