"""Owns the control of a standalone twin over HTTP, beside Twilio's own API and behind the same
password.

`POST /twin/calls` places a call to a number of the account, `GET /twin/calls[/{sid}[/audio.wav]]`
reads the truth about calls, `POST /twin/calls/{sid}/press|hang-up|drop` are the caller's hands,
`GET /twin/debugger` reads the debugger.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.errors import ConfigError
from gateway.sim.twilio.call import TwinCall
from gateway.sim.twilio.exchange import Exchange
from gateway.sim.twilio.rest_errors import RestRefusal
from gateway.sim.twilio.steps import Step, steps_from_json

PlaceCall = Callable[[str, str, Sequence[Step]], TwinCall]
Json = dict[str, Any]


class ControlRoutes:
    """Handlers; `place_call` takes to, from and the caller's steps. Sound files are below
    `folder`."""

    def __init__(self, exchange: Exchange, place_call: PlaceCall, folder: Path) -> None:
        self._exchange = exchange
        self._place_call = place_call
        self._folder = folder

    def routes(self) -> list[Route]:
        """Below `/twin`."""
        return [
            Route("/calls", self.place, methods=["POST"]),
            Route("/calls", self.list, methods=["GET"]),
            Route("/calls/{sid}", self.show, methods=["GET"]),
            Route("/calls/{sid}/audio.wav", self.audio, methods=["GET"]),
            Route("/calls/{sid}/press", self.press, methods=["POST"]),
            Route("/calls/{sid}/hang-up", self.hang_up, methods=["POST"]),
            Route("/calls/{sid}/drop", self.drop, methods=["POST"]),
            Route("/debugger", self.debugger, methods=["GET"]),
        ]

    async def place(self, request: Request) -> Response:
        """`{"to": …, "from": …, "caller": [steps]}` → 201 with the call."""
        order = await _object(request)
        try:
            steps = steps_from_json(order.get("caller", []), self._folder)
            to, from_ = str(order.get("to", "")), str(order.get("from", "+15550100"))
            call = self._place_call(to, from_, steps)
        except ConfigError as error:
            raise RestRefusal(20001, str(error)) from error
        return JSONResponse(call_truth(call), status_code=201)

    async def list(self, request: Request) -> Response:
        """All calls."""
        return JSONResponse([call_truth(call) for call in self._exchange.calls.values()])

    async def show(self, request: Request) -> Response:
        """One call with its timeline."""
        call = self._call(request)
        timeline = [
            {"at_ms": round(entry.at_ms, 1), "kind": entry.kind, "detail": entry.detail}
            for entry in call.timeline
        ]
        return JSONResponse({**call_truth(call), "timeline": timeline})

    async def audio(self, request: Request) -> Response:
        """Both tracks: caller left, agent as heard right."""
        call = self._call(request)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "call.wav"
            call.write_wav(path)
            return Response(path.read_bytes(), media_type="audio/wav")

    async def press(self, request: Request) -> Response:
        """`{"digits": …}`."""
        self._call(request).press(str((await _object(request)).get("digits", "")))
        return Response(status_code=204)

    async def hang_up(self, request: Request) -> Response:
        """The caller hangs up."""
        self._call(request).hang_up()
        return Response(status_code=204)

    async def drop(self, request: Request) -> Response:
        """The carrier vanishes."""
        self._call(request).drop()
        return Response(status_code=204)

    async def debugger(self, request: Request) -> Response:
        """Everything refused or warned about."""
        return JSONResponse(
            [
                {
                    "code": entry.code,
                    "meaning": entry.meaning,
                    "call_sid": entry.call_sid,
                    "detail": entry.detail,
                }
                for entry in self._exchange.debugger.entries
            ]
        )

    def _call(self, request: Request) -> TwinCall:
        call = self._exchange.calls.get(request.path_params["sid"])
        if call is None:
            raise RestRefusal(20404, request.url.path)
        return call


def call_truth(call: TwinCall) -> Json:
    """What a call's list entry holds."""
    playouts = [stream.playout for stream in call.streams]
    return {
        "call_sid": call.sid,
        "to": call.identity.to,
        "from": call.identity.from_,
        "direction": call.identity.direction,
        "state": call.status,
        "reason": call.end_reason,
        "heard_ms": sum(playout.heard_bytes for playout in playouts) / 8,
        "cleared_ms": sum(playout.cleared_bytes for playout in playouts) / 8,
        "clears": len(call.clears),
        "lost_frames": sum(len(stream.lost_chunks) for stream in call.streams),
    }


async def _object(request: Request) -> Json:
    try:
        content = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise RestRefusal(20001, "the body is not JSON") from error
    if not isinstance(content, dict):
        raise RestRefusal(20001, "the body is not a JSON object")
    return content
