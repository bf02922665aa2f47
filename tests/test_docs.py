"""What a person can set, type, call or read is documented, and nothing documented is missing.

The documentation is compared with the program itself, so a name can neither be forgotten nor
outlive what it named.
"""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args
from unittest.mock import Mock

import pytest
from agents.realtime.events import RealtimeSessionEvent
from pydantic import AliasChoices, BaseModel, SecretStr
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from typer.core import TyperGroup
from typer.main import get_command

from gateway.agents import schema
from gateway.agents.agent import BUILT_IN
from gateway.agents.routes import RoutesTable
from gateway.agents.serverfile import ServersTable
from gateway.cli.main import app
from gateway.core import events
from gateway.ops.load.capacity import RESOURCES
from gateway.ops.load.figures import COUNTS, MEASURES
from gateway.ops.load.record import FAILURES
from gateway.settings import Settings, load_settings
from gateway.web.app import build_app
from gateway.web.parts import Parts
from tests.agents.test_schema import tables
from tests.observe.test_metrics import Told

ROOT = Path(__file__).parents[1]
PREFIX = str(Settings.model_config.get("env_prefix", ""))


def text_of(*names: str) -> str:
    """Files of the documentation, one after the other."""
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def documentation() -> list[str]:
    """Every file in which a person reads about the gateway."""
    pages = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")]
    return ["README.md", ".env.example", "docker-compose.yml", "Dockerfile", *pages]


@cache
def variables() -> dict[str, str]:
    """Every environment variable of the settings, with the field it sets."""
    names = {}
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            alias = next(str(each) for each in alias.choices if str(each).isupper())
        names[alias if isinstance(alias, str) else f"{PREFIX}{name}".upper()] = name
    return names


def default_of(variable: str) -> str:
    """The default of a variable as a person would write it; nothing when it is empty."""
    default = Settings.model_fields[variables()[variable]].get_default(call_default_factory=True)
    if isinstance(default, bool):
        return "on" if default else "off"
    if default is None or isinstance(default, SecretStr) or default in ((), {}):
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    return f"{default:g}" if isinstance(default, float) else str(default)


@cache
def commands() -> dict[str, str]:
    """Every command a person can type after `gateway`, by its words, with its help."""
    return dict(below(get_command(app)))


def below(command: Any, *words: str) -> Iterator[tuple[str, str]]:
    """The commands of a group, or the command itself, without the hidden ones."""
    if not isinstance(command, TyperGroup):
        yield " ".join(words), command.help or ""
        return
    for name, each in command.commands.items():
        if not each.hidden:
            yield from below(each, *words, name)


def addresses() -> set[str]:
    """Every address of the application as `METHOD /path`; sockets are `WS`."""
    settings = load_settings(
        _env_file=None, public_url="https://voice.example.com", twilio_auth_token="made-up"
    )
    return set(listed(build_app(Parts(settings, Mock())).routes))


def listed(routes: list[BaseRoute], prefix: str = "") -> Iterator[str]:
    """The addresses of a route table."""
    for route in routes:
        if isinstance(route, Route):
            methods = (route.methods or {"GET"}) - {"HEAD"}
            yield from (f"{method} {prefix}{route.path}" for method in methods)
        elif isinstance(route, WebSocketRoute):
            yield f"WS {prefix}{route.path}"
        elif isinstance(route, Mount):
            yield from listed(route.routes, prefix + route.path)


def event_names() -> set[str]:
    """Every call event."""
    return {kind.__name__ for kind in get_args(events.CallEvent)}


@cache
def file_keys() -> set[str]:
    """Every key of every file in agents_config/, at any depth."""
    files: list[type[BaseModel]] = [schema.Agent, RoutesTable, ServersTable]
    found = {key for file in files for table in tables(file) for key in table.model_fields}
    return found - {"root"}  # pydantic's, for a file that is all free names


def in_code(page: str) -> set[str]:
    """Every word between backticks or in a TOML block of a page."""
    text = text_of(page)
    blocks = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return set(re.findall(r"\w+", "\n".join([*blocks, *re.findall(r"`([^`]+)`", rest)])))


def documented_metrics() -> dict[str, tuple[str, set[str]]]:
    """Type and labels of every metric docs/metrics.md has a row of."""
    row = re.compile(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)
    rows = row.findall(text_of("docs/metrics.md"))
    assert len({name for name, _, _ in rows}) == len(rows)
    return {name: (kind, set(re.findall(r"\w+", labels))) for name, kind, labels in rows}


def told_metrics() -> dict[str, tuple[str, set[str]]]:
    """The same of the registry of a gateway that has everything."""
    found = {}
    for family in Told().metrics.registry.collect():
        suffix = "_total" if family.type == "counter" else ""
        labels = {name for sample in family.samples for name in sample.labels}
        labels |= set(getattr(family, "_labelnames", ()))
        found[family.name + suffix] = family.type, labels - {"le"}
    return found


def checklist() -> list[list[str]]:
    """The rows of docs/checklist.md: a feature, where it is here, what proves it."""
    lines = [line for line in text_of("docs/checklist.md").splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in rows if row[0] != "feature" and not set(row[0]) <= {"-"}]


PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def proofs() -> list[tuple[str, str]]:
    """Every test the checklist names, as file and function."""
    return sorted({(file, name) for row in checklist() for file, name in PROOF.findall(row[2])})


