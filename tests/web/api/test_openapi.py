"""The description of the API: what it says is so, and it is what lies in the documentation."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from unittest.mock import Mock

import msgspec
import pytest
from starlette.routing import Route, WebSocketRoute

from gateway.settings import load_settings
from gateway.web.api.endpoint import Access, Endpoint, Socket
from gateway.web.api.openapi import described
from gateway.web.app import build_app
from gateway.web.parts import Parts
from tools.describe_api import document

FILE = Path(__file__).parents[3] / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(document())


class Inner(msgspec.Struct):
    """Something in something."""

    number: int


class Outer(msgspec.Struct):
    """Something."""

    inner: list[Inner]


def operations(of: dict[str, Any] = DOCUMENT) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation with its method and path."""
    for path, methods in of["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def values_of(key: str, value: Any) -> Iterator[Any]:
    """Whatever stands under that key, at any depth."""
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for each in value.values():
            yield from values_of(key, each)
    elif isinstance(value, list):
        for each in value:
            yield from values_of(key, each)


def test_the_documentation_has_it() -> None:
    """docs/openapi.json is what the gateway says."""
    told = "docs/openapi.json is old: run `python -m tools.describe_api`"
    assert FILE.read_text(encoding="utf-8") == document(), told


def test_it_has_every_address_of_the_api() -> None:
    """Each method of each, and each socket; no others."""
    settings = load_settings(_env_file=None, public_url="https://voice.example.com")
    routes = build_app(Parts(settings, Mock())).routes
    there = {
        (method.lower(), re.sub(r":\w+}", "}", route.path))
        for route in routes
        if isinstance(route, Route) and route.path.startswith("/api/")
        for method in (route.methods or set()) - {"HEAD"}
    }
    there |= {
        ("get", route.path)
        for route in routes
        if isinstance(route, WebSocketRoute) and route.path.startswith("/api/")
    }
    assert {(method, path) for method, path, _ in operations()} == there
    assert len(there) > 5


def test_it_is_well_formed() -> None:
    """Parameters are declared, references lead somewhere, names are nobody else's."""
    assert DOCUMENT["openapi"].startswith("3.1.")
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    for method, path, operation in operations():
        declared = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
        assert declared == re.findall(r"{(\w+)}", path), path
        assert all(each["required"] for each in operation["parameters"] if each["in"] == "path")
        assert len({each["name"] for each in operation["parameters"]}) == len(
            operation["parameters"]
        )
        assert operation["x-role"] in [*get_args(get_args(Access)[0]), "anyone"]
        assert operation["summary"]
        assert operation["responses"]
        assert "requestBody" not in operation or method != "get"
    for reference in values_of("$ref", DOCUMENT):
        found: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def test_every_answer_to_a_stranger_is_described() -> None:
    """Each operation but signing in needs one of the ways in, and says how it refuses."""
    assert set(DOCUMENT["components"]["securitySchemes"]) == {"token", "session"}
    assert DOCUMENT["security"] == [{"token": []}, {"session": []}]
    for method, path, operation in operations():
        assert {"401", "403"} <= operation["responses"].keys()
        assert ("security" in operation) == ((method, path) == ("post", "/api/session"))


def test_types_are_described_once() -> None:
    """With what is in them, wherever they are used."""

    async def nothing(*_: Any) -> None:
        """Does nothing."""

    table: list[Endpoint | Socket] = [
        Endpoint("POST", "/api/x/{a}/{b:path}", "viewer", nothing, "X", body=Outer, answer=Outer),
        Endpoint("GET", "/api/x/{a}/{b:path}", "viewer", nothing, "X", query={"q": "which"}),
        Endpoint("GET", "/api/y", "viewer", nothing, "Y", answer=list[Inner]),
        Socket("/api/z", "operator", nothing, "Z"),
    ]
    found = described(table)
    assert found["components"]["schemas"].keys() == {"Fault", "Inner", "Outer"}
    post, get = (found["paths"]["/api/x/{a}/{b}"][method] for method in ("post", "get"))
    outer = {"$ref": "#/components/schemas/Outer"}
    assert post["requestBody"]["content"]["application/json"]["schema"] == outer
    assert post["responses"]["2XX"]["content"]["application/json"]["schema"] == outer
    assert [each["name"] for each in get["parameters"]] == ["a", "b", "q"]
    (y,) = (found["paths"]["/api/y"][method] for method in ("get",))
    array = y["responses"]["2XX"]["content"]["application/json"]["schema"]
    assert array == {"type": "array", "items": {"$ref": "#/components/schemas/Inner"}}
    z = found["paths"]["/api/z"]["get"]
    assert (z["x-websocket"], z["x-role"], "101" in z["responses"]) == (True, "operator", True)


@pytest.mark.parametrize("path", ["/api/session", "/api/approvals/{tool_call_id}", "/api/calls"])
def test_bodies_have_their_schema(path: str) -> None:
    """What is sent there is described."""
    body = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    name = body["$ref"].rpartition("/")[2]
    assert DOCUMENT["components"]["schemas"][name]["additionalProperties"] is False
