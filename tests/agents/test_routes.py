"""Which agent takes which call, and what is laid down for it."""

from pathlib import Path
from typing import Any

import pytest

from gateway.agents.routes import Routes, RoutesTable
from gateway.agents.tomlfile import read_toml
from gateway.call.context import Destination
from tests.agents.folders import offer

TEXT = """
[directory]
office = { number = "+493012345678", description = "The office", timeout_s = 20 }
desk = "+493012345679"

[default]
language = "de"

[[route]]
number = "+15550001000"
agent = "frontdesk"
timezone = "America/New_York"
max_calls = 20
max_minutes = 15
data = { company = "Example" }
[route.directory]
desk = "sip:desk@example.com"
billing = { number = "+15550002000", caller_id = "+15550001000" }

[[route]]
number = ["+493012345678", "+493012345679"]
agent = "german"

[[route]]
campaign = "spring"
agent = "survey"

[[route]]
campaign = "spring"
number = "+15550001000"
agent = "american"
"""


def routes_of(tmp_path: Path, text: str = TEXT) -> Routes:
    """The routes of a file."""
    (tmp_path / "routes.toml").write_text(text)
    problems: list[Any] = []
    file = read_toml(tmp_path / "routes.toml", RoutesTable, problems)
    assert file is not None
    assert problems == []
    return Routes(file.table, "assistant")


CALLS: list[tuple[dict[str, str], str]] = [
    ({"called": "+15550001000"}, "frontdesk"),
    ({"called": "+493012345679"}, "german"),
    ({"called": "+19995550000"}, "assistant"),
    ({"called": "+19995550000", "campaign": "spring"}, "survey"),
    ({"called": "+15550001000", "campaign": "spring"}, "american"),
    ({"called": "+493012345678", "campaign": "spring"}, "survey"),
    ({"called": "+15550001000", "campaign": "autumn"}, "frontdesk"),
    ({"called": "+19995550000", "caller": "+15550001000"}, "assistant"),
    (
        {"called": "+19995550000", "caller": "+15550001000", "direction": "outbound-api"},
        "frontdesk",
    ),
]


@pytest.mark.parametrize(("call", "agent"), CALLS)
def test_a_call_has_its_route(tmp_path: Path, call: dict[str, str], agent: str) -> None:
    """By campaign and number, campaign, our number (the caller when we call), or the default."""
    assert routes_of(tmp_path).find(offer(**call)).agent == agent


def test_a_route_carries_its_circumstances(tmp_path: Path) -> None:
    """The directory of all with its own over it; language and the rest are its own."""
    route = routes_of(tmp_path).find(offer("+15550001000"))
    assert (route.name, route.timezone, route.language) == ("+15550001000", "America/New_York", "")
    assert (route.max_calls, route.max_minutes, route.data) == (20, 15, {"company": "Example"})
    assert route.directory == {
        "office": Destination("+493012345678", "The office", 20),
        "desk": Destination("sip:desk@example.com"),
        "billing": Destination("+15550002000", caller_id="+15550001000"),
    }


def test_a_destination_says_how_somebody_is_asked(tmp_path: Path) -> None:
    """Whether, in which language and words, and how long they may take; or as usual."""
    text = """
[directory.office]
number = "+493012345678"
warm = true
accept_timeout_s = 20
language = "de-DE"
prompt = "Bitte die 1."
goodbye = "Tschüs."
"""
    office = routes_of(tmp_path, text).default.directory["office"]
    assert office == Destination(
        "+493012345678",
        warm=True,
        accept_timeout_s=20,
        language="de-DE",
        prompt="Bitte die 1.",
        goodbye="Tschüs.",
    )
    usual = routes_of(tmp_path, '[directory]\noffice = { number = "+493012345678" }')
    assert usual.default.directory["office"] == Destination("+493012345678")


@pytest.mark.parametrize(
    "wrong", ["accept_timeout_s = 2", 'language = "german"', 'prompt = ""', 'warm = "yes"']
)
def test_a_destination_that_could_not_be_asked_is_a_mistake(tmp_path: Path, wrong: str) -> None:
    """Found when the file is read."""
    (tmp_path / "routes.toml").write_text(
        f'[directory.office]\nnumber = "+493012345678"\n{wrong}\n'
    )
    problems: list[Any] = []
    read_toml(tmp_path / "routes.toml", RoutesTable, problems)
    assert len(problems) == 1
    assert wrong.partition(" ")[0] in str(problems[0])


def test_a_route_has_its_numbers_zone(tmp_path: Path) -> None:
    """When they have exactly one; UTC when they have many or none."""
    routes = routes_of(tmp_path)
    assert routes.find(offer("+493012345678")).timezone == "Europe/Berlin"
    assert routes.find(offer("+1", campaign="spring")).timezone == "UTC"
    toll_free = routes_of(tmp_path, '[[route]]\nnumber = "+18005551234"')
    assert toll_free.find(offer("+18005551234")).timezone == "UTC"
    two = routes_of(tmp_path, '[[route]]\nnumber = ["+493012345678", "+442079460123"]')
    assert two.find(offer("+442079460123")).timezone == "UTC"


def test_no_two_routes_share_a_name(tmp_path: Path) -> None:
    """Calls are counted by it."""
    names = [route.name for route in routes_of(tmp_path).all()]
    assert names == ["default", "+15550001000", "+493012345678", "spring", "spring +15550001000"]


def test_the_numbers_of_an_agent_are_known(tmp_path: Path) -> None:
    """For lists; and one number of a route, for samples."""
    routes = routes_of(tmp_path)
    assert routes.numbers("german") == ["+493012345678", "+493012345679"]
    assert routes.numbers("assistant") == []
    assert [routes.number(route) for route in routes.all()] == [
        "",
        "+15550001000",
        "+493012345678",
        "",
        "+15550001000",
    ]


def test_without_a_file_every_call_is_the_default_agents() -> None:
    """GATEWAY_AGENT; a file may name another."""
    routes = Routes(RoutesTable(), "assistant")
    assert routes.find(offer()).agent == "assistant"
    named = RoutesTable.model_validate({"default": {"agent": "b"}, "route": [{"campaign": "x"}]})
    assert [route.agent for route in Routes(named, "assistant").all()] == ["b", "b"]
