"""``/api/live/calls/{call_sid}/…``: what an operator does with a call that is on the line.

Each says clearly why it cannot be done, and tells the audit trail who did it; never what was said.
"""

from typing import Annotated, Any, TypeVar

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.call import supervision
from gateway.call.call import Call
from gateway.call.context import Destination
from gateway.call.registry import Registry
from gateway.call.supervision import MAX_WHISPER_CHARS, NotNow, Unreachable
from gateway.call.transfer import OPERATOR
from gateway.call.transfertool import MAX_SUMMARY_CHARS, shortened
from gateway.core.callee import Refusal
from gateway.core.direction import SOFTPHONE
from gateway.ops.placing.book import DATABASE_FAULTS
from gateway.ops.placing.placing import Placing
from gateway.ops.rest import CARRIER_FAULTS
from gateway.store.audit import AuditLog
from gateway.web.api.answers import answered, body_of
from gateway.web.api.endpoint import Endpoint, Who, who_asks

SUMMARY = "You asked to take over a call from its agent."
"""What whoever takes over hears first, if nobody said anything better."""
_ONE_OF = 'expected {"number": "+E164"} or {"destination": "a key of the route\'s directory"}'
_NO_CARRIER = "this gateway has no carrier that could ring somebody"

T = TypeVar("T")

_log = structlog.get_logger()


class Whisper(msgspec.Struct, forbid_unknown_fields=True):
    """What the agent is to be told."""

    text: str
    answer: bool = False


class TakeOver(msgspec.Struct, forbid_unknown_fields=True):
    """Who wants the caller: by number, or by a key of the route's directory."""

    number: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    destination: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    summary: Annotated[str, msgspec.Meta(max_length=MAX_SUMMARY_CHARS)] = ""


class Whispering(msgspec.Struct):
    """What comes of it."""

    call_sid: str
    answer: supervision.Answer


class TakingOver(msgspec.Struct):
    """Who is rung, while the caller waits."""

    call_sid: str
    destination: str
    state: str


class HungUp(msgspec.Struct):
    """Why the call ends."""

    call_sid: str
    reason: str


class SupervisionHandlers:
    """Whisper, take over, hang up."""

    def __init__(self, registry: Registry, placing: Placing | None, audit: AuditLog | None) -> None:
        """``placing`` = None: no number is rung that is in no directory."""
        self._registry = registry
        self._placing = placing
        self._audit = audit

    def endpoints(self) -> list[Endpoint]:
        """The addresses."""
        call = "/api/live/calls/{call_sid}"
        return [
            Endpoint(
                "POST",
                f"{call}/whisper",
                "operator",
                self.whisper,
                "Tells the agent something that the caller does not hear",
                body=Whisper,
                answer=Whispering,
            ),
            Endpoint(
                "POST",
                f"{call}/take-over",
                "operator",
                self.take_over,
                "Puts the caller on hold and rings somebody who takes the call from the agent",
                body=TakeOver,
                answer=TakingOver,
            ),
            Endpoint(
                "POST",
                f"{call}/hang-up",
                "operator",
                self.hang_up,
                "Ends the call now",
                answer=HungUp,
            ),
        ]

    async def whisper(self, request: Request) -> dict[str, Any]:
        """Adds an instruction to the model's conversation."""
        call, who = self._call(request), who_asks(request)
        asked = _body(await body_of(request), Whisper)
        text = asked.text.strip()
        if not 1 <= len(text) <= MAX_WHISPER_CHARS:
            raise HTTPException(422, f"`text` has 1 to {MAX_WHISPER_CHARS} characters")
        try:
            answer = supervision.whisper(call, who.name, text, answer=asked.answer)
        except NotNow as error:
            raise HTTPException(409, str(error)) from None
        self._note(who, "whisper", call)
        return {"call_sid": call.offer.call_sid, "answer": answer}

    async def take_over(self, request: Request) -> Any:
        """Rings whoever wants the caller, who waits on the line meanwhile."""
        call, who = self._call(request), who_asks(request)
        asked = _body(await body_of(request), TakeOver)
        if (asked.number is None) == (asked.destination is None):
            raise HTTPException(422, _ONE_OF)
        summary = shortened(asked.summary) or SUMMARY
        found = await self._destination(call, asked)
        if isinstance(found, Response):
            return found
        key, destination = found
        try:
            supervision.take_over(call, key, destination, summary)
        except NotNow as error:
            raise HTTPException(409, str(error)) from None
        except Unreachable as error:
            raise HTTPException(503, str(error)) from None
        self._note(who, "take_over", call, key)
        return {"call_sid": call.offer.call_sid, "destination": key, "state": call.state}

    async def hang_up(self, request: Request) -> dict[str, Any]:
        """Ends the call now; the agent is cut off."""
        call, who = self._call(request), who_asks(request)
        if body := await body_of(request):
            _body(body, _Nothing)
        try:
            streams = supervision.hang_up(call)
        except NotNow as error:
            raise HTTPException(409, str(error)) from None
        self._note(who, "hang_up", call)
        at_carrier = not streams and call.offer.direction != SOFTPHONE
        if at_carrier and self._placing is not None:
            await self._end_at_carrier(self._placing, call.offer.call_sid)
        return {"call_sid": call.offer.call_sid, "reason": supervision.HUNG_UP}

    # Inside

    def _call(self, request: Request) -> Call:
        call = self._registry.get(request.path_params["call_sid"])
        if call is None:
            raise HTTPException(404, "there is no live call with this ID")
        return call

    async def _destination(self, call: Call, asked: TakeOver) -> tuple[str, Destination] | Response:
        """Where to ring, by its key; or why that number is not rung."""
        directory = call.plan.route.directory
        if asked.destination is not None:
            if asked.destination not in directory:
                known = ", ".join(directory) or "nobody: it is empty"
                raise HTTPException(422, f"`destination` is in no directory here ({known})")
            return asked.destination, directory[asked.destination]
        number = asked.number or ""
        for key, each in directory.items():
            if each.number == number.strip():
                return key, each
        if self._placing is None:
            raise HTTPException(503, _NO_CARRIER)
        try:
            callee = await self._placing.judge.callee(number)
        except DATABASE_FAULTS:
            raise HTTPException(503, "the database does not answer: nobody was rung") from None
        if isinstance(callee, Refusal):
            error = f"`number`: {callee.text}"
            said = {"error": error, "rule": callee.rule, "setting": callee.setting or None}
            return answered(said, 429 if callee.passes else 422)
        return OPERATOR, Destination(callee.number)

    def _note(self, who: Who, action: str, call: Call, detail: str = "") -> None:
        if self._audit is not None:
            self._audit.note(who, action, call_sid=call.offer.call_sid, detail=detail)

    async def _end_at_carrier(self, placing: Placing, call_sid: str) -> None:
        try:
            await placing.endings.call(call_sid, None)
        except CARRIER_FAULTS as error:
            _log.warning("call.not_hung_up", call_sid=call_sid, error=type(error).__name__)
            raise HTTPException(502, f"the agent has left, the caller may not: {error}") from None


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An empty object."""


def _body(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except ValueError as error:
        raise HTTPException(400, f"{error}; see docs/supervision.md") from None
