"""The carrier's side of Media Streams: what it sends, and what it takes, strictly.

Twilio logs error 31951 and ignores a message with a missing or an extra field, so nothing here is
forgiven (docs, "Media Streams - WebSocket messages").
"""

import json
from base64 import b64encode
from typing import Final

import msgspec

from gateway.errors import CarrierProtocolError

CONNECTED: Final = json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})
FIRST_TIMESTAMP_MS: Final = 155
"""Of the first frame in a real trace; never 0."""


class Mouth:
    """Writes the messages of one stream, with its running numbers."""

    def __init__(self, account_sid: str, call_sid: str, stream_sid: str) -> None:
        self._account_sid = account_sid
        self._call_sid = call_sid
        self._stream_sid = stream_sid
        self._sequence = 0
        self._chunk = 0

    def start(self, parameters: dict[str, str]) -> str:
        """The message that names the stream and brings the parameters of its TwiML."""
        start = {
            "accountSid": self._account_sid,
            "streamSid": self._stream_sid,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        }
        return self._message("start", {"start": start})

    def media(self, payload: bytes) -> str:
        """20 ms of the caller."""
        self._chunk += 1
        timestamp_ms = FIRST_TIMESTAMP_MS + 20 * (self._chunk - 1)
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(timestamp_ms),
            "payload": b64encode(payload).decode(),
        }
        return self._message("media", {"media": media})

    def mark(self, name: str) -> str:
        """A mark comes back."""
        return self._message("mark", {"mark": {"name": name}})

    def stop(self) -> str:
        """The caller has hung up."""
        stop = {"accountSid": self._account_sid, "callSid": self._call_sid}
        return self._message("stop", {"stop": stop})

    def _message(self, event: str, content: dict[str, object]) -> str:
        self._sequence += 1
        head = {"event": event, "sequenceNumber": str(self._sequence)}
        return json.dumps({**head, **content, "streamSid": self._stream_sid})


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    payload: bytes


class _Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class Media(
    msgspec.Struct, frozen=True, tag_field="event", tag="media", forbid_unknown_fields=True
):
    """Audio to be played."""

    stream_sid: str = msgspec.field(name="streamSid")
    media: _Payload


class Mark(msgspec.Struct, frozen=True, tag_field="event", tag="mark", forbid_unknown_fields=True):
    """To be returned when what was sent before it is played."""

    stream_sid: str = msgspec.field(name="streamSid")
    mark: _Name


class Clear(
    msgspec.Struct, frozen=True, tag_field="event", tag="clear", forbid_unknown_fields=True
):
    """What is not played yet is thrown away."""

    stream_sid: str = msgspec.field(name="streamSid")


_decode: Final = msgspec.json.Decoder(Media | Mark | Clear).decode


def read(message: str | bytes, stream_sid: str) -> Media | Mark | Clear:
    """A message to the carrier. Raises CarrierProtocolError with Twilio's own number for it."""
    if isinstance(message, bytes):
        raise CarrierProtocolError("31950", "a binary frame")
    try:
        found: Media | Mark | Clear = _decode(message)
    except msgspec.DecodeError as error:
        raise CarrierProtocolError("31951", str(error)) from None
    if found.stream_sid != stream_sid:
        raise CarrierProtocolError("31951", "another streamSid than that of start")
    if isinstance(found, Media) and not found.media.payload:
        raise CarrierProtocolError("31951", "a payload of nothing")
    return found
