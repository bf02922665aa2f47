"""Owns the reading of TwiML: from an answer's bytes to verbs, with the refusals Twilio has for bad
ones.

Pure. The schema covers the verbs this twin carries out (`VERBS`); attributes and elements it does
not know are warned of (12200) and ignored, as Twilio does. https://www.twilio.com/docs/voice/twiml
"""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Final

from gateway.sim.twilio.debugger import (
    TWIML_CONTENT_TYPE,
    TWIML_NOT_XML,
    TWIML_SCHEMA,
    TWIML_TOO_LARGE,
    TWIN_UNSUPPORTED,
    TwilioFault,
)

MAX_BYTES: Final = 64 * 1024
_CONTENT_TYPES: Final = frozenset({"text/xml", "application/xml"})

_SAY: Final = frozenset({"voice", "language", "loop"})
_PLAY: Final = frozenset({"loop", "digits"})
_CALLBACK: Final = frozenset({"statusCallback", "statusCallbackEvent", "statusCallbackMethod"})

VERBS: Final[dict[str, frozenset[str]]] = {
    "Connect": frozenset({"action", "method"}),
    "Dial": frozenset(
        {"action", "method", "timeout", "callerId", "answerOnBridge", "timeLimit", "hangupOnStar"}
    ),
    "Gather": frozenset(
        {
            "action",
            "method",
            "input",
            "numDigits",
            "timeout",
            "finishOnKey",
            "actionOnEmptyResult",
            "language",
        }
    ),
    "Hangup": frozenset(),
    "Pause": frozenset({"length"}),
    "Play": _PLAY,
    "Redirect": frozenset({"method"}),
    "Reject": frozenset({"reason"}),
    "Say": _SAY,
}
"""The verbs this twin carries out, each with its attributes."""

_NOUNS: Final[dict[str, dict[str, frozenset[str]]]] = {
    "Connect": {
        "Stream": frozenset({"name", "url", "track", "statusCallback", "statusCallbackMethod"})
    },
    "Stream": {"Parameter": frozenset({"name", "value"})},
    "Dial": {
        "Number": _CALLBACK | {"url", "method", "sendDigits"},
        "Conference": _CALLBACK
        | {
            "muted",
            "beep",
            "startConferenceOnEnter",
            "endConferenceOnExit",
            "waitUrl",
            "waitMethod",
            "maxParticipants",
            "participantLabel",
        },
    },
    "Gather": {"Say": _SAY, "Play": _PLAY, "Pause": frozenset({"length"})},
}

_NOT_MODELLED: Final = frozenset(
    {
        "Enqueue",
        "Leave",
        "Pay",
        "Prompt",
        "Queue",
        "Record",
        "Refer",
        "Siprec",
        "Sip",
        "Client",
        "Application",
        "Sms",
        "Start",
        "Stop",
        "ConversationRelay",
        "Room",
        "Autopilot",
        "VirtualAgent",
    }
)


@dataclass(frozen=True, slots=True)
class Verb:
    """One element: a verb, or a noun inside one."""

    name: str
    attributes: dict[str, str]
    text: str
    children: tuple["Verb", ...]

    def get(self, attribute: str, default: str = "") -> str:
        """An attribute's value."""
        return self.attributes.get(attribute, default)

    def number(self, attribute: str, default: float) -> float:
        """An attribute that is a number not below 0; nonsense counts as absent."""
        try:
            value = float(self.attributes.get(attribute, default))
        except ValueError:
            return default
        return value if value >= 0 else default

    def flag(self, attribute: str, default: bool = False) -> bool:
        """An attribute that is true or false."""
        value = self.attributes.get(attribute)
        return default if value is None else value.lower() == "true"


@dataclass(frozen=True, slots=True)
class Document:
    """A TwiML document: its verbs, and what Twilio would warn of (code, detail)."""

    verbs: tuple[Verb, ...]
    warnings: tuple[tuple[int, str], ...] = ()


def parse(body: bytes, content_type: str) -> Document:
    """Reads an answer. `TwilioFault` 12300 (content type), 11750 (over 64 kB), 12100 (not a TwiML
    document)."""
    if content_type.partition(";")[0].strip().lower() not in _CONTENT_TYPES:
        raise TwilioFault(TWIML_CONTENT_TYPE, f"content type {content_type or '(none)'!r}")
    if len(body) > MAX_BYTES:
        raise TwilioFault(TWIML_TOO_LARGE, f"{len(body)} bytes")
    return parse_text(body)


def parse_text(twiml: bytes | str) -> Document:
    """Reads TwiML that came without an HTTP answer; `TwilioFault` 12100."""
    try:
        root = ET.fromstring(twiml)
    except (ET.ParseError, ValueError) as error:
        raise TwilioFault(TWIML_NOT_XML, str(error)) from error
    if root.tag != "Response":
        raise TwilioFault(TWIML_NOT_XML, f"the root is <{root.tag}>, not <Response>")
    warnings: list[tuple[int, str]] = []
    verbs = _children(root, VERBS, warnings)
    return Document(verbs, tuple(warnings))


def _children(
    parent: ET.Element, schema: dict[str, frozenset[str]], warnings: list[tuple[int, str]]
) -> tuple[Verb, ...]:
    found: list[Verb] = []
    for element in parent:
        if element.tag in schema:
            found.append(_verb(element, schema[element.tag], warnings))
        elif element.tag in _NOT_MODELLED:
            warnings.append((TWIN_UNSUPPORTED, f"<{element.tag}>"))
        else:
            warnings.append((TWIML_SCHEMA, f"<{element.tag}> is not allowed in <{parent.tag}>"))
    return tuple(found)


def _verb(element: ET.Element, attributes: frozenset[str], warnings: list[tuple[int, str]]) -> Verb:
    warnings.extend(
        (TWIML_SCHEMA, f"attribute {name!r} is not allowed in <{element.tag}>")
        for name in element.attrib
        if name not in attributes
    )
    return Verb(
        name=element.tag,
        attributes={k: v for k, v in element.attrib.items() if k in attributes},
        text=(element.text or "").strip(),
        children=_children(element, _NOUNS.get(element.tag, {}), warnings),
    )
