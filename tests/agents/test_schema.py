"""The format of an agent's file: complete, and every key has words for what it must be."""

import re
import tomllib
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
from agents.realtime.config import (
    RealtimeInputAudioTranscriptionConfig,
    RealtimeRunConfig,
    RealtimeSessionModelSettings,
    RealtimeTurnDetectionConfig,
)
from pydantic import BaseModel, ValidationError

from gateway.agents import schema
from gateway.agents.routes import RoutesTable
from gateway.agents.serverfile import ServersTable

DOCS = Path(__file__).parents[2] / "docs"


def tables(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A table and every table in it."""
    yield model
    for field in model.model_fields.values():
        for inner in inside(field.annotation):
            yield from tables(inner)


def inside(annotation: typing.Any) -> list[type[BaseModel]]:
    """The tables a type mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if isinstance(annotation, types.GenericAlias | types.UnionType) or typing.get_args(annotation):
        return [each for part in typing.get_args(annotation) for each in inside(part)]
    return []


@pytest.mark.parametrize("file", [schema.Agent, RoutesTable, ServersTable])
def test_every_key_can_be_told(file: type[BaseModel]) -> None:
    """A description completes “must be …” for every key of every table."""
    found = list(tables(file))
    for table in found:
        for name, field in table.model_fields.items():
            assert field.description, f"{table.__name__}.{name}"
    assert len(found) > 1


def test_no_setting_of_the_sdk_is_missing() -> None:
    """What a file cannot set is what the gateway sets itself, or another spelling."""
    model = set(typing.get_type_hints(RealtimeSessionModelSettings)) - set(
        schema.Model.model_fields
    )
    assert model == {"instructions", "tools", "handoffs", "audio"}
    run = set(typing.get_type_hints(RealtimeRunConfig)) - set(schema.Run.model_fields)
    assert run == {"model_settings", "output_guardrails", "tracing_disabled"}
    turns = set(typing.get_type_hints(RealtimeTurnDetectionConfig))
    assert turns == set(schema.TurnDetection.model_fields)
    transcription = set(typing.get_type_hints(RealtimeInputAudioTranscriptionConfig))
    assert transcription == set(schema.Transcription.model_fields)


@pytest.mark.parametrize("tokens", ["inf", 1, 4096])
def test_two_shapes_of_a_value_are_both_right(tokens: object) -> None:
    """A number or a word."""
    assert schema.Model.model_validate({"max_output_tokens": tokens}).max_output_tokens == tokens


@pytest.mark.parametrize("tokens", ["infinite", 0, 4097, True, 1.5, []])
def test_a_wrong_value_is_judged_once(tokens: object) -> None:
    """As the shape that was meant: one mistake, not one for each shape."""
    with pytest.raises(ValidationError) as wrong:
        schema.Model.model_validate({"max_output_tokens": tokens})
    assert wrong.value.error_count() == 1


DOCUMENTED = [("agents.md", schema.Agent), ("agents.md", ServersTable), ("routes.md", RoutesTable)]


@pytest.mark.parametrize(("page", "file"), DOCUMENTED)
def test_every_key_is_documented(page: str, file: type[BaseModel]) -> None:
    """Its page has every key of the format."""
    words = set(re.findall(r"\w+", (DOCS / page).read_text(encoding="utf-8")))
    keys = {name for table in tables(file) for name in table.model_fields} - {"root"}
    assert keys - words == set()


@pytest.mark.parametrize("page", ["agents.md", "routes.md"])
def test_what_the_pages_show_is_right(page: str) -> None:
    """Every TOML example is one a person may copy."""
    examples = re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    kinds: list[type[BaseModel]] = [schema.Agent, RoutesTable, ServersTable]
    for text in examples:
        table = tomllib.loads(text)
        assert any(is_right(kind, table) for kind in kinds), text
    assert examples


def is_right(kind: type[BaseModel], table: dict[str, typing.Any]) -> bool:
    """True when a table has the form of that file."""
    try:
        kind.model_validate(table)
    except ValidationError:
        return False
    return True
