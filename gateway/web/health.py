"""Is the process alive, and does it take new calls?"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.call.registry import Registry


async def healthz(_request: Request) -> Response:
    """200 while the event loop turns."""
    return JSONResponse({"status": "ok"})


def readyz(registry: Registry) -> Callable[[Request], Awaitable[Response]]:
    """200 while new calls are taken, 503 while draining, full or overloaded."""

    async def endpoint(_request: Request) -> Response:
        status = registry.status
        return JSONResponse({"status": status}, status_code=200 if status == "ready" else 503)

    return endpoint
