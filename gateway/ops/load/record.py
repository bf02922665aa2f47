"""What is known of a call, of a moment, and of a run's order: the words of workers and fleet.

Values only; times of calls are seconds since the run began, waits are milliseconds.
"""

from typing import Final, Literal

import msgspec

Failure = Literal[
    "",
    "webhook_unreachable",
    "webhook_status",
    "twiml",
    "busy",
    "stream_url",
    "upgrade_refused",
    "stream_unreachable",
    "protocol_error",
    "no_audio",
    "no_answer",
    "dropped",
    "action_failed",
    "generator",
]
"""Why a call failed; empty when it did not."""
FAILURES: Final[dict[Failure, str]] = {
    "webhook_unreachable": "the voice webhook could not be reached, or did not answer in time",
    "webhook_status": "the voice webhook answered with another status than 2xx",
    "twiml": "the answer is no TwiML with a <Connect><Stream>",
    "busy": "the gateway refused the call: <Reject> or <Hangup>, it is full or draining",
    "stream_url": "the carrier would not connect to the stream's URL",
    "upgrade_refused": "the stream's WebSocket upgrade was refused",
    "stream_unreachable": "the stream's address could not be reached",
    "protocol_error": "the gateway sent what the carrier refuses (3192x to 3195x)",
    "no_audio": "nothing was heard of the agent in the whole call",
    "no_answer": "the caller waited in vain for an answer",
    "dropped": "the gateway left the call without a proper close, or did not answer one",
    "action_failed": "what comes after the stream (<Connect action>) was not answered",
    "generator": "the load test itself could not place the call",
}

End = Literal["caller", "agent", "time", "interrupted", "none"]
"""Who ended it: the script, the gateway, the end of the run, Ctrl-C; none: it never began."""


class Wait(msgspec.Struct, frozen=True):
    """One wait of a caller."""

    at_s: float
    """When it was over."""
    ms: float


class Note(msgspec.Struct, frozen=True):
    """Something that happened in a call."""

    at_ms: float
    """Since the call was placed."""
    kind: str
    detail: str = ""


class CallRecord(msgspec.Struct):
    """One call, seen from the caller's side."""

    number: int
    fixture: str
    worker: int
    call_sid: str
    placed_s: float
    up_s: float | None = None
    """When its stream was up."""
    ended_s: float = 0.0
    webhook_ms: float | None = None
    connect_ms: float | None = None
    """TCP, TLS and upgrade of the stream."""
    answer_ms: float | None = None
    """Stream up to the first agent audio heard."""
    turns: list[Wait] = msgspec.field(default_factory=list)
    interruptions: list[Wait] = msgspec.field(default_factory=list)
    late: list[Wait] = msgspec.field(default_factory=list)
    """Messages that came when the caller had already heard a hole."""
    in_time: int = 0
    """Messages that continued an answer and came before they were needed."""
    messages: int = 0
    frames: int = 0
    """Sent by the caller."""
    lost: int = 0
    """Lost on purpose (`--loss`)."""
    discarded: int = 0
    """Discarded because the gateway read too slowly (31930)."""
    refused: int = 0
    """Messages of the gateway the carrier refuses."""
    spoke_on: int = 0
    """Times the agent did not stop though the caller spoke over it."""
    unanswered: int = 0
    end: End = "none"
    failure: Failure = ""
    detail: str = ""
    notes: list[Note] = msgspec.field(default_factory=list)

    def fail(self, failure: Failure, detail: str) -> None:
        """The call has failed; only the first reason counts."""
        if not self.failure:
            self.failure, self.detail = failure, detail


class Pulse(msgspec.Struct, tag="pulse"):
    """How a worker is doing, since its last pulse."""

    worker: int
    up: int
    connecting: int
    late: dict[int, int]
    """Its clock's delays, as `Lateness` counts them."""
    waits: dict[str, list[Wait]]
    """Waits that are over, by measure."""
    ended: list[CallRecord]
    cpu_s: float
    """CPU time the worker has used since it began."""
    turned_away: int = 0
    """Callers who came when all lines were taken, so far; they were not placed."""


class Ready(msgspec.Struct, tag="ready"):
    """A worker has loaded everything and waits for the beginning."""

    worker: int


Word = Ready | Pulse
"""What a worker says."""


class Placing(msgspec.Struct, frozen=True):
    """A line of a worker: when it calls first, under which number."""

    number: int
    at_s: float


class Order(msgspec.Struct, frozen=True):
    """What a worker is told before it begins."""

    worker: int
    lines: list[Placing]
    voice_url: str
    account_sid: str
    auth_token: str
    to: str
    fixtures: list[str]
    duration_s: float | None
    """Until then lines call again; None: once each."""
    redials: bool
    most: int
    """Calls at a time."""
    stride: int
    """How much the number of a line grows from call to call."""
    hold_s: float | None
    delay_ms: float
    jitter_ms: float
    loss: float
    seed: int


class Begin(msgspec.Struct, tag="begin"):
    """The run begins at this nanosecond of the monotonic clock, which all processes share."""

    at_ns: int


class Stop(msgspec.Struct, tag="stop"):
    """Everybody hangs up now."""
