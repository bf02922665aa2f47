"""What `bench.instructions` counts: the work of the audio path, so many times, in one process.

    python -m bench.scenarios NAME COUNT PORT

What is worked on is made before, the same for every COUNT, so the difference of two counts is the
work alone. Some scenarios go from one real socket to the other (`bench.line`): messages are given
to the read callbacks as picows would, and what is written goes to a server on PORT that throws it
away.
"""

from __future__ import annotations

import argparse
import binascii
import gc
from collections.abc import Awaitable, Callable

import uvloop

from gateway.core import commands, mediastreams, realtime
from gateway.core.ledger import PlaybackLedger
from gateway.core.pacing import Pacing

MADE = 200
"""Messages made before, used in turn."""
FRAME = bytes(range(160))
DELTA = bytes(1600)
STREAM_SID = "MZ00000000000000000000000000000001"

Work = Callable[[int], object]
"""Does it once; called with 0, 1, 2 …"""


def media(number: int) -> bytes:
    """The carrier's message with frame `number` of a call."""
    return (
        b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d",'
        b'"timestamp":"%d","payload":"%b"},"streamSid":"%b"}'
        % (
            number + 2,
            number + 1,
            155 + 20 * number,
            binascii.b2a_base64(FRAME, newline=False),
            STREAM_SID.encode(),
        )
    )


def delta(number: int) -> bytes:
    """The model's message with piece `number` (200 ms) of an answer."""
    return (
        b'{"type":"response.output_audio.delta","event_id":"event_%d","response_id":"resp_1",'
        b'"item_id":"item_1","output_index":0,"content_index":0,"delta":"%b"}'
        % (number, binascii.b2a_base64(DELTA, newline=False))
    )


async def empty(_: int) -> Work:
    """The loop itself."""
    return lambda _: None


async def decode_frame(_: int) -> Work:
    """The carrier's message read."""
    made = [media(number) for number in range(MADE)]
    return lambda n: mediastreams.decode(made[n % MADE])


async def append_frame(_: int) -> Work:
    """A frame written for the model."""
    return lambda _: commands.append(FRAME)


async def decode_delta(_: int) -> Work:
    """200 ms of the model's audio named and read."""
    made = [delta(number) for number in range(MADE)]

    def once(n: int) -> object:
        message = made[n % MADE]
        return realtime.decode(realtime.kind(message) or "", message)

    return once


async def write_media(_: int) -> Work:
    """200 ms of audio written for the carrier, with its mark."""
    encoder = mediastreams.Outbound(STREAM_SID)

    def once(n: int) -> object:
        return encoder.media(DELTA), encoder.mark(f"g0:{n}")

    return once


async def play_delta(_: int) -> Work:
    """200 ms through ledger and pacing: received, granted, sent, marked, heard."""
    ledger, pacing = PlaybackLedger(), Pacing()
    item = ledger.item("item_1", 0, "resp_1")

    def once(n: int) -> None:
        now = 0.2 * n
        ledger.receive(item, DELTA)
        granted = pacing.grant(ledger.playout.ahead_ms(now), ledger.sendable())
        ledger.take(granted, now)
        ledger.playout.mark_returned(ledger.playout.mark_sent(now), now + 0.2)
        ledger.settle(now + 0.2)

    return once


async def inbound(port: int) -> Work:
    """A frame from the carrier's socket to the model's."""
    from bench.line import Line, text

    line = await Line.connected(port)
    made = [text(media(number)) for number in range(MADE)]
    return lambda n: line.carrier.on_ws_frame(line.from_carrier, made[n % MADE])


async def measured(port: int) -> Work:
    """The same in a half second that is measured: of each stream one in eight."""
    from bench.line import Line, text

    line = await Line.connected(port, measured=True)
    made = [text(media(number)) for number in range(MADE)]
    return lambda n: line.carrier.on_ws_frame(line.from_carrier, made[n % MADE])


async def outbound(port: int) -> Work:
    """An answer's first 200 ms from the model's socket to the carrier's, then cut off."""
    from bench.line import Line, text

    line = await Line.connected(port)
    made = [text(delta(number)) for number in range(MADE)]

    def once(n: int) -> None:
        line.link.on_ws_frame(line.from_model, made[n % MADE])
        line.out.clear()

    return once


async def relay_inbound(port: int) -> Work:
    """A frame from the carrier's socket to the model's, through the floor."""
    from bench.line import Spliced, text

    relay = await Spliced.connected(port)
    made = [text(media(number)) for number in range(MADE)]
    return lambda n: relay.carrier.on_ws_frame(relay.from_carrier, made[n % MADE])


async def relay_outbound(port: int) -> Work:
    """200 ms from the model's socket to the carrier's through the floor, then a `clear`."""
    from bench.line import Spliced, text

    relay = await Spliced.connected(port)
    made = [text(delta(number)) for number in range(MADE)]
    speech = text(b'{"type":"input_audio_buffer.speech_started","event_id":"event_1"}')

    def once(n: int) -> None:
        relay.model.on_ws_frame(relay.from_model, made[n % MADE])
        relay.model.on_ws_frame(relay.from_model, speech)

    return once


SCENARIOS: dict[str, Callable[[int], Awaitable[Work]]] = {
    "empty": empty,
    "decode-frame": decode_frame,
    "append-frame": append_frame,
    "decode-delta": decode_delta,
    "write-media": write_media,
    "play-delta": play_delta,
    "inbound": inbound,
    "measured-inbound": measured,
    "outbound": outbound,
    "relay-inbound": relay_inbound,
    "relay-outbound": relay_outbound,
}


async def work(name: str, count: int, port: int) -> None:
    """Does a scenario `count` times, without the collector and without giving way."""
    once = await SCENARIOS[name](port)
    gc.collect()
    gc.disable()
    for n in range(count):
        once(n)
    gc.enable()


def main() -> None:
    """Exit 2 for a scenario that does not exist."""
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios", description=__doc__)
    parser.add_argument("name", choices=SCENARIOS)
    parser.add_argument("count", type=int)
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    uvloop.run(work(options.name, options.count, options.port))


if __name__ == "__main__":
    main()
