"""The route table of the gateway, as data, in one place."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from gateway.web.api.agents import AgentHandlers
from gateway.web.api.approvals import ApprovalHandlers
from gateway.web.api.audit import AuditHandlers
from gateway.web.api.campaigns import CampaignHandlers
from gateway.web.api.endpoint import Endpoint, Socket
from gateway.web.api.gate import Gate
from gateway.web.api.health import HealthHandlers
from gateway.web.api.listening import ListenSocket
from gateway.web.api.live import LiveHandlers, desk_of
from gateway.web.api.loglevel import LogLevelHandlers
from gateway.web.api.numbers import NumberHandlers
from gateway.web.api.openapi import Description
from gateway.web.api.outgoing import CallHandlers
from gateway.web.api.phone import PhoneHandlers
from gateway.web.api.recordings import RecordingHandlers
from gateway.web.api.records import RecordHandlers
from gateway.web.api.signin import SessionHandlers
from gateway.web.api.supervision import SupervisionHandlers
from gateway.web.consult import ConsultWebhooks
from gateway.web.headers import SecurityHeaders
from gateway.web.health import healthz, readyz
from gateway.web.media import MediaSocket
from gateway.web.metrics import MetricsHandlers
from gateway.web.pages import Pages
from gateway.web.parts import Parts
from gateway.web.signature import Signatures
from gateway.web.sockets import MEDIA_PATH
from gateway.web.twilio import TwilioWebhooks


def build_app(parts: Parts) -> Starlette:
    """The ASGI application over a gateway's parts."""
    settings, reception = parts.settings, parts.reception
    signatures = Signatures(settings)
    took = None if parts.metrics is None else parts.metrics.webhooks.observe
    twilio = TwilioWebhooks(settings, reception, signatures, parts.durable, parts.placing, took)
    consult = ConsultWebhooks(settings, parts.consults)
    media = MediaSocket(settings, reception, signatures)
    gate = Gate(settings, reception, parts.users)
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
        *(gate.route(each) for each in api_table(parts, gate)),
        *(gate.route(each) for each in MetricsHandlers(parts.metrics).endpoints()),
        *Pages(gate).routes(),
        Route("/healthz", healthz),
        Route("/readyz", readyz(reception.registry)),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(SecurityHeaders)])
    app.state.gate = gate
    # A redirect would name the host the request claims, and no address here has a last slash.
    app.router.redirect_slashes = False
    return app


def api_table(parts: Parts, gate: Gate) -> list[Endpoint | Socket]:
    """Everything under ``/api/``, and its description."""
    table = _api(parts, gate)
    return [*table, *Description(table).endpoints()]


def _api(parts: Parts, gate: Gate) -> list[Endpoint | Socket]:
    url = parts.settings.public_url
    health = HealthHandlers(parts)
    return [
        *SessionHandlers(gate.users, gate.sessions, url, parts.audit).endpoints(),
        *AuditHandlers(parts.settings).endpoints(),
        *ApprovalHandlers(parts.reception.approvals, parts.audit).endpoints(),
        *CallHandlers(parts.settings, parts.placing, parts.audit).endpoints(),
        *CampaignHandlers(parts.placing).endpoints(),
        *PhoneHandlers(parts.settings, parts.reception, parts.audit).endpoints(),
        *LiveHandlers(desk_of(parts, health.view)).endpoints(),
        *health.endpoints(),
        *SupervisionHandlers(parts.reception.registry, parts.placing, parts.audit).endpoints(),
        *ListenSocket(parts.reception.registry, parts.audit).sockets(),
        *AgentHandlers(parts.agents, parts.audit).endpoints(),
        *NumberHandlers(parts.settings, parts.agents, parts.audit).endpoints(),
        *RecordHandlers(parts.records).endpoints(),
        *LogLevelHandlers(parts.log_level, parts.audit).endpoints(),
        *RecordingHandlers(parts.settings, parts.records).endpoints(),
    ]
