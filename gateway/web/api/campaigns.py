"""``/api/campaigns``: what a list of numbers has come to, for whoever goes on with it."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.ops.placing.book import DATABASE_FAULTS
from gateway.ops.placing.placing import Placing
from gateway.web.api.endpoint import Endpoint

_NAME = "say which campaign: ?name=, with at most 128 characters"
_AWAY = "the database does not answer"
_NOWHERE = "no calls can be placed from here"


class CampaignHandlers:
    """The calls of campaigns."""

    def __init__(self, placing: Placing | None) -> None:
        """``placing`` = None: no calls are placed from here."""
        self._placing = placing

    def endpoints(self) -> list[Endpoint]:
        """The address."""
        about = "A page of the calls of one campaign"
        query = {"name": "which campaign", "after": "the last call of the page before"}
        return [Endpoint("GET", "/api/campaigns", "viewer", self.calls, about, query=query)]

    async def calls(self, request: Request) -> dict[str, Any]:
        """A page of the calls of one campaign, over or not."""
        if self._placing is None:
            raise HTTPException(503, _NOWHERE)
        name = request.query_params.get("name", "")
        if not 1 <= len(name) <= 128:
            raise HTTPException(400, _NAME)
        try:
            return await self._placing.campaigns.page(name, request.query_params.get("after", ""))
        except DATABASE_FAULTS:
            raise HTTPException(503, _AWAY) from None
