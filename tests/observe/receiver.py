"""A collector of our own for tests: real sockets, OTLP over HTTP, protobuf decoded."""

import asyncio
import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass(frozen=True)
class Event:
    """What was noted on a span."""

    name: str
    at_ns: int
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """A span as it came over the wire."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    begun_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    events: tuple[Event, ...]
    failed: bool
    resource: dict[str, Any]
    links: tuple[tuple[str, str], ...]

    @property
    def ms(self) -> float:
        """How long it took."""
        return (self.ended_ns - self.begun_ns) / 1e6


@dataclass
class Receiver:
    """What came, and how requests are answered."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    """Of requests that were answered with 200, as they came over the wire, unpacked."""
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    asked: int = 0
    """Requests, answered or not."""
    hold: threading.Event = field(default_factory=threading.Event)
    """Requests wait until it is set."""
    news: threading.Condition = field(default_factory=threading.Condition)

    def spans(self) -> list[Seen]:
        """All spans, in the order in which they came."""
        return [span for body in self.bodies for span in _spans(body)]

    def until_asked(self, times: int, limit_s: float = 40.0) -> None:
        """Blocks until so many requests came."""
        with self.news:
            assert self.news.wait_for(lambda: self.asked >= times, limit_s)


@contextmanager
def receiver(status: int = 200, *, hangs: bool = False) -> Iterator[Receiver]:
    """A collector on a free port, in a thread of its own: the one under test may block."""
    there = Receiver(status=status)
    if not hangs:
        there.hold.set()

    async def take(request: Request) -> Response:
        body = await request.body()
        with there.news:
            there.asked += 1
            there.news.notify_all()
        await asyncio.to_thread(there.hold.wait)
        if there.status == 200:
            packed = request.headers.get("content-encoding") == "gzip"
            there.bodies.append(gzip.decompress(body) if packed else body)
            there.headers.append(dict(request.headers))
            there.paths.append(request.url.path)
        answer = ExportTraceServiceResponse().SerializeToString()
        return Response(answer, there.status, media_type="application/x-protobuf")

    bound = socket.create_server(("127.0.0.1", 0))
    there.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    app = Starlette(routes=[Route("/{path:path}", take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
    thread.start()
    try:
        yield there
    finally:
        there.hold.set()
        server.should_exit = True
        thread.join(10)
        bound.close()


def _spans(body: bytes) -> Iterator[Seen]:
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    for of_resource in request.resource_spans:
        resource = _read(of_resource.resource.attributes)
        for scope in of_resource.scope_spans:
            assert scope.scope.name == "gateway"
            for span in scope.spans:
                yield _seen(span, resource)


def _seen(span: trace_pb2.Span, resource: dict[str, Any]) -> Seen:
    return Seen(
        name=span.name,
        kind=span.kind,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        begun_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        attributes=_read(span.attributes),
        events=tuple(
            Event(each.name, each.time_unix_nano, _read(each.attributes)) for each in span.events
        ),
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        resource=resource,
        links=tuple((each.trace_id.hex(), each.span_id.hex()) for each in span.links),
    )


def _read(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each) for each in attributes}


def _value(pair: KeyValue) -> Any:
    value: AnyValue = pair.value
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None
