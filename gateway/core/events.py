"""The vocabulary of call events: everything logs, metrics, records and pages learn about a call.

Frozen values, no behaviour. Durations end in ``_ms``; ``at_ms`` counts from the moment the stream
opened. No event carries a ticket or a digit a caller pressed. Fields with what people or tools said
are declared with :func:`gateway.core.shown.words`: records keep them, logs never print them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.keeping import ConsentChanged as ConsentChanged
from gateway.core.keeping import Noted as Noted
from gateway.core.keeping import RecordingEnded as RecordingEnded
from gateway.core.keeping import RecordingStarted as RecordingStarted
from gateway.core.keeping import SpendReached as SpendReached
from gateway.core.keeping import UsageCounted as UsageCounted
from gateway.core.shown import words
from gateway.core.supervised import Whispered as Whispered
from gateway.core.turns import Turn


@dataclass(frozen=True, slots=True)
class CallOffered:
    """The carrier's signed webhook announced a call; the model is being dialled."""

    called: str
    caller: str
    agent: str
    direction: str
    route: str = "default"
    campaign: str = ""
    stir: str = ""
    """What the caller's carrier vouches for (``StirVerstat``), as the carrier names it."""
    model: str = ""
    """The model that is asked for; empty when the address of its server decides."""


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The carrier's stream is open and its ticket redeemed."""

    stream_sid: str
    after_offer_ms: float


@dataclass(frozen=True, slots=True)
class CallLive:
    """Caller audio flows to a model that confirmed the audio format."""

    held_ms: float
    """Caller audio that was held while the model connected, none of it lost."""


@dataclass(frozen=True, slots=True)
class CallEnding:
    """The call is on its way out; the goodbye may still be playing."""

    reason: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over and everything of it is closed."""

    reason: str
    duration_ms: float
    heard_ms: float
    """Agent audio the caller heard."""
    inbound_frames: int
    turns: int
    interruptions: int


@dataclass(frozen=True, slots=True)
class ModelConnected:
    """The model's session exists (``session.created``)."""

    connect_ms: float


@dataclass(frozen=True, slots=True)
class ModelLost:
    """The model refused us or is gone for good."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The model heard the caller begin to speak."""

    at_ms: float
    item_id: str = ""
    """The turn's item in the model's conversation."""
    from_ms: float = 0.0
    """When the voice began, which is earlier than it was noticed."""


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """The model heard a sound that was no turn of the caller's; the agent spoke on."""

    paused_ms: float
    """How long the agent was held back."""
    at_ms: float
    clear_ms: float | None = None
    """The model's report of it read -> ``clear`` written; None = it was over before that."""


@dataclass(frozen=True, slots=True)
class CallerStopped:
    """The model heard the end of the caller's turn."""

    at_ms: float
    item_id: str = ""
    to_ms: float = 0.0
    """When the voice ended: the silence that ended the turn is not in it."""


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """The caller begins to hear an item of the agent's (or the gateway's own)."""

    item_id: str
    response_id: str
    """Empty for the gateway's own audio."""
    at_ms: float
    """When it is heard, a little later than it was sent."""
    sent_ms: float = 0.0
    """When the first of it was sent."""


@dataclass(frozen=True, slots=True)
class AgentStopped:
    """An item was heard to its end, or cut off; also told of items nobody heard anything of.

    Told again of one that was cut off while it was being made, when it turned out longer.
    """

    item_id: str
    response_id: str
    heard_ms: int
    audio_ms: int
    """All the audio there was of it, heard or not."""
    at_ms: float

    @property
    def cut(self) -> bool:
        """True when the caller did not hear all of it."""
        return self.heard_ms < self.audio_ms


@dataclass(frozen=True, slots=True)
class CalleeIdentified:
    """It is known who or what took a call of ours."""

    who: str
    """``machine``, ``fax``, or as the carrier names it: ``human``, ``unknown``."""
    by: str
    """``carrier``, or ``tone`` when we heard it ourselves."""
    at_ms: float


@dataclass(frozen=True, slots=True)
class MessageStarted:
    """An answering machine records, and the agent leaves its message."""

    cause: str
    """What told: the ``carrier``, a ``beep`` we heard, ``silence``, or that it took too much
    ``time``.
    """
    at_ms: float


@dataclass(frozen=True, slots=True)
class CallerIdle:
    """Nobody has spoken for a while, and the agent asks whether the caller is still there."""

    asked: int
    """How often it has asked by now, since the caller's last turn."""
    at_ms: float


