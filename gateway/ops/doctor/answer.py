"""The TwiML a call is answered with, as the carrier reads it."""

from dataclasses import dataclass, field
from xml.etree import ElementTree

from gateway.ops.doctor.carrier import Answer
from gateway.ops.doctor.finding import Wrong

_TYPES = ("text/xml", "application/xml")


@dataclass(frozen=True, slots=True)
class Stream:
    """The stream a call is connected to."""

    url: str
    action: str
    """Asked for TwiML when the stream is over."""
    parameters: dict[str, str] = field(default_factory=dict, repr=False)


def verbs_of(answer: Answer) -> list[ElementTree.Element]:
    """The verbs of an answer. Raises Wrong for what the carrier would not take as TwiML."""
    kind = answer.headers.get("content-type", "")
    if answer.status != 200:
        raise Wrong(
            f"the webhook is answered HTTP {answer.status}: {answer.words!r}",
            "see the gateway's log",
        )
    if kind.partition(";")[0].strip() not in _TYPES:
        raise Wrong(
            f"the webhook is answered with {kind or 'no content type'}, not with TwiML (12300)",
            "let the proxy pass the gateway's answers on unchanged",
        )
    try:
        document = ElementTree.fromstring(answer.body)
    except ElementTree.ParseError as error:
        raise Wrong(
            f"the answer to the webhook is no XML: {error} (12100)",
            "let the proxy pass the gateway's answers on unchanged",
        ) from None
    if document.tag != "Response":
        raise Wrong(f"the answer is <{document.tag}>, not TwiML", "see what answers there")
    return list(document)


def stream_of(answer: Answer, expected_url: str) -> Stream:
    """Where a new call is connected to. Raises Wrong when it is refused, or sent elsewhere."""
    verbs = verbs_of(answer)
    first = verbs[0] if verbs else ElementTree.Element("nothing")
    stream = first.find("Stream") if first.tag == "Connect" else None
    if stream is None:
        raise _not_connected(first)
    url = stream.get("url", "")
    if url != expected_url:
        raise Wrong(
            f"calls are connected to {url}, which is not {expected_url}: the gateway runs with "
            "another GATEWAY_PUBLIC_URL",
            "restart `gateway serve` with this GATEWAY_PUBLIC_URL",
        )
    parameters = {each.get("name", ""): each.get("value", "") for each in stream.iter("Parameter")}
    return Stream(url, first.get("action", ""), parameters)


def _not_connected(first: ElementTree.Element) -> Wrong:
    if first.tag == "Reject":
        return Wrong(
            "callers hear busy: the gateway takes no call just now",
            "see `rejected` in its log: a limit of the route (max_calls) or of spending is reached",
        )
    if first.tag == "Say":
        return Wrong(
            f"callers are told {(first.text or '').strip()!r} and hung up on",
            "see `rejected` and `agent.broken` in the gateway's log",
        )
    return Wrong(
        f"the call is answered with <{first.tag}>, not <Connect>", "see what answers there"
    )
