"""The pages people see: the files of ``static/``, read once at the start.

A name is looked up among those that were read, so no name leads anywhere else.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.ops.users import Users
from gateway.settings import Settings, is_loopback
from gateway.web.api.answers import answered
from gateway.web.api.gate import Gate

FOLDER: Final = Path(__file__).parent / "static"
INDEX: Final = "index.html"
KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
"""Files of other kinds are not served."""


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    kind: str
    tag: str


def dashboard_of(settings: Settings, users: Users) -> str | None:
    """Where the dashboard is for whoever may see it; None while nobody may."""
    is_public = bool(settings.public_url) and not is_loopback(settings.public_url)
    if is_public:
        return f"{settings.public_url}/" if users else None
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}/"


class Pages:
    """The shell of the dashboard, and what it is made of."""

    def __init__(self, gate: Gate, folder: Path = FOLDER) -> None:
        self._gate = gate
        self._files = _read(folder)

    def routes(self) -> list[BaseRoute]:
        """The addresses. What is in these files is no secret: whoever may sign in gets them."""
        return [
            Route("/", self._gate.shell(self.index), methods=["GET"]),
            Route("/static/{path:path}", self._gate.shell(self.file), methods=["GET"]),
        ]

    async def index(self, request: Request) -> Response:
        """The one page."""
        return _answer(request, self._files[INDEX])

    async def file(self, request: Request) -> Response:
        """One of the files."""
        file = self._files.get(request.path_params["path"])
        return answered({"error": "Not Found"}, 404) if file is None else _answer(request, file)


def _read(folder: Path) -> dict[str, _File]:
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = KINDS.get(path.suffix)
        if kind is not None and path.is_file():
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            found[path.relative_to(folder).as_posix()] = _File(content, kind, tag)
    return found


def _answer(request: Request, file: _File) -> Response:
    """The file, unless the browser has it: it asks every time, so that nobody sees an old page."""
    headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
    known = [each.strip().removeprefix("W/") for each in _known(request)]
    if file.tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers={**headers, "Content-Type": file.kind})


def _known(request: Request) -> list[str]:
    return request.headers.get("if-none-match", "").split(",")
