"""Instructions and greetings as templates: what they may use, and on which line they go wrong.

Rendered once per call into plain texts, in a sandbox: what a caller sends (a number) is never code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import missing

from gateway.agents.problems import nearest
from gateway.call.call import Offer
from gateway.call.context import Route

VARIABLES = ("caller", "called", "direction", "language", "now", "data")
"""Everything a template can name."""

_FAILS = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What rendering runs into: the template's own mistakes, and Python's in its expressions."""
_FILE = "<template>"
"""Jinja's name for the file of a template that comes from a text."""


class TemplateFault(Exception):
    """A template is wrong, or cannot be rendered for this call."""

    def __init__(self, line: int, message: str, safe: str = "") -> None:
        super().__init__(message)
        self.line = line
        """Within the template, counted from 1."""
        self.safe = safe or message
        """The message without anything of a call in it."""


class _Data(dict[str, Any]):
    """The route's own data; known by its type when something is missing in it."""


class _Missing(StrictUndefined):
    """Anything not there is a mistake, told with the nearest thing that is."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name, owner = str(self._undefined_name), self._undefined_obj
        if self._undefined_hint:
            return self._undefined_hint
        if owner is missing:
            return f"unknown variable {name!r}{nearest(name, VARIABLES)}"
        if isinstance(owner, _Data):
            return f"data has no key {name!r}{nearest(name, owner, 'data.')}"
        return f"{type(owner).__name__} has no {name!r}"


_ENVIRONMENT = SandboxedEnvironment(
    undefined=_Missing, autoescape=False, keep_trailing_newline=True
)


@dataclass(frozen=True)
class Text:
    """A text made anew for each call."""

    _template: Template

    def render(self, offer: Offer, route: Route) -> str:
        """The text of one call. Raises TemplateFault."""
        return self._rendered(variables(offer, route))

    def _rendered(self, values: Mapping[str, Any]) -> str:
        try:
            return self._template.render(values)
        except _FAILS as error:
            raise TemplateFault(_line(error), *_words(error)) from error


def compiled(text: str) -> list[TemplateFault] | Text:
    """A template, or everything that is wrong with it before any call is known."""
    try:
        tree = _ENVIRONMENT.parse(text)
        faults = [*_unknown_names(tree), *_other_files(tree)]
        return faults or Text(_ENVIRONMENT.from_string(text))
    except TemplateSyntaxError as error:
        return [TemplateFault(error.lineno, *_words(error))]
    except RecursionError:
        return [TemplateFault(1, "nested too deeply")]


def variables(offer: Offer, route: Route) -> dict[str, Any]:
    """What templates may use of a call. ``now`` is the time where the called number is."""
    return {
        "caller": offer.caller,
        "called": offer.called,
        "direction": offer.direction,
        "language": route.language,
        "now": datetime.now(ZoneInfo(route.timezone)),
        "data": _Data(route.data),
    }


def _unknown_names(tree: nodes.Template) -> list[TemplateFault]:
    """Names no call will ever have, in branches a sample call does not reach as well."""
    unknown = meta.find_undeclared_variables(tree) - {*VARIABLES, *_ENVIRONMENT.globals}
    return [
        TemplateFault(node.lineno, f"unknown variable {node.name!r}{nearest(node.name, VARIABLES)}")
        for node in tree.find_all(nodes.Name)
        if node.name in unknown and node.ctx == "load"
    ]


def _other_files(tree: nodes.Template) -> list[TemplateFault]:
    kinds = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
    return [
        TemplateFault(node.lineno, "a template cannot use other files")
        for node in tree.find_all(kinds)
    ]


def _words(error: Exception) -> tuple[str, str]:
    """What is wrong, and the same without values."""
    name = type(error).__name__
    if isinstance(error, TemplateError):
        words = str(error.message or name).rstrip(".")
        return words, words
    return f"{name}: {error}", name


def _line(error: Exception) -> int:
    """Jinja rewrites the frames of a template to the lines of its text."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
