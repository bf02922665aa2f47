"""The Twilio twin: REST, webhooks, TwiML and Media Streams of one account, as strict as the real
one.

Written from Twilio's documentation and from captured traces, without any code of the gateway's own
carrier side, so that the two can find each other's mistakes.
"""

from gateway.sim.twilio.call import TwinCall
from gateway.sim.twilio.debugger import DebuggerEntry
from gateway.sim.twilio.faults import RestFault
from gateway.sim.twilio.network import Network
from gateway.sim.twilio.options import Callee, PhoneNumber, TwilioOptions
from gateway.sim.twilio.playout import ClearTruth, MarkTruth, OutboundMessage
from gateway.sim.twilio.rest_gate import RestRequest
from gateway.sim.twilio.server import TwilioTwin
from gateway.sim.twilio.steps import (
    Drop,
    Dtmf,
    HangUp,
    Mute,
    Pause,
    Play,
    Step,
    WaitForAgent,
    WaitForSilence,
    WaitUntil,
    steps_from_json,
)
from gateway.sim.twilio.timeline import TimelineEntry
from gateway.sim.twilio.webhooks import WebhookRecord

__all__ = [
    "Callee",
    "ClearTruth",
    "DebuggerEntry",
    "Drop",
    "Dtmf",
    "HangUp",
    "MarkTruth",
    "Mute",
    "Network",
    "OutboundMessage",
    "Pause",
    "PhoneNumber",
    "Play",
    "RestFault",
    "RestRequest",
    "Step",
    "TimelineEntry",
    "TwilioOptions",
    "TwilioTwin",
    "TwinCall",
    "WaitForAgent",
    "WaitForSilence",
    "WaitUntil",
    "WebhookRecord",
    "steps_from_json",
]
