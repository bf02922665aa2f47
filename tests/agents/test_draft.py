"""A folder as it was read: agents, routes and servers, and who leads where."""

from pathlib import Path

import pytest

from gateway.agents.draft import Draft, agent_files, read_folder
from tests.agents.folders import settings, write


@pytest.fixture
def chain(folder: Path) -> Draft:
    """`a` hands off to `b` and back, `b` to `c`; `d` stands alone; one route leads to `b`."""
    write(
        folder,
        a_toml='handoffs = ["b"]',
        b_toml='handoffs = ["a", "c"]',
        c_toml="",
        d_toml="",
        routes_toml='[[route]]\ncampaign = "spring"\nagent = "c"',
        c_md="",
        d_md="",
    )
    draft = read_folder(folder, settings())
    draft.withdraw()
    return draft


def test_agents_are_files_but_two(folder: Path) -> None:
    """routes.toml and mcp.toml are none, nor is anything that is not TOML."""
    write(folder, b_toml="", a_toml="", routes_toml="", mcp_toml="", notes_txt="")
    assert [path.stem for path in agent_files(folder)] == ["a", "b"]


def test_handoffs_are_followed(chain: Draft) -> None:
    """Round and round, each agent once, the first one first."""
    assert [agent.name for agent in chain.reach("a")] == ["a", "b", "c"]
    assert [agent.name for agent in chain.reach("b")] == ["b", "a", "c"]
    assert [agent.name for agent in chain.reach("d")] == ["d"]
    assert chain.reach("nobody") == []


def test_every_agent_has_routes(chain: Draft) -> None:
    """Those that lead to it by handoffs too; the default one where none does."""
    names = {agent: [r.name for r in routes] for agent, routes in chain.routes_to().items()}
    assert names == {
        "a": ["default"],
        "b": ["default"],
        "c": ["default", "spring"],
        "d": ["default"],
    }


def test_an_agent_that_cannot_be_read_is_there(folder: Path) -> None:
    """Known by name, so that nobody who hands off to it is wrong as well."""
    draft = read_folder(write(folder, a_toml='handoffs = ["b"]', b_toml="="), settings())
    draft.withdraw()
    assert (draft.names, list(draft.agents)) == (("a", "b"), ["a"])
    assert [Path(problem.file).name for problem in draft.problems] == ["b.toml"]


def test_a_missing_folder_is_told_by_its_variable(tmp_path: Path) -> None:
    """Nothing else is wrong with it then."""
    draft = read_folder(tmp_path / "nowhere", settings())
    draft.withdraw()
    assert [str(each) for each in draft.problems] == [
        f"GATEWAY_AGENTS_DIR: no folder {tmp_path / 'nowhere'}"
    ]
    assert draft.names == ()
