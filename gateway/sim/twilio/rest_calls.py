"""Owns the Calls resource of the REST API: create, list, fetch, update.

https://www.twilio.com/docs/voice/api/call-resource
"""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.sim.twilio import lifecycle
from gateway.sim.twilio.call import TwinCall
from gateway.sim.twilio.exchange import Exchange, is_phone_number
from gateway.sim.twilio.flow import Callbacks, Ending, Fetch, Inline, Source
from gateway.sim.twilio.form import Form
from gateway.sim.twilio.lifecycle import Detection, Outbound
from gateway.sim.twilio.rest_errors import RestRefusal
from gateway.sim.twilio.shapes import call_json, page_json

_TWIML_LIMIT = 4000
_RING_LIMIT_S = 600
_DAY_S = 24 * 3600


class CallRoutes:
    """Handlers for one account."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._account_sid = exchange.options.account_sid

    def routes(self) -> list[Route]:
        """Below the account's path."""
        return [
            Route("/Calls.json", self.create, methods=["POST"]),
            Route("/Calls.json", self.list, methods=["GET"]),
            Route("/Calls/{sid}.json", self.fetch, methods=["GET"]),
            Route("/Calls/{sid}.json", self.update, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response:
        """Rings somebody; the answer is 201 and `queued`, long before anybody picks up."""
        form = await Form.of(request)
        to, from_ = checked_numbers(self._exchange, form)
        source = _source(form)
        if source is None:
            raise RestRefusal(21205)
        callee = self._exchange.options.callee(to)
        order = Outbound(
            source=source,
            callee=callee,
            timeout_s=form.seconds("Timeout", 60, _RING_LIMIT_S, 21208),
            wait_s=self._exchange.reserve_create_s(),
            detection=_detection(form),
        )
        identity = self._exchange.identity(to, from_, "outbound-api")
        callbacks = status_callbacks(form)
        fallback = _fallback(form)
        time_limit_s = form.seconds("TimeLimit", 4 * 3600, _DAY_S, 20001)
        call = self._exchange.new_call(identity, callee.script)
        call.callbacks = callbacks
        call.fallback = fallback
        if "TimeLimit" in form:
            call.time_limit_s = time_limit_s
        self._exchange.live(call, lifecycle.outbound(self._exchange, call, order))
        return JSONResponse(call_json(self._account_sid, call), status_code=201)

    async def list(self, request: Request) -> Response:
        """Newest first, with the filters To, From, Status, ParentCallSid and StartTime."""
        query = dict(request.query_params)
        calls = [call for call in self._exchange.calls.values() if _matches(call, query)]
        items = [call_json(self._account_sid, call) for call in reversed(calls)]
        return JSONResponse(page_json("calls", items, request.url.path, query))

    async def fetch(self, request: Request) -> Response:
        """One call."""
        return JSONResponse(call_json(self._account_sid, self._call(request)))

    async def update(self, request: Request) -> Response:
        """Ends a call or sends it to other TwiML."""
        call = self._call(request)
        form = await Form.of(request)
        source = _source(form)
        status = form.get("Status")
        if status not in ("", "completed", "canceled"):
            raise RestRefusal(20001, f"Status {status}")
        if call.ending is not None and (source or status):
            raise RestRefusal(21220)
        answered = call.answered_s is not None
        body = call_json(self._account_sid, call)
        if status and not (status == "canceled" and answered):
            ending = Ending("api", "completed" if answered else "canceled")
            call.end(ending)
            body["status"] = ending.status
        elif source is not None:
            if not answered:
                raise RestRefusal(21220)
            call.note("redirected")
            call.fallback = _fallback(form) or call.fallback
            call.interrupts.redirect(source)
        if form.get("StatusCallback"):
            call.callbacks = status_callbacks(form)
        return JSONResponse(body)

    def _call(self, request: Request) -> TwinCall:
        call = self._exchange.calls.get(request.path_params["sid"])
        if call is None:
            raise RestRefusal(20404, request.url.path)
        return call


def checked_numbers(exchange: Exchange, form: Form) -> tuple[str, str]:
    """`To` and `From`, refused as Twilio does: 21201, 21211, 21213, 21212, 21210."""
    to, from_ = form.get("To"), form.get("From")
    if not to:
        raise RestRefusal(21201)
    if not is_phone_number(to):
        raise RestRefusal(21211, to)
    if not from_:
        raise RestRefusal(21213)
    if not is_phone_number(from_):
        raise RestRefusal(21212, from_)
    owned = exchange.numbers.by_e164(from_) is not None
    if not owned and from_ not in exchange.options.verified_numbers:
        raise RestRefusal(21210, from_)
    return to, from_


def status_callbacks(form: Form) -> Callbacks:
    """Where a call's progress is to be reported; without events only its end."""
    events = frozenset(" ".join(form.all("StatusCallbackEvent")).split())
    return Callbacks(
        url=form.url("StatusCallback", 21609),
        method=form.method("StatusCallbackMethod"),
        events=events or frozenset({"completed"}),
    )


def _source(form: Form) -> Source | None:
    """`Twiml` or `Url`; None when there is neither."""
    twiml = form.get("Twiml")
    if twiml:
        if len(twiml) > _TWIML_LIMIT:
            raise RestRefusal(32018)
        return Inline(twiml)
    if form.get("ApplicationSid"):
        raise RestRefusal(21218, form.get("ApplicationSid"))
    url = form.url("Url", 21205)
    return Fetch(url, form.method("Method")) if url else None


def _fallback(form: Form) -> tuple[str, str] | None:
    url = form.url("FallbackUrl", 21205)
    return (url, form.method("FallbackMethod")) if url else None


def _detection(form: Form) -> Detection | None:
    if form.get("MachineDetection") not in ("Enable", "DetectMessageEnd"):
        return None
    return Detection(
        asynchronous=form.flag("AsyncAmd"),
        callback=form.url("AsyncAmdStatusCallback", 21609),
        method=form.method("AsyncAmdStatusCallbackMethod"),
    )


def _matches(call: TwinCall, query: dict[str, str]) -> bool:
    facts = {
        "To": call.identity.to,
        "From": call.identity.from_,
        "Status": call.status,
        "ParentCallSid": call.identity.parent_sid,
    }
    return all(query[name] == fact for name, fact in facts.items() if query.get(name)) and (
        _in_time(call, query)
    )


def _in_time(call: TwinCall, query: dict[str, str]) -> bool:
    at = call.answered_at or call.created_at
    after, before, on = (query.get(f"StartTime{sign}") for sign in (">", "<", ""))
    return (
        (not after or at >= _moment(after))
        and (not before or at <= _moment(before))
        and (not on or at.date() == _moment(on).date())
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RestRefusal(20001, f"StartTime {text}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
