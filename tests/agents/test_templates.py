"""Instructions and greetings of one call, and the line on which they go wrong."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.agents.templates import VARIABLES, TemplateFault, Text, compiled, variables
from gateway.call.context import Route
from tests.agents.folders import OURS, THEIRS, offer

ROUTE = Route(language="en-US", timezone="America/New_York", data={"company": "Example", "n": 3})


def text_of(template: str) -> Text:
    """A template without a mistake."""
    made = compiled(template)
    assert isinstance(made, Text)
    return made


def fault_of(template: str, route: Route = ROUTE) -> TemplateFault:
    """What is wrong with a template, before or while it is rendered."""
    made = compiled(template)
    if not isinstance(made, Text):
        return made[0]
    with pytest.raises(TemplateFault) as wrong:
        made.render(offer(), route)
    return wrong.value


def test_a_template_knows_its_call() -> None:
    """Numbers, direction, language, and the route's data."""
    text = text_of("{{ caller }} {{ called }} {{ direction }} {{ language }} {{ data.company }}")
    assert text.render(offer(), ROUTE) == f"{THEIRS} {OURS} inbound en-US Example"


def test_now_is_the_routes_time() -> None:
    """Aware, in the zone of the called number."""
    now = variables(offer(), ROUTE)["now"]
    assert isinstance(now, datetime)
    assert now.tzinfo == ZoneInfo("America/New_York")
    assert set(variables(offer(), ROUTE)) == set(VARIABLES)


def test_a_text_without_variables_stays_as_it_is() -> None:
    """Nothing is escaped, stripped or joined: quotes, markup, the last line break."""
    words = "Say \"hello\" & <i>bye</i>.\n\n- one\n- 'two'\n"
    assert text_of(words).render(offer(), ROUTE) == words


def test_what_may_be_missing_has_a_default() -> None:
    """Strict is not without a way."""
    text = text_of('{{ data.name | default("nobody") }}{% if data.name is defined %}!{% endif %}')
    assert text.render(offer(), ROUTE) == "nobody"


FAULTS: dict[str, tuple[str, int, str]] = {
    "syntax": ("a\n{% if caller %}\nb", 2, "Unexpected end of template"),
    "a block that is none": ("a\n{% iff caller %}", 2, "Encountered unknown tag 'iff'"),
    "an unknown variable": (
        "a\nb {{ calller }}",
        2,
        "unknown variable 'calller' (did you mean caller?)",
    ),
    "in a branch not taken": ("{% if not caller %}\n{{ x }}{% endif %}", 2, "unknown variable 'x'"),
    "no key of the data": (
        "\n\n{{ data.compny }}",
        3,
        "data has no key 'compny' (did you mean data.company?)",
    ),
    "no key by brackets": ("{{ data['x'] }}", 1, "data has no key 'x'"),
    "nothing in a text": ("{{ caller.x }}", 1, "str has no 'x'"),
    "Python's own": ("a\n{{ data.n / 0 }}", 2, "ZeroDivisionError: division by zero"),
    "a wrong type": ("{{ caller + 1 }}", 1, "TypeError: can only concatenate str"),
    "a filter that is none": ("a\n{{ caller | shout }}", 2, "No filter named 'shout'"),
    "nothing to take": ("{{ ([] | first) + 1 }}", 1, "No first item, sequence was empty"),
    "another file": ("a\n{% include 'b.md' %}", 2, "a template cannot use other files"),
    "a way out of the sandbox": ("{{ caller.__class__ }}", 1, "access to attribute '__class__'"),
    "too much": ("{{ range(1000000) | list }}", 1, "OverflowError: Range too big"),
    "too deep": ("{{ " + "(" * 3000 + ")" * 3000 + " }}", 1, "nested too deeply"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_has_its_line(what: str) -> None:
    """In the text's own lines and words."""
    template, line, words = FAULTS[what]
    fault = fault_of(template)
    assert (fault.line, str(fault).startswith(words)) == (line, True), str(fault)


@pytest.mark.parametrize(
    "template", ["{{ caller | int + [] }}", "{{ caller | float | round('x') }}"]
)
def test_a_fault_has_words_without_values(template: str) -> None:
    """For logs: what the caller sent is not repeated."""
    assert THEIRS[1:] not in fault_of(template).safe


def test_values_of_a_call_are_no_templates() -> None:
    """A number is a text, whatever stands in it."""
    called: dict[str, Any] = {"caller": "{{ 1 + 1 }}"}
    assert text_of("{{ caller }}").render(offer(**called), ROUTE) == "{{ 1 + 1 }}"
