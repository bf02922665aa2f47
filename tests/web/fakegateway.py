"""A gateway that only says what it was told to say: every address the dashboard asks for.

Its JSON is that of the real one (docs/addresses.md); nobody needs a call for a page to show one. It
keeps what it was asked to do.
"""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.cli.calls_page import tracks_of
from gateway.core.waveform import STEP_MS, peaks
from gateway.web.headers import SecurityHeaders
from tests.cli.sample_call import sample
from tests.web import scenes

STATIC = Path(__file__).parents[2] / "gateway" / "web" / "static"


class FakeGateway:
    """What is there, and what was asked for; change it and ``tell`` the viewers."""

    def __init__(self) -> None:
        self.base = ""
        self.who: dict[str, str] | None = {"name": "ada", "role": "admin", "via": "session"}
        """None: nobody is signed in."""
        self.calls = {each["call_sid"]: each for each in map(scenes.live_call, range(12))}
        self.entries = {scenes.sid(1): scenes.entries()}
        self.approvals = [scenes.approval()]
        self.health = scenes.health()
        self.records = scenes.records()
        self.stats, self.agents, self.numbers = scenes.stats(), scenes.agents(), scenes.numbers()
        self.audit = scenes.audit()
        self.record, self.audio = sample()
        self.dials: dict[str, dict[str, Any]] = {}
        self.refusal: tuple[int, dict[str, Any]] | None = None
        """What an outbound call is refused with."""
        self.done: list[tuple[str, str, Any]] = []
        """Method, path and body of everything that was not only looked at."""
        self.version = 1
        self.viewers: dict[WebSocket, set[str]] = {}
        self.closed_to_viewers = False
        self.shortest_page = 0
        """Rows of a page at least, whatever was asked for."""

    # The live board

    async def tell(self, **delta: Any) -> None:
        """One delta to every viewer."""
        before, self.version = self.version, self.version + 1
        for each in delta.get("calls", ()):
            self.calls[each["call_sid"]] = each
        for each in delta.get("gone", ()):
            self.calls.pop(each["call_sid"], None)
        self.approvals = delta.get("approvals", self.approvals)
        message = {"type": "delta", "from": before, "version": self.version, **delta}
        for viewer in list(self.viewers):
            await viewer.send_text(json.dumps(message))

    async def live(self, viewer: WebSocket) -> None:
        """``WS /api/live``."""
        if self.who is None or self.closed_to_viewers:
            await viewer.close()
            return
        await viewer.accept()
        try:
            while True:
                watched = set(json.loads(await viewer.receive_text())["watch"])
                self.viewers[viewer] = watched
                await viewer.send_text(json.dumps(self.snapshot(watched)))
        except WebSocketDisconnect:
            pass
        finally:
            self.viewers.pop(viewer, None)

    def snapshot(self, watched: set[str]) -> dict[str, Any]:
        """All that is watched."""
        told: dict[str, Any] = {"type": "snapshot", "version": self.version}
        if "calls" in watched:
            told["calls"] = list(self.calls.values())
        for topic in ("health", "approvals"):
            if topic in watched:
                told[topic] = getattr(self, topic)
        for topic in watched:
            if topic.startswith("call:"):
                call = self.calls.get(topic[5:])
                told["call"] = call and {**call, "entries": self.entries.get(topic[5:], [])}
        return told

    async def drop(self) -> None:
        """Every viewer's connection ends."""
        for viewer in list(self.viewers):
            await viewer.close(1012)

    # The API

    def refused(self) -> Response | None:
        """What who is not signed in gets."""
        return JSONResponse({"error": "sign in first"}, 401) if self.who is None else None

    def get(self, content: Callable[[Request], Any]) -> Callable[[Request], Any]:
        """An address that only tells."""

        async def answer(request: Request) -> Response:
            told = self.refused() or content(request)
            return told if isinstance(told, Response) else JSONResponse(told)

        return answer

    def act(self, content: Callable[[Request, Any], Any]) -> Callable[[Request], Any]:
        """An address that does something."""

        async def answer(request: Request) -> Response:
            body = await request.body()
            asked = json.loads(body) if body else None
            self.done.append((request.method, request.url.path, asked))
            told = content(request, asked)
            told = await told if asyncio.iscoroutine(told) else told
            return told if isinstance(told, Response) else JSONResponse(told)

        return answer

    async def session(self, request: Request) -> Response:
        """``/api/session``."""
        if request.method == "GET":
            return self.refused() or JSONResponse(self.who)
        if request.method == "DELETE":
            self.who = None
            await self.drop()
            return Response(status_code=204)
        asked = await request.json()
        if asked["password"] != "right":
            return JSONResponse({"error": "the name or the password is wrong"}, 401)
        self.who = {"name": asked["name"], "role": "viewer", "via": "session"}
        return JSONResponse(self.who)

    def listed(self, request: Request) -> Response:
        """``/api/records``, filtered by a few of its parameters."""
        asked = request.query_params
        rows = self.records
        for name in ("agent", "outcome"):
            rows = [row for row in rows if asked.get(name) in (None, row[name])]
        if worse := asked.get("worse_than_ms"):
            rows = [row for row in rows if (row["response_worst_ms"] or 0) > float(worse)]
        if number := asked.get("number"):
            rows = [row for row in rows if number in (row["caller"], row["called"])]
        if search := asked.get("search"):
            rows = [row for row in rows if search in json.dumps(row, ensure_ascii=False)]
        if asked.get("sort") == "worst":
            rows = sorted(rows, key=lambda row: -(row["response_worst_ms"] or 0))
        return self.paged(request, rows)

    def paged(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        """A page of rows with where the next one is."""
        start, limit = (
            int(request.query_params.get("after", 0)),
            max(self.shortest_page, int(request.query_params["limit"])),
        )
        headers = {}
        if start + limit < len(rows):
            after = request.url.include_query_params(after=start + limit)
            headers["Link"] = f'<{after.path}?{after.query}>; rel="next"'
        return JSONResponse(rows[start : start + limit], headers=headers)

    def one(self, request: Request) -> Any:
        """``/api/records/{sid}``: the story of the sample, under that row's own figures."""
        sid = request.path_params["sid"]
        rows = [row for row in self.records if row["call_sid"] == sid]
        if not rows:
            return JSONResponse({"error": "there is no record of this call"}, 404)
        own = {**self.record["call"], "call_sid": sid}
        own |= {
            name: rows[0][name] for name in ("caller", "called", "outcome", "reason", "recording")
        }
        return {**self.record, "call_sid": sid, "call": own}

    def sound(self, request: Request) -> Any:
        """The peaks of the sample's recording."""
        tracks = tracks_of(self.audio)
        assert tracks is not None
        caller, agent = (base64.b64encode(peaks(each)).decode() for each in tracks)
        return {"step_ms": STEP_MS, "caller": caller, "agent": agent}

    async def decide(self, request: Request, body: Any) -> Any:
        """Takes an approval away."""
        asked = request.path_params["id"]
        await self.tell(
            approvals=[each for each in self.approvals if each["tool_call_id"] != asked]
        )
        return {"tool_call_id": asked, "decision": body["decision"]}

    def dial(self, request: Request, body: Any) -> Any:
        """Rings nobody, and says so in every detail."""
        if self.refusal is not None:
            status, said = self.refusal
            return JSONResponse(said, status)
        dial = {
            "id": f"dial{len(self.dials)}", "call_sid": None, "state": "ringing", "outcome": None,
            "reason": None, "words": None, "well": None, "agent": body.get("agent"), "turns": None,
            "from": "+15550001000", "to": body["to"], "sent_at": scenes.ago(seconds=2),
            "answered_at": None, "duration_ms": None, "cost_usd": None,
        }  # fmt: skip
        self.dials[str(dial["id"])] = dial
        return JSONResponse(dial, 201)

    def app(self) -> Any:
        """The application with the real one's headers."""
        get, act = self.get, self.act
        live = "/api/live/calls/{sid}"
        nothing = act(lambda _request, _body: {})
        acts = [f"{live}/{what}" for what in ("hang-up", "whisper", "take-over")]
        routes = [
            Route("/", lambda _request: FileResponse(STATIC / "index.html")),
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/api/session", self.session, methods=["GET", "POST", "DELETE"]),
            Route("/api/records", get(self.listed)),
            Route("/api/records/{sid}", get(self.one)),
            Route("/api/records/{sid}/audio", get(self._wav)),
            Route("/api/records/{sid}/peaks", get(self.sound)),
            Route("/api/stats", get(lambda _request: self.stats)),
            Route("/api/agents", get(lambda _request: self.agents)),
            Route("/api/agents/reload", nothing, methods=["POST"]),
            Route("/api/numbers", get(lambda _request: self.numbers)),
            Route("/api/numbers/{number}/point", nothing, methods=["POST"]),
            Route("/api/audit", get(lambda request: self.paged(request, self.audit))),
            Route("/api/approvals/{id}", act(self.decide), methods=["POST"]),
            Route("/api/calls", act(self.dial), methods=["POST"]),
            Route("/api/calls/{id}", get(lambda request: self.dials[request.path_params["id"]])),
            *(Route(path, nothing, methods=["POST"]) for path in acts),
            WebSocketRoute("/api/live", self.live),
        ]  # fmt: skip
        return SecurityHeaders(Starlette(routes=routes))

    def _wav(self, request: Request) -> Response:
        return Response(self.audio, media_type="audio/wav", headers={"Accept-Ranges": "bytes"})


@asynccontextmanager
async def running(fake: FakeGateway, port: int = 0) -> AsyncIterator[FakeGateway]:
    """Serves it on a free port."""
    bound = socket.create_server(("127.0.0.1", port))
    fake.base = f"http://127.0.0.1:{bound.getsockname()[1]}"
    config = uvicorn.Config(fake.app(), log_level="warning", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield fake
    finally:
        await fake.drop()
        server.should_exit = True
        await serving
