"""Owns what a twin is told at its start: account, numbers, who answers outbound calls, network,
limits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.sim.twilio.network import Network
from gateway.sim.twilio.steps import Step

Outcome = Literal["answer", "busy", "no-answer", "failed"]


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number of the account, as its console page would have it."""

    e164: str
    voice_url: str = ""
    status_callback: str = ""
    fallback: str = ""
    """Asked when `voice_url` or its TwiML fails."""
    voice_method: str = "POST"
    status_callback_method: str = "POST"
    fallback_method: str = "POST"
    friendly_name: str = ""
    voice_application_sid: str = ""
    """When set, no `voice_url` is asked; nor with a trunk."""
    trunk_sid: str = ""


@dataclass(frozen=True, slots=True)
class Callee:
    """What happens when the gateway rings this number."""

    e164: str = ""
    outcome: Outcome = "answer"
    ring_ms: int = 500
    """How long it rings before it is answered or found busy; `no-answer` rings until the
    timeout."""
    script: Sequence[Step] = ()
    answered_by: str = "human"
    """What answering machine detection finds (`AnsweredBy`)."""
    detection_ms: int = 1500


@dataclass(frozen=True, slots=True)
class TwilioOptions:
    """Everything a twin can be told. `account_sid` and `auth_token` are the twin's own, no real
    ones."""

    account_sid: str
    auth_token: str = field(repr=False)
    numbers: tuple[PhoneNumber, ...] = ()
    network: Network = field(default_factory=Network)
    return_cleared_marks: bool = True
    """As documented. False imitates simulators that swallow the marks of cleared audio."""
    callees: tuple[Callee, ...] = ()
    other_callees: Callee = Callee()
    """Who answers any number that is not in `callees`."""
    verified_numbers: tuple[str, ...] = ()
    """Numbers that may be used as `From` besides `numbers`."""
    account_status: str = "active"
    account_type: str = "Full"
    first_timestamp_ms: int = 155
    """Of the first media message; traces show 155 and 171, never 0."""
    keep_audio: bool = True
    """Keep both tracks in memory (16 kB per second and call). Counts and clears are kept either
    way."""
    keep_ended: int | None = None
    """How many ended calls, and conferences, stay known, older ones are forgotten; None: all. Set
    it for a server that lasts: Twilio forgets none, and needs no memory of ours for that."""
    buffer_cap_s: int = 600
    packet_ms: int = 0
    """Audio leaves for the phone in packets of this length, and one that has begun is heard to its
    end. 0: a `clear` acts on the sample. Undocumented; 20 is what telephone networks do.
    """
    send_buffer_bytes: int = 65_536
    """When this much waits to be read by the gateway, caller audio is discarded (31930)."""
    stream_timeout_s: float = 5.0
    """TCP, TLS and handshake of a stream together (31901). Undocumented."""
    close_timeout_s: float = 2.0
    """How long a stream waits for the gateway's half of a close."""
    action_after_loss: bool = True
    """Whether `<Connect action>` is requested after the gateway's socket broke. Undocumented."""
    say_ms_per_character: float = 60.0
    """How long `<Say>` takes; nothing is spoken really."""
    webhook_timeout_s: float = 15.0
    time_limit_s: float = 4 * 3600.0
    calls_per_second: float | None = None
    """Limit for calls created over REST; the excess waits. None: no limit. Twilio's default is
    1."""

    def callee(self, e164: str) -> Callee:
        """Who answers at this number."""
        return next((callee for callee in self.callees if callee.e164 == e164), self.other_callees)
