"""Audio that can be recognised: each 160-byte frame carries its own number in its mu-law bytes.

Pure. A stamped frame starts with a code that occurs nowhere else, so a reader finds the frames
again in any concatenation, whatever the sizes in which a gateway cuts or batches them. Every code
used survives G.711 decoding and encoding (only 0x7F, the negative zero, would not).
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

FRAME_BYTES = 160
"""20 ms of mu-law at 8 kHz: what Twilio sends in one `media` message."""

BYTE_NS = 125_000
"""One mu-law byte lasts 1/8000 s."""

START = 0xD1
FILL = 0xF7
TAIL = 0xC9
_DIGITS = bytes(range(0xE0, 0xF0))
_ENCODE = bytes.maketrans(b"0123456789abcdef", _DIGITS)
_DECODE = bytes(
    b"0123456789abcdef"[code - 0xE0] if 0xE0 <= code < 0xF0 else ord("x") for code in range(256)
)
_BLANK = bytes([START]) + bytes([FILL]) * (FRAME_BYTES - 1)
_SPREAD = slice(4, None, 10)  # one of 16 hexadecimal digits every ten bytes
_HEAD_BYTES = 84  # the digits of owner and item; also whole groups of base64


class Stamp(NamedTuple):
    """Whose frame it is (caller number or model session), of which item, and where it stands."""

    owner: int
    item: int
    seq: int

    def __int__(self) -> int:
        return self.owner << 48 | self.item << 32 | self.seq

    @classmethod
    def unpack(cls, value: int) -> Stamp:
        return cls(value >> 48, value >> 32 & 0xFFFF, value & 0xFFFFFFFF)


def stamped_frame(stamp: int) -> bytes:
    """160 mu-law bytes that carry the 64-bit `stamp`."""
    return _head(stamp >> 32) + _end(stamp & 0xFFFFFFFF)


def head_base64(owner: int, item: int) -> bytes:
    """The first half of a frame's base64, the same for every frame of an item."""
    return binascii.b2a_base64(_head(owner << 16 | item), newline=False)


# Hundreds of calls stand near the same frame at the same time, so its half is made once.
@lru_cache(maxsize=8192)
def end_base64(seq: int) -> bytes:
    """The other half, the same for every call."""
    return binascii.b2a_base64(_end(seq), newline=False)


@lru_cache(maxsize=8192)
def _head(owner_and_item: int) -> bytes:
    return _spread(owner_and_item << 32)[:_HEAD_BYTES]


@lru_cache(maxsize=8192)
def _end(seq: int) -> bytes:
    return _spread(seq)[_HEAD_BYTES:]


def _spread(stamp: int) -> bytes:
    frame = bytearray(_BLANK)
    frame[_SPREAD] = (b"%016x" % stamp).translate(_ENCODE)
    return bytes(frame)


def tail(length: int) -> bytes:
    """Less than one frame at the end of an item: it carries no number."""
    return bytes([TAIL]) * length


def read_frame(frame: bytes) -> int | None:
    """The stamp of 160 bytes, or None when they are not one whole stamped frame."""
    if frame.rfind(START) != 0:  # also refuses two broken frames that happen to fit together
        return None
    try:
        return int(frame[_SPREAD].translate(_DECODE), 16)
    except ValueError:
        return None


@dataclass(slots=True)
class StampReader:
    """Finds the stamped frames in a byte stream that arrives in pieces of any size."""

    stray: int = 0
    """Bytes that belong to no frame: padding, broken frames."""
    tails: int = 0
    """Bytes of item ends (see `tail`)."""
    _rest: bytes = b""
    _rest_at: int = 0

    def feed(self, payload: bytes) -> list[tuple[int, int]]:
        """The frames completed by `payload`: (stamp, offset of its first byte in the stream)."""
        if not self._rest and len(payload) == FRAME_BYTES:  # what a gateway that cuts nothing sends
            whole = read_frame(payload)
            if whole is not None:
                self._rest_at += FRAME_BYTES
                return [(whole, self._rest_at - FRAME_BYTES)]
        data, at, found = self._rest + payload, 0, []
        while len(data) - at >= FRAME_BYTES:
            stamp = read_frame(data[at : at + FRAME_BYTES])
            if stamp is None:
                at = self._skip(data, at)
            else:
                found.append((stamp, self._rest_at + at))
                at += FRAME_BYTES
        if at < len(data) and data[at] != START:
            at = self._skip(data, at)
        self._rest, self._rest_at = data[at:], self._rest_at + at
        return found

    def flush(self) -> None:
        """The stream is cut here: what is left of an incomplete frame never becomes a frame."""
        self.stray += len(self._rest)
        self._rest, self._rest_at = b"", self._rest_at + len(self._rest)

    def _skip(self, data: bytes, at: int) -> int:
        """To the next possible frame start after `at`, or to the end."""
        found = data.find(START, at + 1)
        end = len(data) if found < 0 else found
        tails = data.count(TAIL, at, end)
        self.tails += tails
        self.stray += end - at - tails
        return end


@dataclass(slots=True)
class FrameCount:
    """Counts what became of frames 0, 1, 2 …: lost, doubled, reordered."""

    next: int = 0
    doubled: int = 0
    reordered: int = 0
    _missing: set[int] = field(default_factory=set)

    def arrived(self, seq: int) -> None:
        """Frame `seq` has arrived."""
        if seq == self.next:
            self.next += 1
        elif seq > self.next:
            self._missing.update(range(self.next, seq))
            self.next = seq + 1
        elif seq in self._missing:
            self._missing.discard(seq)
            self.reordered += 1
        else:
            self.doubled += 1

    def lost(self, expected: int | None = None) -> int:
        """Holes before the last frame that arrived, and what is missing up to `expected` frames."""
        behind = 0 if expected is None else max(0, expected - self.next)
        return len(self._missing) + behind