def test_there_is_something_to_document() -> None:
    """The program has settings, commands, addresses and events to compare with."""
    assert len(variables()) > 15
    assert {"demo", "serve", "version"} <= commands().keys()
    assert {"POST /twilio/voice", "WS /twilio/media", "GET /healthz"} <= addresses()
    assert {"CallOffered", "CallEnded"} <= event_names()
    assert {"greeting", "threshold", "api_key_env", "max_calls", "timeout_s"} <= file_keys()
    assert len(told_metrics()) > 50
    assert len(checklist()) > 50
    assert len(proofs()) > 30


@pytest.mark.parametrize("variable", variables())
def test_every_setting_is_documented(variable: str) -> None:
    """A setting has its line in docs/configuration.md, with its default, and in .env.example."""
    lines = text_of("docs/configuration.md").splitlines()
    documented = [line for line in lines if f"`{variable}`" in line]
    assert documented
    default = default_of(variable)
    assert not default or any(f"`{default}`" in line for line in documented)
    assert re.search(rf"^(?:# ?)?{variable}=", text_of(".env.example"), re.MULTILINE)


def test_no_document_names_a_setting_that_is_gone() -> None:
    """Every GATEWAY_ variable a person reads of is one the gateway reads."""
    for page in documentation():
        named = set(re.findall(rf"\b{PREFIX}[A-Z][A-Z0-9_]*[A-Z0-9]\b", text_of(page)))
        assert named <= variables().keys(), page


def test_the_example_settings_are_valid() -> None:
    """.env.example, every line of it uncommented, holds no setting twice and none unknown."""
    named = re.findall(r"^(?:# ?)?([A-Z][A-Z0-9_]+)=", text_of(".env.example"), re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == variables().keys()


@pytest.mark.parametrize("command", commands())
def test_every_command_is_documented(command: str) -> None:
    """A command appears as `gateway …` in README.md or docs/commands.md, and helps itself."""
    pages = [page for page in ("README.md", "docs/commands.md") if (ROOT / page).exists()]
    assert re.search(rf"\bgateway {command}\b", text_of(*pages))
    assert commands()[command]


def test_every_address_is_documented() -> None:
    """docs/addresses.md lists the application's addresses, all of them and no others."""
    page = text_of("docs/addresses.md")
    assert set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE|WS) /[^`\s]*)`", page)) == addresses()


def test_every_event_is_documented() -> None:
    """docs/events.md has a word on every call event."""
    page = text_of("docs/events.md")
    assert {name for name in event_names() if f"`{name}`" not in page} == set()


@pytest.mark.parametrize("event", sorted(event_names()))
def test_every_event_says_when_it_happens(event: str) -> None:
    """An event's own docstring says what happened."""
    assert inspect.getdoc(getattr(events, event))


def test_every_metric_is_documented() -> None:
    """docs/metrics.md has a row for each, with its type and labels, and for no other."""
    assert documented_metrics() == told_metrics()


@pytest.mark.parametrize("page", documentation())
def test_no_document_names_a_metric_that_is_gone(page: str) -> None:
    """What a person reads of is what the gateway tells."""
    named = set(re.findall(r"\bgateway_[a-z_]+_(?:total|seconds|usd|active)\b", text_of(page)))
    assert named - told_metrics().keys() == set()


def test_every_key_of_the_agents_files_is_documented() -> None:
    """A key stands in code in docs/agents.md or docs/routes.md."""
    documented = in_code("docs/agents.md") | in_code("docs/routes.md")
    assert file_keys() - documented == set()


def test_every_figure_of_a_load_test_is_documented() -> None:
    """What `--fail-if` takes, why a call fails and what gives out stand in docs/loadtest.md."""
    named = {*MEASURES, *COUNTS, *FAILURES, *filter(None, RESOURCES)}
    page = text_of("docs/loadtest.md")
    assert {name for name in named if f"`{name}`" not in page} == set()


def test_every_attribute_of_a_trace_is_documented() -> None:
    """docs/traces.md has the name of every span and attribute that the code writes out."""
    code = text_of(*(f"gateway/observe/{name}.py" for name in ("spans", "callspans", "turnspans")))
    page = text_of("docs/traces.md")
    names = set(re.findall(r"\"((?:gateway|gen_ai|error)\.[\w.]+\w)\"", code))
    names |= set(re.findall(r"_branches\.start\(\s*\"([\w.]+)\"", code))
    assert len(names) > 30
    assert {name for name in names if name not in page} == set()


def test_every_built_in_tool_is_documented() -> None:
    """A tool an agent may list without a module has its row in docs/agents.md."""
    page = text_of("docs/agents.md")
    assert [tool for tool in BUILT_IN if f"\n| `{tool}` |" not in page] == []


def test_every_row_of_the_checklist_is_proved_or_says_why_not() -> None:
    """A feature has a test, or a sentence on why there is none."""
    for row in checklist():
        assert len(row) == 3, row
        proved = PROOF.sub("", row[2]).strip(", ") == "" and "::" in row[2]
        assert proved or (row[2] == "–" and row[1].endswith(".")), row


@pytest.mark.parametrize(("file", "name"), proofs())
def test_what_the_checklist_is_proved_by_exists(file: str, name: str) -> None:
    """The function is in the file it is said to be in."""
    assert re.search(rf"^(?:async )?def {name}\(", text_of(file), re.MULTILINE)


def test_every_event_of_the_sdk_is_in_the_checklist() -> None:
    """No type of the session's events is left out, whatever the SDK adds."""
    kinds = {kind.type for kind in get_args(RealtimeSessionEvent)}
    named = {word for row in checklist() for word in re.findall(r"`(\w+)`", row[0])}
    assert len(kinds) > 10
    assert kinds - named == set()
