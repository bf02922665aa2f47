"""What is wrong between files. Most cases are in tests/fixtures/broken_agents; these need more."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from gateway.agents import check
from gateway.agents.checks import tool_problems
from gateway.agents.draft import read_folder
from tests.agents.folders import SHIPPED, settings, write
from tests.agents.test_tomlfile import GARBAGE

MANY_FILES = {
    "a_toml": 'handoffs = ["b"]\ntools = ["tools.nothing"]',
    "b_toml": "voise = 1",
    "b_md": "{{ nobody }}",
    "routes_toml": '[[route]]\nnumber = "12"',
    "mcp_toml": "[crm]",
}


def lines_of(folder: Path, **changes: str) -> list[str]:
    """Every problem of a folder, without the folder's own path."""
    problems = check(folder, settings(**changes))
    return [str(problem).replace(f"{folder}/", "") for problem in problems]


def test_every_mistake_of_all_files_is_told(folder: Path) -> None:
    """Not only the first: agents, texts, routes and servers at once."""
    told = lines_of(write(folder, **MANY_FILES))
    assert [line.split(" ")[0] for line in told] == [
        "a.toml:2:",
        "b.md:1:",
        "b.toml:1:",
        "mcp.toml:1:",
        "routes.toml:2:",
        "mcp.toml:1:",
    ]


def test_the_shipped_agents_are_right() -> None:
    """Without an error or a warning."""
    assert check(SHIPPED, settings(agent="assistant", url="")) == []


NOBODY = [
    ({"a_toml": ""}, "GATEWAY_AGENT: no agent 'frontdesk' in {} (there are: a)"),
    (
        {"frontdesc_toml": 'instructions = "a.md"'},
        "GATEWAY_AGENT: no agent 'frontdesk' in {} (did you mean frontdesc?)",
    ),
    ({}, "{}: no agent here: add one as <name>.toml"),
]


@pytest.mark.parametrize(("files", "line"), NOBODY)
def test_somebody_must_answer(folder: Path, files: dict[str, str], line: str) -> None:
    """Whoever sets GATEWAY_AGENT sees what there is."""
    assert lines_of(write(folder, **files), agent="frontdesk") == [line.format(folder)]


def test_a_default_in_the_file_needs_no_variable(folder: Path) -> None:
    """GATEWAY_AGENT is only asked for where routes.toml names nobody."""
    files = {"a_toml": "", "routes_toml": '[default]\nagent = "a"'}
    assert lines_of(write(folder, **files), agent="frontdesk") == []


def test_a_missing_folder_is_the_only_problem(tmp_path: Path) -> None:
    """Of all that could be said about nothing."""
    nowhere = tmp_path / "nowhere"
    assert lines_of(nowhere) == [f"GATEWAY_AGENTS_DIR: no folder {nowhere}"]


def test_broken_routes_take_nobody_with_them(folder: Path) -> None:
    """What routes.toml would have laid down is not missing as well."""
    files = {"a_toml": 'tools = ["transfer_call"]', "routes_toml": "x = "}
    (line,) = lines_of(write(folder, **files), agent="frontdesk")
    assert line.startswith("routes.toml:1: ")


def test_names_at_another_server_are_its_own(folder: Path) -> None:
    """With an address in the settings or in the file there is nothing to warn of."""
    text = '[model]\nmodel_name = "my-model"\nvoice = "anna"'
    assert lines_of(write(folder, a_toml=text)) == []
    assert len(lines_of(folder, url="")) == 2
    own = f'{text}\n[provider]\nurl = "ws://127.0.0.1:9/"'
    assert lines_of(write(folder, a_toml=own), url="") == []


SERVED = {
    "a_toml": 'tools = ["tools.look_up"]\nmcp_servers = ["crm"]\n[model]\ntool_choice = "find"',
    "mcp_toml": '[crm]\ncommand = "crm-server"',
}


@pytest.mark.parametrize(
    ("of_crm", "words"),
    [
        (None, []),
        (["find"], []),
        (["find", "look_up"], ["there is a tool 'look_up' already"]),
        (["look_up"], ["there is a tool 'look_up' already", "no tool 'find'"]),
    ],
)
def test_tools_of_servers_are_judged_when_known(
    folder: Path, of_crm: list[str] | None, words: list[str]
) -> None:
    """Before the servers are started they are left open, whatever they may have."""
    draft = read_folder(write(folder, **SERVED), settings())
    draft.withdraw()
    served = None if of_crm is None else {"a": of_crm}
    told = [problem.message for problem in tool_problems(draft, draft.agents["a"], served)]
    assert told == words


def test_a_check_leaves_nothing_behind(folder: Path) -> None:
    """Neither bytecode nor modules."""
    write(folder, a_toml='tools = ["tools.look_up"]')
    before = sorted(folder.rglob("*"))
    assert check(folder, settings()) == []
    assert sorted(folder.rglob("*")) == before


@given(agent=GARBAGE, text=st.text(max_size=30), routes=GARBAGE, servers=GARBAGE)
@hypothesis(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80
)
def test_garbage_is_told_and_never_raises(
    folder: Path, agent: str, text: str, routes: str, servers: str
) -> None:
    """Whatever stands in the files: problems, each in one line, or nothing wrong."""
    files = {"a.toml": agent, "a.md": text, "routes.toml": routes, "mcp.toml": servers}
    for name, content in files.items():
        (folder / name).write_bytes(content.encode("utf-8", "surrogatepass"))
    for problem in check(folder, settings()):
        assert len(str(problem).splitlines()) == 1
        assert problem.message
