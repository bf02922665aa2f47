"""``GET /api/openapi.json``: the API described by the very table it is made of (OpenAPI 3.1)."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request

from gateway import __version__
from gateway.web.api.endpoint import Endpoint, Socket

PATH: Final = "/api/openapi.json"
_REF: Final = "#/components/schemas/{name}"
_PARAMETER: Final = re.compile(r"{(\w+)(:\w+)?}")
_REFUSALS: Final = {
    "400": "something in the request is wrong",
    "401": "nobody has signed in, or the token is wrong",
    "403": "the role is too low, or a page of another origin asked",
    "404": "there is no such thing",
    "409": "not as things are now",
    "413": "the body is too long",
    "422": "not allowed",
    "429": "too often; see Retry-After",
    "502": "the carrier did not do it",
    "503": "what is needed for it is away",
}
_SCHEMES: Final = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "GATEWAY_API_TOKEN: the role admin.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-gateway",
        "description": "What POST /api/session sets; over http on the gateway's own machine it is "
        "called `gateway`. Whatever changes something needs an Origin of the gateway's own.",
    },
}


class Fault(msgspec.Struct):
    """Why something was not done."""

    error: str


class Description:
    """The description of the API, this address included."""

    def __init__(self, table: Sequence[Endpoint | Socket]) -> None:
        self._table = table
        self._described: dict[str, Any] | None = None

    def endpoints(self) -> list[Endpoint]:
        """The address."""
        return [Endpoint("GET", PATH, "viewer", self.show, "This description")]

    async def show(self, _request: Request) -> dict[str, Any]:
        """The whole document."""
        if self._described is None:
            self._described = described([*self._table, *self.endpoints()])
        return self._described


def described(table: Sequence[Endpoint | Socket]) -> dict[str, Any]:
    """The OpenAPI document of these addresses."""
    types = [Fault, *_types(table)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    schema_of = dict(zip(map(_key, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in table:
        method, shown = _operation(each, schema_of)
        paths.setdefault(_PARAMETER.sub(r"{\1}", each.path), {})[method] = shown
    return {
        "openapi": "3.1.0",
        "info": {"title": "gateway", "version": __version__},
        "servers": [{"url": "/"}],
        "security": [{name: []} for name in _SCHEMES],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": {
                f"Refused{status}": {
                    "description": about,
                    "content": {"application/json": {"schema": schema_of[_key(Fault)]}},
                }
                for status, about in _REFUSALS.items()
            },
            "securitySchemes": _SCHEMES,
        },
    }


def _types(table: Iterable[Endpoint | Socket]) -> list[Any]:
    """Every type of a body or an answer, once."""
    found: dict[str, Any] = {}
    for each in table:
        if isinstance(each, Endpoint):
            for kind in (each.body, each.answer):
                if kind is not None:
                    found.setdefault(_key(kind), kind)
    return list(found.values())


def _key(kind: Any) -> str:
    return f"{getattr(kind, '__module__', '')}:{kind!r}"


def _operation(each: Endpoint | Socket, schema_of: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    method = "get" if isinstance(each, Socket) else each.method.lower()
    shown: dict[str, Any] = {
        "operationId": _name(method, each.path),
        "summary": each.about,
        "x-role": each.role,
        "parameters": _parameters(each),
    }
    if isinstance(each, Socket):
        shown["x-websocket"] = True
        shown["responses"] = {"101": {"description": "the WebSocket is open"}, **_refusals(each)}
        return method, shown
    if each.role == "anyone":
        shown["security"] = []
    if each.body is not None:
        schema = schema_of[_key(each.body)]
        shown["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    schema = {} if each.answer is None else schema_of[_key(each.answer)]
    answer = {"description": "done", "content": {"application/json": {"schema": schema}}}
    shown["responses"] = {"2XX": answer, **_refusals(each)}
    return method, shown


def _name(method: str, path: str) -> str:
    """``get_calls_by_call_id``: no other operation has it."""
    words = _PARAMETER.sub(r"by_\1", path.removeprefix("/api/").removeprefix("/"))
    return f"{method}_{re.sub(r'[^a-zA-Z0-9]+', '_', words).strip('_')}"


def _parameters(each: Endpoint | Socket) -> list[dict[str, Any]]:
    found = [
        {"name": match[1], "in": "path", "required": True, "schema": {"type": "string"}}
        for match in _PARAMETER.finditer(each.path)
    ]
    query = each.query if isinstance(each, Endpoint) else {}
    return found + [
        {"name": name, "in": "query", "description": about, "schema": {"type": "string"}}
        for name, about in query.items()
    ]


def _refusals(each: Endpoint | Socket) -> dict[str, Any]:
    """Those that are possible; what none of them says is an answer of no endpoint."""
    gate = ["401", "403", "404"]
    asks = isinstance(each, Endpoint) and (each.body is not None or bool(each.query))
    changes = isinstance(each, Endpoint) and each.method != "GET"
    more = ["400", "413", "422"] * asks + ["409", "429", "502"] * changes + ["503"]
    return {
        status: {"$ref": f"#/components/responses/Refused{status}"}
        for status in sorted({*gate, *more})
    }
