"""What a recording looks like."""

import struct

from gateway.core.waveform import peaks


def pcm(*samples: int) -> bytes:
    """Samples as PCM16."""
    return struct.pack(f"<{len(samples)}h", *samples)


def test_peaks_are_the_loudest_of_20_ms() -> None:
    """From silence to full scale, whichever side of zero; what is left at the end is one more."""
    quiet, loud = [0] * 160, [0] * 159 + [-32768]
    assert peaks(pcm(*quiet, *loud, 12800)) == bytes([0, 255, 100])
    assert peaks(b"") == b""
