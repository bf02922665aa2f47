"""From a validation error to a sentence in the words of the file."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from gateway.agents import schema
from gateway.agents.lines import KeyPath
from gateway.agents.routes import RoutesTable
from gateway.agents.sentences import key_of, sentence
from gateway.agents.serverfile import ServersTable

CASES: list[tuple[type[BaseModel], dict[str, Any], KeyPath, str]] = [
    (schema.Agent, {"tols": []}, ("tols",), "unknown key (did you mean tools?)"),
    (
        schema.Agent,
        {"model": {"voise": 1}},
        ("model", "voise"),
        "unknown key (did you mean model.voice?)",
    ),
    (schema.Agent, {"speed": 1}, ("speed",), "unknown key (did you mean model.speed?)"),
    (
        schema.Agent,
        {"model": {"handoffs": []}},
        ("model", "handoffs"),
        "unknown key (it belongs above [model])",
    ),
    (
        schema.Agent,
        {"handoffs": ["b", 5]},
        ("handoffs", 1),
        "must be a list of names or tables { agent = …, tool_name = …, description = … }",
    ),
    (
        schema.Agent,
        {"handoffs": [{}]},
        ("handoffs", 0, "agent"),
        "is missing, it must be an agent's name",
    ),
    (
        schema.Agent,
        {"model": {"turn_detection": {"type": "server_vat"}}},
        ("model", "turn_detection", "type"),
        'must be "server_vad" or "semantic_vad" (did you mean \'server_vad\'?)',
    ),
    (
        schema.Agent,
        {"model": {"turn_detection": "of"}},
        ("model", "turn_detection"),
        'must be a table { type = "server_vad", … } or "off" (did you mean \'off\'?)',
    ),
    (
        schema.Agent,
        {"provider": {"headers": {"X": 5}}},
        ("provider", "headers", "X"),
        "must be a table of texts",
    ),
    (
        RoutesTable,
        {"directory": {"office": {"numbr": "x", "number": "+1"}}},
        ("directory", "office", "numbr"),
        "unknown key (did you mean directory.office.number?)",
    ),
    (
        ServersTable,
        {"crm": {"timeout_s": "long"}},
        ("crm", "timeout_s"),
        "must be a number above 0, up to 120",
    ),
    (ServersTable, {"crm": 5}, ("crm",), "must be a table"),
]


@pytest.mark.parametrize(("model", "table", "path", "message"), CASES)
def test_a_mistake_is_a_sentence(
    model: type[BaseModel], table: dict[str, Any], path: KeyPath, message: str
) -> None:
    """Place and words; nothing of how the check is built."""
    with pytest.raises(ValidationError) as wrong:
        model.model_validate(table)
    (error,) = wrong.value.errors()
    told = sentence(error, model)
    assert (told.path, told.message) == (path, message)


def test_a_key_has_no_positions() -> None:
    """The line says which element is meant."""
    assert key_of(("route", 1, "number", 0)) == "route.number"
