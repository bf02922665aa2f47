"""One agent with everything its file names found: texts, tools, guardrails, functions."""

import inspect
import os.path
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from agents import FunctionTool, OutputGuardrail

from gateway.agents import schema
from gateway.agents.lines import KeyPath
from gateway.agents.modules import Broken, Modules, NotFound
from gateway.agents.problems import Problem, nearest
from gateway.agents.provider import read_key
from gateway.agents.sounds import sound_of
from gateway.agents.templates import Text, compiled
from gateway.agents.tomlfile import TomlFile, read_text
from gateway.call.control import CALL_CONTROL

CONSENT = "recording_consent"
"""The call-control tool of routes with ``recording = "consent"``."""
TRANSFER = "transfer_call"
"""The call-control tool that is made for each call, from its route's directory."""
BUILT_IN = (*CALL_CONTROL, TRANSFER)
"""Tools an agent may list without a module."""

Function = Callable[..., Any]


@dataclass(frozen=True)
class Agent:
    """A configured agent. What could not be found is left out, and a problem says so."""

    name: str
    file: TomlFile[schema.Agent]
    instructions: Text | None
    greeting: Text | None
    tools: Mapping[int, FunctionTool | str]
    """By position in the file's list; built-in tools by name."""
    guardrails: tuple[OutputGuardrail[Any], ...]
    build: Function | None
    on_event: Function | None
    on_model_event: Function | None
    tool_error_formatter: Function | None
    greeting_audio: bytes = field(repr=False)
    filler_audio: bytes = field(repr=False)
    api_key: str | None = field(repr=False)
    api_key_from: Function | None

    @property
    def table(self) -> schema.Agent:
        """The file's table."""
        return self.file.table

    @property
    def instructions_file(self) -> Path:
        """Where the instructions are, or would be."""
        return _instructions_file(self.file)

    def named_tools(self) -> list[tuple[KeyPath, str]]:
        """What the model can call, with the place in the file: tools, then handoffs."""
        named: list[tuple[KeyPath, str]] = [
            (("tools", position), tool if isinstance(tool, str) else tool.name)
            for position, tool in self.tools.items()
        ]
        handoffs = enumerate(self.handoffs())
        return named + [(("handoffs", position), handoff_tool(each)) for position, each in handoffs]

    def handoffs(self) -> list[schema.Handoff]:
        """The agents it may hand off to, each in the long form."""
        return [
            schema.Handoff(agent=each) if isinstance(each, str) else each
            for each in self.table.handoffs
        ]


def handoff_tool(handoff: schema.Handoff) -> str:
    """The name of the tool that hands off: the file's, else the SDK's own for that agent."""
    return handoff.tool_name or re.sub(r"[^a-z0-9_]", "_", f"transfer_to_{handoff.agent}".lower())


def read_agent(file: TomlFile[schema.Agent], modules: Modules, problems: list[Problem]) -> Agent:
    """Finds what a file names. Everything that is not there is added to the problems."""
    finder = _Finder(file, modules, problems)
    table = file.table
    provider = table.provider or schema.Provider()
    formatter = table.run.tool_error_formatter
    filler = table.filler or schema.Filler()
    return Agent(
        name=file.path.stem,
        file=file,
        instructions=_instructions(file, problems),
        greeting=_greeting(file, problems),
        tools=finder.tools(),
        guardrails=finder.guardrails(),
        build=finder.function(("build",), table.build, ["call"]),
        on_event=finder.function(("on_event",), table.on_event, ["call", "event"]),
        on_model_event=finder.function(
            ("on_model_event",), table.on_model_event, ["call", "event"]
        ),
        tool_error_formatter=finder.function(
            ("run", "tool_error_formatter"), formatter, ["arguments"]
        ),
        greeting_audio=sound_of(file, ("greeting_audio",), table.greeting_audio, problems),
        filler_audio=sound_of(file, ("filler", "audio"), filler.audio, problems),
        api_key=read_key(file, problems),
        api_key_from=finder.function(("provider", "api_key_from"), provider.api_key_from, []),
    )


