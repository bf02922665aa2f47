"""What a person outside may do with a live call: whisper to its agent, take it over, hang up.

Owns whether that can be done just now, and says why not in words for whoever wants it. How it is
done is the call's own: its conversation, its transfer, its end.
"""

import time
from typing import Literal

from gateway.call.call import Call
from gateway.call.context import Destination
from gateway.core import commands
from gateway.core.direction import SOFTPHONE
from gateway.core.events import Whispered
from gateway.errors import GatewayError

HUNG_UP = "operator_hung_up"
"""Why such a call ended."""
MAX_WHISPER_CHARS = 2000
_WHISPER = (
    "A supervisor of yours, whom the caller does not hear, instructs you. Follow it, and do not "
    "mention that you were told: {text}"
)
_NOT_YET = "the caller is not on the line yet"
_OVER = "the call is over"
_ENDING = "the call is coming to its end"
_UNDER_WAY = "a transfer is under way: the caller is not with the agent"

Answer = Literal["none", "now", "later"]
"""Whether the agent answers to a whisper: not because of it, at once, or when what is being said
(by either side) is over.
"""


class NotNow(GatewayError):
    """It cannot be done with this call at this moment; why is one line."""


class Unreachable(GatewayError):
    """Nobody could be rung from here; why is one line."""


def whisper(call: Call, by: str, text: str, *, answer: bool) -> Answer:
    """Tells the agent something; ``answer`` asks it to speak because of it. Raises NotNow."""
    dialogue = call.dialogue
    if call.outcome is not None:
        raise NotNow(_OVER)
    if not dialogue.connected or not dialogue.inbound.is_open:
        raise NotNow("the model is not there: it is being connected, or is lost")
    if answer and (reason := _why_silent(call)):
        raise NotNow(f"{reason}; without `answer` the agent is told for later")
    dialogue.send(commands.system_text(_WHISPER.format(text=text)))
    dialogue.emit(Whispered(by, dialogue.since_open_ms()))
    if not answer:
        return "none"
    if dialogue.answers.caller_speaks:
        return "later"  # the answer to what they say is the answer to this, too
    unheard = dialogue.outbound.ledger.outstanding_bytes(time.monotonic())
    later = dialogue.answers.pending or unheard > 0
    dialogue.answers.ask(commands.create_response())
    return "later" if later else "now"


def take_over(call: Call, key: str, destination: Destination, summary: str) -> None:
    """Puts the caller on hold at once and rings somebody who wants them. Raises NotNow, or
    Unreachable.
    """
    if call.outcome is not None:
        raise NotNow(_OVER)
    if call.transfer.key is not None:
        raise NotNow(_UNDER_WAY)
    if not call.downstream.is_open:
        raise NotNow(_NOT_YET)
    if call.offer.direction == SOFTPHONE:
        raise NotNow("a softphone's call is in no carrier's hands: nobody can be joined with it")
    if call.machine.present:
        raise NotNow("an answering machine has taken the call")
    if reason := call.transfer.unreachable(destination):
        raise Unreachable(reason)
    call.transfer.take_over(key, destination, summary)


def hang_up(call: Call) -> bool:
    """Ends the call now, whatever is being said. True when that closed the caller's stream; else
    the carrier has the caller, or has not brought them yet. Raises NotNow when it was over.
    """
    if call.outcome is not None:
        raise NotNow(_OVER)
    streams = call.downstream.is_open
    call.end(HUNG_UP)
    return streams


def _why_silent(call: Call) -> str:
    """Why the agent cannot speak now; empty when it can."""
    if call.transfer.key is not None:
        return _UNDER_WAY
    if not call.downstream.is_open:
        return _NOT_YET
    return "" if call.state == "live" else _ENDING
