"""``/api/phone``: talking to an agent without a phone.

Whoever may act on calls asks for one, and opens a socket that speaks the carrier's own Media
Streams: from there on it is a call like any other. What a carrier asks between two streams of a
call (the actions of ``<Connect>`` and ``<Dial>``) is asked here, too.
"""

import os
import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from gateway.call.call import Call, Offer
from gateway.call.reception import Reception, SoftphoneDoor
from gateway.core.direction import SOFTPHONE
from gateway.errors import Rejected
from gateway.settings import Settings
from gateway.store.audit import AuditLog
from gateway.web.api.answers import answered, body_of
from gateway.web.api.endpoint import Endpoint, Socket, Who, who_asks
from gateway.web.media import Streams
from gateway.web.onward import Over, after_dial, after_stream
from gateway.web.sockets import PHONE_PATH

OURS = "client:gateway"
"""What a softphone calls that names none of our numbers."""
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._@+-]")
_LONGEST_NAME = 64
_NO_ROOM = {
    "draining": (503, "the gateway is going to end: it takes no more calls"),
    "capacity": (503, "the gateway is full: GATEWAY_MAX_CALLS calls are on the line"),
    "overloaded": (503, "the gateway has more to do than it can: its loop is late"),
    "route_capacity": (429, "the route is full: its max_calls are on the line"),
    "spend_limit": (429, "nothing may be spent any more today, see docs/configuration.md"),
}
_NONE = "there is no call of a softphone with this CallSid"

T = TypeVar("T")


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """Who is to be talked to."""

    agent: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    """Instead of the route's agent."""
    called: Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = None
    """Which of our numbers it is as if it were called: that number's route; null = the default."""


class Placed(msgspec.Struct):
    """A call that waits for its stream."""

    call_sid: str
    stream_sid: str
    account_sid: str
    ticket: str


class After(msgspec.Struct, forbid_unknown_fields=True):
    """What is over, and how."""

    after: Literal["stream", "dial"]
    there: bool = True
    """False: the person hung up."""
    status: Literal["completed", "answered", "busy", "no-answer", "failed", "canceled"] | None = (
        None
    )
    """Of a dial."""


class Onward(msgspec.Struct, omit_defaults=True):
    """What a carrier would be told to do now."""

    do: Literal["connect", "dial", "hangup"]
    ticket: str = ""
    """Connect: another stream to the same call."""
    stream_sid: str = ""
    destination: str = ""
    """Dial: whom, by their key in the directory; the number is nobody's business."""
    description: str = ""
    timeout_s: int = 0
    """So long it would ring."""
    say: str = ""
    """Hangup: what the caller has not been told."""


class PhoneHandlers:
    """The softphone's addresses."""

    def __init__(
        self, settings: Settings, reception: Reception, audit: AuditLog | None = None
    ) -> None:
        self._account = settings.twilio_account_sid or "AC" + "0" * 32
        self._reception = reception
        self._audit = audit
        self._streams = Streams(SoftphoneDoor(reception), settings.start_timeout_s)

    def endpoints(self) -> list[Endpoint | Socket]:
        """The addresses."""
        onward = f"{PHONE_PATH}/{{call_sid}}/next"
        return [
            Endpoint(
                "POST",
                PHONE_PATH,
                "operator",
                self.call,
                "Calls an agent without a phone",
                body=Wanted,
                answer=Placed,
            ),
            Endpoint(
                "POST",
                onward,
                "operator",
                self.next,
                "What comes after a stream of such a call, or a dial",
                body=After,
                answer=Onward,
            ),
            Socket(PHONE_PATH, "operator", self.stream, "The audio, as Twilio Media Streams"),
        ]

    async def call(self, request: Request) -> Response:
        """A call whose model is being dialled; 201 with what opens its stream."""
        wanted = _decoded(await body_of(request) or b"{}", Wanted)
        who = who_asks(request)
        offer = Offer(
            call_sid="CA" + os.urandom(16).hex(),
            account_sid=self._account,
            caller=f"client:{_NOT_PLAIN.sub('_', who.name[:_LONGEST_NAME])}",
            called=wanted.called or OURS,
            direction=SOFTPHONE,
            agent=wanted.agent or "",
        )
        try:
            call = self._reception.offer(offer)
        except Rejected as refusal:
            raise _refused(refusal) from None
        if self._audit is not None:
            self._audit.note(who, "phone.call", call_sid=offer.call_sid, detail=call.plan.name)
        placed = Placed(offer.call_sid, _stream_sid(), self._account, call.ticket)
        return answered(msgspec.to_builtins(placed), 201)

    async def stream(self, websocket: WebSocket, _who: Who) -> None:
        """The audio of one call: who presents its ticket has it."""
        await self._streams.serve(websocket)

    async def next(self, request: Request) -> dict[str, Any]:
        """What a carrier would be told to do now: connect again, dial, hang up."""
        after = _decoded(await body_of(request), After)
        if (after.after == "dial") is (after.status is None):
            raise HTTPException(400, "`status` is how a dial ended, and belongs to no stream")
        call_sid = request.path_params["call_sid"]
        call = self._reception.registry.get(call_sid)
        known = call is not None or self._reception.outcome(call_sid) is not None
        if not known or (call is not None and call.offer.direction != SOFTPHONE):
            raise HTTPException(404, _NONE)
        if after.status is None:
            onward = after_stream(self._reception, call_sid, there=after.there)
        else:
            onward = after_dial(self._reception, call_sid, after.status, there=after.there)
        if isinstance(onward, Call):
            told = Onward("connect", ticket=onward.ticket, stream_sid=_stream_sid())
        elif isinstance(onward, Over):
            told = Onward("hangup", say=onward.say)
        else:
            assert call is not None
            told = _dial(call)
        found: dict[str, Any] = msgspec.to_builtins(told)
        return found


def _dial(call: Call) -> Onward:
    key = call.transfer.key or ""
    found = call.plan.route.directory[key]
    return Onward("dial", destination=key, description=found.description, timeout_s=found.timeout_s)


def _stream_sid() -> str:
    return "MZ" + os.urandom(16).hex()


def _refused(refusal: Rejected) -> HTTPException:
    if refusal.reason in _NO_ROOM:
        return HTTPException(*_NO_ROOM[refusal.reason])
    return HTTPException(422, str(refusal.__cause__ or refusal.reason))


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except ValueError as error:
        raise HTTPException(400, f"{error}; see docs/softphone.md") from None