class _Finder:
    """Looks up the dotted names of one file."""

    def __init__(
        self, file: TomlFile[schema.Agent], modules: Modules, problems: list[Problem]
    ) -> None:
        self._file = file
        self._modules = modules
        self._problems = problems

    def tools(self) -> dict[int, FunctionTool | str]:
        found: dict[int, FunctionTool | str] = {}
        for position, dotted in enumerate(self._file.table.tools):
            path: KeyPath = ("tools", position)
            if dotted in BUILT_IN:
                found[position] = dotted
            elif dotted.isidentifier():
                hint = nearest(dotted, BUILT_IN) or ", write module.name for a tool of your own"
                self._tell(path, f"no built-in tool {dotted!r}{hint}")
            else:
                tool = self._find(path, dotted)
                if isinstance(tool, FunctionTool):
                    found[position] = tool
                elif tool is not None:
                    hint = ", decorate it with @function_tool" if inspect.isroutine(tool) else ""
                    self._tell(path, f"{dotted!r} is not a function tool{hint}")
        return found

    def guardrails(self) -> tuple[OutputGuardrail[Any], ...]:
        found: list[OutputGuardrail[Any]] = []
        for position, dotted in enumerate(self._file.table.output_guardrails):
            path: KeyPath = ("output_guardrails", position)
            guardrail = self._find(path, dotted)
            if isinstance(guardrail, OutputGuardrail):
                found.append(guardrail)
            elif guardrail is not None:
                hint = ", decorate it with @output_guardrail" if callable(guardrail) else ""
                self._tell(path, f"{dotted!r} is not an output guardrail{hint}")
        return tuple(found)

    def function(
        self, path: KeyPath, dotted: str | None, parameters: Sequence[str]
    ) -> Function | None:
        """A function that can be called with so many arguments."""
        function = None if dotted is None else self._find(path, dotted)
        if function is None:
            return None
        if not callable(function):
            self._tell(path, f"{dotted!r} is not a function")
            return None
        if _takes(function, len(parameters)):
            made: Function = function
            return made
        self._tell(path, f"{dotted!r} must be callable as ({', '.join(parameters)})")
        return None

    def _find(self, path: KeyPath, dotted: str) -> Any:
        try:
            return self._modules.find(dotted)
        except NotFound as error:
            self._tell(path, str(error))
        except Broken as error:
            self._problems.append(error.problem)
        return None

    def _tell(self, path: KeyPath, message: str) -> None:
        self._problems.append(self._file.problem(path, message))


def _takes(function: Function, count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # a function of C without a signature
        return True
    return True


def _instructions_file(file: TomlFile[schema.Agent]) -> Path:
    return file.path.parent / (file.table.instructions or f"{file.path.stem}.md")


def _instructions(file: TomlFile[schema.Agent], problems: list[Problem]) -> Text | None:
    table, path = file.table, _instructions_file(file)
    named = PurePosixPath(table.instructions or "")
    if table.build is not None or file.is_spoiled("instructions"):
        return None
    if named.is_absolute() or ".." in named.parts or {"\0", "\n"} & set(str(named)):
        problems.append(file.problem(("instructions",), "must be a file of this folder"))
        return None
    if not os.path.isfile(path):  # Path.is_file() raises for a name that is too long: a prompt
        if table.instructions is not None or table.model.prompt is None:
            problems.append(file.problem(("instructions",), f"no file {path}"))
        return None
    text = read_text(path, problems)
    return None if text is None else _compiled(text, problems, str(path), 0, "")


def _greeting(file: TomlFile[schema.Agent], problems: list[Problem]) -> Text | None:
    text = file.table.greeting
    if text is None:
        return None
    line = file.lines.of(("greeting",))
    return _compiled(text, problems, str(file.path), line, "greeting")


def _compiled(text: str, problems: list[Problem], path: str, line: int, key: str) -> Text | None:
    """A template; ``line`` is where it stands in a file, 0 = it is the file."""
    made = compiled(text)
    if isinstance(made, Text):
        return made
    problems += [Problem(path, line or fault.line, key, str(fault)) for fault in made]
    return None
