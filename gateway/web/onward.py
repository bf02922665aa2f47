"""What comes after a stream, and after a transfer: the same for a carrier's caller and a softphone.

Owns the decision alone; the answer is TwiML for the one (``twilio.py``), JSON for the other
(``api/phone.py``).
"""

from dataclasses import dataclass
from typing import Final

from gateway.call.call import Call
from gateway.call.context import Destination
from gateway.call.reception import Reception
from gateway.call.transfer import Room

CONNECTION_LOST: Final = "We are sorry, the connection was lost. Goodbye."
_STILL_THERE = ("socket_lost", "carrier_garbage", "no_stream", None)
"""Outcomes after which a caller who is still on the line has not been told anything."""
_TALKED = ("completed", "answered")


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing comes next: the caller hears this, if anything, and is hung up."""

    say: str = ""


def after_stream(
    reception: Reception, call_sid: str, *, there: bool
) -> Call | Destination | Room | Over:
    """The stream is over: whom the caller is connected with, the call itself when they come back.

    A call we ended is hung up; a caller who is still ``there`` although the stream broke hears why.
    """
    onward = reception.onward(call_sid, there=there)
    if onward is not None:
        return onward
    # Asked the moment the stream is closed, while the model is still being closed.
    untold = reception.outcome(call_sid) in _STILL_THERE
    return Over(CONNECTION_LOST if untold and there else "")


def after_dial(reception: Reception, call_sid: str, status: str, *, there: bool) -> Call | Over:
    """The destination of a transfer is done, or never answered: then the caller comes back.

    ``status`` is the carrier's word for it (``DialCallStatus``).
    """
    talked = status in _TALKED
    call = reception.transfer_ended(call_sid, "" if talked else status, there=there)
    if call is not None:
        return call
    transferred = reception.outcome(call_sid) == "transferred"
    return Over(CONNECTION_LOST if there and not talked and not transferred else "")
