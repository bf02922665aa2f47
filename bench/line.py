"""The audio path of one call for `bench.scenarios`: from one real socket to the other.

Between them stands what every frame passes in a call; what decides about it (agents, turns,
records) does not. And beside it the same way through the floor.
"""

from __future__ import annotations

import json
from typing import Any

from picows import WSFrame, WSMsgType, WSTransport, ws_connect
from picows.picows import _make_test_ws_frame

from bench import rawrelay
from gateway.call.carrier import CarrierSocket
from gateway.call.inbound import Inbound, Microphone
from gateway.call.link import Dialler, ModelLink
from gateway.call.outbound import Outbound
from gateway.call.vitals import Vitals
from gateway.core import realtime
from gateway.core.ledger import Item
from gateway.core.mediastreams import Media, Start
from gateway.core.pacing import Pacing

STREAM_SID = "MZ00000000000000000000000000000001"


def text(message: bytes) -> WSFrame:
    """A text frame as picows gives it to a listener."""
    return _make_test_ws_frame(WSMsgType.TEXT, message, True, False)


class Line:
    """The audio path of one call, both its sockets real, without what decides about it."""

    def __init__(self, *, measured: bool = False) -> None:
        self.carrier = CarrierSocket(self)
        self.from_carrier: WSTransport
        self.link: ModelLink
        self.from_model: WSTransport
        self.out = Outbound(Pacing(), self._started, self._over)
        self._in = Inbound()
        vitals = Vitals(share=1.0 if measured else 0.0)
        self._microphone = Microphone(self._in.frame, vitals)

    @classmethod
    async def connected(cls, port: int, *, measured: bool = False) -> Line:
        """Both sockets up, the stream open; ``measured``: every frame is, not a share of them."""
        line, url = cls(measured=measured), f"ws://127.0.0.1:{port}/"
        line.from_carrier, _ = await ws_connect(lambda: line.carrier, url)
        dialler = Dialler(connect_timeout_s=60.0, ping_interval_s=600.0)
        line.link = await dialler.dial(url, {}, line)
        line.from_model = line.link._transport  # type: ignore[assignment]
        line.carrier.on_ws_frame(line.from_carrier, text(json.dumps(_start()).encode()))
        return line

    # The carrier's side

    def admit(self, start: Start, socket: CarrierSocket) -> Line:
        self._microphone.start()
        self._in.open(self.link.write)
        self.out.attach(socket, start.stream_sid)
        return self

    def rejected(self, reason: str) -> None:
        raise RuntimeError(reason)

    def carrier_frame(self, frame: Media, read_at: float) -> None:
        self.out.ledger.playout.frame(frame.timestamp_ms, read_at)
        self._microphone.frame(frame, read_at)

    def carrier_mark(self, name: str) -> None:
        self.out.mark_returned(name)

    def carrier_digit(self, digit: str) -> None:
        raise RuntimeError(digit)

    def carrier_oddity(self, kind: str) -> None:
        raise RuntimeError(kind)

    def carrier_gone(self, _: str) -> None:
        self.out.detach()

    # The model's side

    def model_frame(self, frame: bytes) -> bool:
        event = realtime.decode(realtime.kind(frame) or "", frame)
        if isinstance(event, realtime.AudioDelta):
            item = self.out.ledger.item(event.item_id, event.content_index, event.response_id)
            self.out.play(item, event.audio)
        return False

    def model_configured(self) -> None:
        """No SDK, no `session.update`."""

    def model_closed(self) -> None:
        """The process ends with it."""

    def _started(self, _: Item, _sent_at: float, _heard_at: float) -> None:
        """Turns are not measured here."""

    def _over(self, _: Item) -> None:
        """Nor written down."""


def _start() -> dict[str, Any]:
    start = {
        "accountSid": "AC1",
        "streamSid": STREAM_SID,
        "callSid": "CA1",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {},
    }
    return {"event": "start", "sequenceNumber": "1", "start": start, "streamSid": STREAM_SID}


class Spliced:
    """The floor's two ends, connected to the same kind of peer."""

    def __init__(self) -> None:
        self.carrier = rawrelay.Carrier(self._dial)
        self.model = rawrelay.Model(self.carrier)
        self.from_carrier: WSTransport
        self.from_model: WSTransport

    @classmethod
    async def connected(cls, port: int) -> Spliced:
        """Both sockets up, the stream open."""
        spliced, url = cls(), f"ws://127.0.0.1:{port}/"
        spliced.from_carrier, _ = await ws_connect(lambda: spliced.carrier, url)
        spliced.carrier.open(STREAM_SID.encode())
        spliced.from_model, _ = await ws_connect(lambda: spliced.model, url)
        return spliced

    async def _dial(self, _: rawrelay.Carrier) -> None:
        raise RuntimeError("the stream is opened by hand")
