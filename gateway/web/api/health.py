"""``/api/health``: how this gateway is, in one look."""

import dataclasses
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from gateway import __version__
from gateway.observe.live.board import ModelCounts
from gateway.observe.process import CpuShare, rss_bytes
from gateway.ops.rest import has_carrier
from gateway.settings import OFFLINE_KEY
from gateway.web.api.endpoint import Endpoint
from gateway.web.parts import Parts

_OPENAI = "wss://api.openai.com"
_MB = 1024 * 1024
View = dict[str, Any]


class HealthHandlers:
    """The state of one gateway process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._cpu = CpuShare()
        self._started_at = datetime.now(UTC)

    def endpoints(self) -> list[Endpoint]:
        """The address."""
        return [Endpoint("GET", "/api/health", "viewer", self.health, "How the gateway is")]

    async def health(self, _request: Request) -> View:
        """Everything at once."""
        return self.view()

    def view(self) -> View:
        """The same as a value."""
        settings, registry = self._parts.settings, self._parts.reception.registry
        archive, board, lag = self._parts.archive, self._parts.board, self._parts.lag
        model = ModelCounts() if board is None else board.model
        key = settings.openai_api_key
        return {
            "status": registry.status,
            "calls": len(registry),
            "capacity": registry.capacity,
            "loop_lag_p99_ms": None if lag is None else lag.percentile_ms(0.99),
            "cpu_share": self._cpu.now(),
            "rss_mb": round(rss_bytes() / _MB, 1),
            "model": {
                "url_host": urlsplit(settings.realtime_url or _OPENAI).hostname,
                **dataclasses.asdict(model),
            },
            "records": None if archive is None else dataclasses.asdict(archive.status()),
            "rejected": dict(self._parts.reception.rejections),
            "version": __version__,
            "started_at": self._started_at.isoformat(),
            "offline": key is not None and key.get_secret_value() == OFFLINE_KEY,
            "public_url": settings.public_url,
            "carrier": has_carrier(settings),
        }
