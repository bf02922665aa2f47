"""Owns the Media Streams messages as the carrier's end writes and reads them.

Written from the documentation (https://www.twilio.com/docs/voice/media-streams/websocket-messages)
and not from the gateway's codec, so that one can find the other's mistakes. Pure: text in, text
out. Reading is as strict as Twilio: an unknown type, a missing or an extra field and a foreign
`streamSid` are all error 31951.
"""

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from gateway.sim.twilio.debugger import INVALID_MESSAGE, TwilioFault

_FORMAT: Final = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
_CONTENT: Final[dict[str, tuple[str, str] | None]] = {
    "media": ("media", "payload"),
    "mark": ("mark", "name"),
    "clear": None,
}


@dataclass(frozen=True, slots=True)
class Media:
    """Audio for the caller: raw mu-law, any size."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """A label to be sent back when the audio before it has been heard."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Empty the playout buffer."""


Received = Media | Mark | Clear

CONNECTED: Final = '{"event":"connected","protocol":"Call","version":"1.0.0"}'


class StreamWriter:
    """Writes the messages of one stream; `sequenceNumber` is one counter over all but
    `connected`."""

    def __init__(self, account_sid: str, call_sid: str, stream_sid: str) -> None:
        self._account_sid = account_sid
        self._call_sid = call_sid
        self._stream_sid = stream_sid
        self._sequence = 0

    def start(self, parameters: Mapping[str, str]) -> str:
        """The `start` message; parameter values are strings."""
        start = {
            "accountSid": self._account_sid,
            "streamSid": self._stream_sid,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "mediaFormat": _FORMAT,
            "customParameters": dict(parameters),
        }
        return self._message("start", "start", start)

    def media(self, chunk: int, timestamp_ms: int, payload: bytes) -> str:
        """One frame of caller audio; all numbers are written as strings."""
        self._sequence += 1
        audio = binascii.b2a_base64(payload, newline=False).decode()
        return (
            f'{{"event":"media","sequenceNumber":"{self._sequence}","media":{{"track":"inbound",'
            f'"chunk":"{chunk}","timestamp":"{timestamp_ms}","payload":"{audio}"}},'
            f'"streamSid":"{self._stream_sid}"}}'
        )

    def dtmf(self, digit: str) -> str:
        """One key the caller pressed."""
        return self._message("dtmf", "dtmf", {"track": "inbound_track", "digit": digit})

    def mark(self, name: str) -> str:
        """A mark on its way back."""
        return self._message("mark", "mark", {"name": name})

    def stop(self) -> str:
        """The last message."""
        return self._message(
            "stop", "stop", {"accountSid": self._account_sid, "callSid": self._call_sid}
        )

    def _message(self, event: str, key: str, content: Mapping[str, object]) -> str:
        self._sequence += 1
        message = {
            "event": event,
            "sequenceNumber": str(self._sequence),
            key: content,
            "streamSid": self._stream_sid,
        }
        return json.dumps(message, separators=(",", ":"))


def read(text: str, stream_sid: str) -> Received:
    """What the server sent, or a `TwilioFault` 31951 that says what is wrong with it (never its
    content)."""
    message = _object(_parse(text), "message")
    event = message.get("event")
    if not isinstance(event, str) or event not in _CONTENT:
        _refuse("unknown event type")
    content = _CONTENT[event]
    _exactly(message, {"event", "streamSid", *([content[0]] if content else [])}, "message")
    if message["streamSid"] != stream_sid:
        _refuse("streamSid is not the one of this stream")
    if content is None:
        return Clear()
    key, field = content
    inner = _object(message[key], key)
    _exactly(inner, {field}, key)
    value = inner[field]
    if not isinstance(value, str) or not value:
        _refuse(f"{key}.{field} is not a text with something in it")
    return Mark(value) if event == "mark" else Media(_audio(value))


def _audio(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        _refuse("media.payload is not base64")


def _parse(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_not_json)
    except (ValueError, RecursionError):
        _refuse("not JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a field is there twice")
    return content


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(f"{name} is not an object")
    return value


def _exactly(content: dict[str, Any], fields: set[str], name: str) -> None:
    if missing := sorted(fields - content.keys()):
        _refuse(f"{name} lacks {', '.join(missing)}")
    if len(content) != len(fields):
        _refuse(f"{name} has a field too many")


def _refuse(detail: str) -> NoReturn:
    raise TwilioFault(INVALID_MESSAGE, detail)
