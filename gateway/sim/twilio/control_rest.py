"""Owns the control of a standalone twin's REST API: what was asked of it, and what goes wrong next.

`GET /twin/requests` reads the record, `GET /twin/faults` what is still to come, `POST /twin/faults`
adds one (the fields of `RestFault`), `DELETE /twin/faults` takes all away.
"""

from dataclasses import asdict

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.sim.twilio.faults import RestFault
from gateway.sim.twilio.rest_errors import RestRefusal
from gateway.sim.twilio.rest_gate import RestBook


class RestControl:
    """Handlers for one book."""

    def __init__(self, book: RestBook) -> None:
        self._book = book

    def routes(self) -> list[Route]:
        """Below `/twin`."""
        return [
            Route("/requests", self.requests, methods=["GET"]),
            Route("/faults", self.faults, methods=["GET"]),
            Route("/faults", self.add, methods=["POST"]),
            Route("/faults", self.clear, methods=["DELETE"]),
        ]

    async def requests(self, request: Request) -> Response:
        """The newest requests, oldest first."""
        return JSONResponse([asdict(each) for each in self._book.requests])

    async def faults(self, request: Request) -> Response:
        """Faults that no request has met yet."""
        return JSONResponse([asdict(each) for each in self._book.faults])

    async def add(self, request: Request) -> Response:
        """One more fault."""
        try:
            fault = msgspec.json.decode(await request.body(), type=RestFault)
        except msgspec.DecodeError as error:
            raise RestRefusal(20001, f"the fault: {error}") from error
        self._book.faults.append(fault)
        return Response(status_code=204)

    async def clear(self, request: Request) -> Response:
        """None any more."""
        self._book.faults.clear()
        return Response(status_code=204)
