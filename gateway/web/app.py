"""The route table of the gateway, as data, in one place."""

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute

from gateway.call.reception import Reception
from gateway.ops.consulting.consults import Consults
from gateway.ops.placing.placing import Placing
from gateway.settings import Settings
from gateway.web.api import Api, ApprovalHandlers
from gateway.web.campaigns import CampaignHandlers
from gateway.web.consult import ConsultWebhooks
from gateway.web.health import healthz, readyz
from gateway.web.media import MediaSocket
from gateway.web.outgoing import CallHandlers
from gateway.web.signature import Signatures
from gateway.web.sockets import MEDIA_PATH
from gateway.web.twilio import Durable, TwilioWebhooks


def build_app(
    settings: Settings,
    reception: Reception,
    durable: Durable | None = None,
    placing: Placing | None = None,
    consults: Consults | None = None,
) -> Starlette:
    """The ASGI application over a reception; ``durable`` is asked before a call is accepted,
    ``placing`` makes calls, if any may be made, ``consults`` are who is asked to take one.
    """
    signatures = Signatures(settings)
    twilio = TwilioWebhooks(settings, reception, signatures, durable, placing)
    consult = ConsultWebhooks(settings, consults)
    media = MediaSocket(settings, reception, signatures)
    api = Api(settings, reception)
    approvals = ApprovalHandlers(reception.approvals)
    calls, campaigns = CallHandlers(settings, placing), CampaignHandlers(placing)
    routes: list[BaseRoute] = [
        Route("/twilio/voice", twilio.endpoint(twilio.voice, kept=True), methods=["POST"]),
        WebSocketRoute(MEDIA_PATH, media.endpoint),
        Route("/twilio/connect-ended", twilio.endpoint(twilio.connect_ended), methods=["POST"]),
        Route("/twilio/dial-ended", twilio.endpoint(twilio.dial_ended), methods=["POST"]),
        Route("/twilio/status", twilio.endpoint(twilio.status), methods=["POST"]),
        Route("/twilio/amd", twilio.endpoint(twilio.amd), methods=["POST"]),
        Route("/twilio/consult", twilio.endpoint(consult.picked_up), methods=["POST"]),
        Route("/twilio/consult-answer", twilio.endpoint(consult.decided), methods=["POST"]),
        Route("/twilio/consult-status", twilio.endpoint(consult.told), methods=["POST"]),
        Route("/twilio/stream-status", twilio.endpoint(twilio.stream_status), methods=["POST"]),
        Route("/api/approvals", api.endpoint(approvals.pending)),
        Route("/api/approvals/{tool_call_id}", api.endpoint(approvals.decide), methods=["POST"]),
        Route("/api/calls", api.endpoint(calls.list), methods=["GET"]),
        Route("/api/calls", api.endpoint(calls.place), methods=["POST"]),
        Route("/api/calls/{call_id}", api.endpoint(calls.show), methods=["GET"]),
        Route("/api/calls/{call_id}", api.endpoint(calls.hang_up), methods=["DELETE"]),
        Route("/api/campaigns", api.endpoint(campaigns.calls), methods=["GET"]),
        Route("/healthz", healthz),
        Route("/readyz", readyz(reception.registry)),
    ]
    app = Starlette(routes=routes)
    # A redirect would name the host the request claims, and no address here has a last slash.
    app.router.redirect_slashes = False
    return app
