"""What the pure parts cost, in microseconds per call: the best-known way to see a regression early.

The only part of the benchmark that imports the gateway. Medians of several timings (on a shared
machine the spread is large, the median is not).
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from statistics import median
from timeit import Timer

from rich.console import Console
from rich.table import Table

from gateway.core import commands, mediastreams, realtime, transcode
from gateway.core.ledger import PlaybackLedger
from gateway.core.pacing import Pacing

REPEATS = 9
TIMING_S = 0.02
_FRAME = bytes(range(160))
_DELTA = bytes(1600)


def operations() -> dict[str, Callable[[], object]]:
    """What is timed. Each entry may be called any number of times."""
    text = binascii.b2a_base64(_FRAME, newline=False)
    media = (
        b'{"event":"media","sequenceNumber":"37","media":{"track":"inbound","chunk":"36",'
        b'"timestamp":"855","payload":"%b"},"streamSid":"MZ00000000000000000000000000000001"}'
        % text
    )
    delta = (
        b'{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_1",'
        b'"item_id":"item_1","output_index":0,"content_index":0,"delta":"%b"}'
        % binascii.b2a_base64(_DELTA, newline=False)
    )
    outbound = mediastreams.Outbound("MZ00000000000000000000000000000001")
    pacing = Pacing()
    return {
        "carrier: decode a 20 ms frame": lambda: mediastreams.decode(media),
        "model: append a 20 ms frame": lambda: commands.append(_FRAME),
        "model: name and decode a 200 ms delta": lambda: realtime.decode(
            realtime.kind(delta) or "", delta
        ),
        "carrier: write 200 ms of audio": lambda: outbound.media(_DELTA),
        "ledger: 200 ms received, sent, heard": _Playing().step,
        "ledger: cut with 600 ms outstanding": _cut,
        "pacing: decide": lambda: pacing.grant(350.0, 4800),
        **_conversions("A-law", "audio/pcma", _FRAME),
        **_conversions("16-bit samples", "audio/pcm", _FRAME * 6),
    }


def _conversions(name: str, wire_format: str, audio: bytes) -> dict[str, Callable[[], object]]:
    """Both ways of a format that is not the line's own; `audio` is a frame of it."""
    encoder, decoder = transcode.encoder(wire_format), transcode.decoder(wire_format)
    if encoder is None or decoder is None:
        raise ValueError(f"{wire_format} needs no conversion")
    return {
        f"{name}: encode a 20 ms frame": lambda: encoder.feed(_FRAME),
        f"{name}: decode a 20 ms frame": lambda: decoder.feed(audio),
    }


def measure() -> dict[str, float]:
    """Median microseconds per call of every operation."""
    return {name: _microseconds(operation) for name, operation in operations().items()}


def print_table(console: Console, figures: dict[str, float]) -> None:
    """One line per operation."""
    table = Table(title="pure parts", title_justify="left")
    table.add_column("")
    table.add_column("µs per call", justify="right")
    for name, microseconds in figures.items():
        table.add_row(name, f"{microseconds:.2f}")
    console.print(table)


class _Playing:
    """A call in which the agent speaks on and on: the ledger stays in its usual state."""

    def __init__(self) -> None:
        self._ledger = PlaybackLedger()
        self._item = self._ledger.item("item_1", 0, "resp_1")
        self._now = 0.0

    def step(self) -> None:
        """200 ms later: a delta arrives and leaves, what was sent before has been heard."""
        self._now += 0.2
        self._ledger.receive(self._item, _DELTA)
        self._ledger.take(len(_DELTA), self._now)
        self._ledger.settle(self._now)


def _cut() -> None:
    ledger = PlaybackLedger()
    item = ledger.item("item_1", 0, "resp_1")
    for _ in range(3):
        ledger.receive(item, _DELTA)
        ledger.take(len(_DELTA), 0.0)
    ledger.cut(0.05)


def _microseconds(operation: Callable[[], object]) -> float:
    timer = Timer(operation)
    number, taken_s = timer.autorange()
    number = max(1, int(number * TIMING_S / taken_s))
    return median(timer.repeat(REPEATS, number)) / number * 1e6