@dataclass(frozen=True, slots=True)
class TurnDone:
    """An answer of the agent reached the caller; see :class:`gateway.core.turns.Turn`."""

    turn: Turn
    at_ms: float


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The agent was cut off (caller speech, guardrail, operator, tool)."""

    cause: str
    item_id: str
    heard_ms: int
    """Of the item that was playing."""
    dropped_ms: int
    """Audio nobody heard, of all items."""
    truncated: int
    deleted: int
    uncertainty_ms: float
    clear_ms: float
    """What asked for it -> ``clear`` written. The caller's speech: from the moment the model's
    report of it was read, whoever decides.
    """
    at_ms: float


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """The agent called a tool."""

    tool: str
    at_ms: float
    number: int = 0
    """Counts the tool calls of the call, from 1."""
    agent: str = ""
    arguments: str = words()
    """What the model wrote: JSON, if it did as it should."""


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """A tool answered."""

    tool: str
    duration_ms: float
    at_ms: float
    number: int = 0
    """Of its :class:`ToolStarted`."""
    result: str = words()


@dataclass(frozen=True, slots=True)
class Handoff:
    """Another agent took over."""

    from_agent: str
    to_agent: str
    at_ms: float


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """A tool waits for a person's approval."""

    tool: str
    at_ms: float


@dataclass(frozen=True, slots=True)
class ApprovalDecided:
    """A tool was approved or refused, or nobody decided in time."""

    tool: str
    verdict: str
    """``approved``, ``rejected`` or ``timed_out``."""
    waited_ms: float
    at_ms: float


@dataclass(frozen=True, slots=True)
class ConsultStarted:
    """The caller waits on the line while a destination is rung and asked to take the call."""

    destination: str
    """Its key, never its number."""
    at_ms: float


@dataclass(frozen=True, slots=True)
class ConsultAnswered:
    """Somebody picked up there and hears what the caller wants."""

    destination: str
    at_ms: float


@dataclass(frozen=True, slots=True)
class TransferStarted:
    """The caller is being sent to a destination of the directory; the stream is given up."""

    destination: str
    """Its key, never its number."""
    at_ms: float
    warm: bool = False
    """Somebody there was asked before, and waits for the caller."""


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """The destination did not take the call, and the caller is with the agent again."""

    destination: str
    status: str
    """As the carrier names it: ``busy``, ``no-answer``, ``failed`` or ``canceled``; of somebody
    who was asked also what docs/events.md lists.
    """
    at_ms: float


@dataclass(frozen=True, slots=True)
class GuardrailTripped:
    """An output guardrail stopped the agent."""

    guardrail: str
    at_ms: float


@dataclass(frozen=True, slots=True)
class CallerSpoke:
    """Words of the caller as transcribed; often later than the answer to them."""

    item_id: str
    text: str = words()


@dataclass(frozen=True, slots=True)
class AgentSpoke:
    """Words of the agent as generated (not all of them need have been heard)."""

    item_id: str
    text: str = words()


@dataclass(frozen=True, slots=True)
class DtmfGroup:
    """The caller pressed digits; how many, never which."""

    count: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class ModelErrorReported:
    """The model reported an error that does not end the call."""

    code: str


@dataclass(frozen=True, slots=True)
class CarrierOddity:
    """The carrier sent something unknown or malformed that was left out."""

    kind: str


CallEvent = (
    CallOffered
    | CallAnswered
    | CallLive
    | CallEnding
    | CallEnded
    | ModelConnected
    | ModelLost
    | CallerStarted
    | FalseAlarm
    | CallerStopped
    | AgentStarted
    | AgentStopped
    | CalleeIdentified
    | MessageStarted
    | CallerIdle
    | TurnDone
    | BargeIn
    | ToolStarted
    | ToolEnded
    | Handoff
    | ApprovalAsked
    | ApprovalDecided
    | ConsultStarted
    | ConsultAnswered
    | TransferStarted
    | TransferFailed
    | GuardrailTripped
    | CallerSpoke
    | AgentSpoke
    | Noted
    | UsageCounted
    | SpendReached
    | Whispered
    | ConsentChanged
    | RecordingStarted
    | RecordingEnded
    | DtmfGroup
    | ModelErrorReported
    | CarrierOddity
)

Listener = Callable[[str, CallEvent], None]
"""Called with the CallSid and the event, in order, on the call's loop. Must return at once and
never raise.
"""
