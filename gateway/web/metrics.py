"""``GET /metrics``: what Prometheus reads."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from gateway.observe.metrics import Metrics
from gateway.web.api.endpoint import Endpoint


class MetricsHandlers:
    """The figures of this process as text."""

    def __init__(self, metrics: Metrics | None) -> None:
        """``metrics`` = None: nothing is counted here, and nothing told."""
        self._metrics = metrics

    def endpoints(self) -> list[Endpoint]:
        """The address."""
        about = "The figures of this process, as Prometheus reads them"
        return [Endpoint("GET", "/metrics", "viewer", self.show, about)]

    async def show(self, request: Request) -> Response:
        """Prometheus' text, or OpenMetrics for whoever accepts that."""
        if self._metrics is None:
            return Response(status_code=404)
        accept = request.headers.get("accept", "")
        # Some milliseconds of computing, which the audio of calls must not wait for.
        text, media_type = await asyncio.to_thread(self._metrics.exposition, accept)
        return Response(text, headers={"Content-Type": media_type, "Cache-Control": "no-store"})
