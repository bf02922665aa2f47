"""Owns the twin's HTTP application: Twilio's REST API below the account's path, and the twin's own
control.

What is not modelled answers 404 / 20404 like everything unknown.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from gateway.sim.twilio.control import ControlRoutes
from gateway.sim.twilio.control_rest import RestControl
from gateway.sim.twilio.exchange import Exchange
from gateway.sim.twilio.rest_account import AccountRoute
from gateway.sim.twilio.rest_calls import CallRoutes
from gateway.sim.twilio.rest_conferences import ConferenceRoutes
from gateway.sim.twilio.rest_errors import RestRefusal, refusal
from gateway.sim.twilio.rest_gate import RestBook, RestGate
from gateway.sim.twilio.rest_numbers import NumberRoutes
from gateway.sim.twilio.shapes import account_path


def rest_gate(exchange: Exchange, control: ControlRoutes, book: RestBook) -> RestGate:
    """The whole application behind its gate."""
    options = exchange.options
    resources = (CallRoutes(exchange), NumberRoutes(exchange), ConferenceRoutes(exchange))
    account = [route for resource in resources for route in resource.routes()]
    app = Starlette(
        routes=[
            *AccountRoute(options).routes(),
            Mount(account_path(options.account_sid), routes=account),
            Mount("/twin", routes=[*control.routes(), *RestControl(book).routes()]),
        ],
        exception_handlers={RestRefusal: _refused, HTTPException: _unknown},
    )
    return RestGate(app, options.account_sid, options.auth_token, book)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RestRefusal)
    return refusal(error.code, error.message, error.status)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = 20004 if error.status_code == 405 else 20404
    return refusal(code, f"{request.url.path}: {error.detail}", error.status_code)
