"""What the carrier asks before and after a stream: the voice webhook, and `<Connect action>`.

Pure but for the requests themselves, which are the twin's (`gateway.sim.twilio.webhooks`): signed,
with Twilio's time limits, and as strict.
"""

from dataclasses import dataclass, field
from urllib.parse import urljoin

from gateway.ops.load.record import Failure
from gateway.sim.twilio.debugger import HTTP_CONNECT_FAILED, TwilioFault
from gateway.sim.twilio.twiml import Document, Verb, parse
from gateway.sim.twilio.upgrade import stream_url
from gateway.sim.twilio.webhooks import Pairs, Webhooks

_PASSED_OVER = frozenset({"Say", "Play", "Pause"})


class Refused(Exception):
    """A call that never got to its stream: why, in one word and in many."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Connection:
    """What the TwiML asks for."""

    url: str
    action: str
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls whom."""

    account_sid: str
    call_sid: str
    from_: str
    to: str

    def pairs(self, status: str) -> Pairs:
        """The form of a voice request, in Twilio's order."""
        fields = {
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": self.call_sid,
            "CallStatus": status,
            "Called": self.to,
            "Caller": self.from_,
            "Direction": "inbound",
            "From": self.from_,
            "To": self.to,
        }
        return tuple(sorted(fields.items()))


async def announce(webhooks: Webhooks, url: str, caller: Caller) -> Connection:
    """Asks the voice webhook for its stream. Raises Refused."""
    try:
        answer = await webhooks.fetch(caller.call_sid, url, caller.pairs("ringing"))
    except TwilioFault as fault:
        unreachable = fault.code == HTTP_CONNECT_FAILED or "answered" not in fault.detail
        failure: Failure = "webhook_unreachable" if unreachable else "webhook_status"
        raise Refused(failure, fault.detail) from None
    try:
        document = parse(answer.body, answer.content_type)
    except TwilioFault as fault:
        raise Refused("twiml", str(fault)) from None
    return connection_of(document, url)


def connection_of(document: Document, base: str) -> Connection:
    """The stream of a document; what is said or played before it takes no time here.

    Raises Refused for anything else: `busy` when the call is turned away.
    """
    for verb in document.verbs:
        if verb.name in ("Reject", "Hangup"):
            raise Refused("busy", f"<{verb.name}> {verb.get('reason')}".strip())
        if verb.name == "Connect":
            return _connection(verb, base)
        if verb.name not in _PASSED_OVER:
            break
    named = ", ".join(f"<{verb.name}>" for verb in document.verbs) or "nothing"
    raise Refused("twiml", f"no <Connect><Stream>: {named}")


def _connection(verb: Verb, base: str) -> Connection:
    stream = next((child for child in verb.children if child.name == "Stream"), None)
    if stream is None:
        raise Refused("twiml", "there is no <Stream> in <Connect>")
    try:
        url = stream_url(stream.get("url"))
    except TwilioFault as fault:
        raise Refused("stream_url", str(fault)) from None
    parameters = {child.get("name"): child.get("value") for child in stream.children}
    action = verb.get("action")
    return Connection(url, urljoin(base, action) if action else "", parameters)


async def move_on(webhooks: Webhooks, action: str, caller: Caller, *, there: bool) -> Document:
    """Tells the gateway that the stream is over, and whether the caller is still on the line.

    What it says comes next; nobody follows it. Raises Refused.
    """
    pairs = caller.pairs("in-progress" if there else "completed")
    try:
        answer = await webhooks.fetch(caller.call_sid, action, pairs)
        return parse(answer.body, answer.content_type)
    except TwilioFault as fault:
        raise Refused("action_failed", str(fault)) from None
