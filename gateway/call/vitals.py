"""What the audio path counts while it runs: whole numbers of this process, of all calls.

Owns no name and knows nobody who reads it. Written on the call loop only, a few additions a second
and call; whoever shows the figures (gateway/observe/) reads them when asked.
"""

import random
from dataclasses import dataclass, field

from gateway.core.histogram import Histogram

FORWARD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05)
GAP_S = (0.01, 0.018, 0.022, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0)
SHARE = 0.125
"""Of the half seconds of each stream so many are measured, drawn by lot: to measure every frame
would cost 4.5 % of the work for it, this costs 0.6 %.
"""


@dataclass(slots=True)
class Vitals:
    """The figures of every call's audio."""

    frame_forward: Histogram = field(default_factory=lambda: Histogram(FORWARD_S))
    """Seconds from a caller's frame read to the same written to the model: of the first frame of
    each half second that is measured.
    """
    inbound_gap: Histogram = field(default_factory=lambda: Histogram(GAP_S))
    """Seconds between two frames of one stream: of all that end in a half second that is measured.
    """
    caller_frames: int = 0
    """Frames of callers, all of them, up to half a second ago."""
    padded_bytes: int = 0
    """Silence (mu-law) that stood for frames that never came."""
    stale_audio: int = 0
    """Messages with audio of an answer that had been cut off by then: dropped."""
    share: float = SHARE

    def drawn(self) -> bool:
        """Whether what comes next is measured. By lot: nothing in it has to do with that."""
        return random.random() < self.share
