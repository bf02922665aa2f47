"""Owns the Account resource of the REST API: fetch.

https://www.twilio.com/docs/iam/api/account
"""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.sim.twilio.options import TwilioOptions
from gateway.sim.twilio.shapes import account_json, account_path


class AccountRoute:
    """The one account."""

    def __init__(self, options: TwilioOptions) -> None:
        self._options = options
        self._created_at = datetime.now(UTC)

    def routes(self) -> list[Route]:
        """Beside everything that is below the account's path."""
        path = account_path(self._options.account_sid)
        return [Route(f"{path}.json", self.fetch, methods=["GET"])]

    async def fetch(self, request: Request) -> Response:
        """Its state and kind."""
        return JSONResponse(account_json(self._options, self._created_at))
