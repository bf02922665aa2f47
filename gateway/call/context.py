"""What is known of a call before anybody speaks, and what agents and tools may ask of it.

Values and one protocol. Knows no SDK, no socket and no file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from gateway.core.digits import Collected, Wish

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Destination:
    """One entry of a transfer directory: where a caller may be sent."""

    number: str
    """E.164, or a ``sip:`` address."""
    description: str = ""
    """Told to the agent, so that it chooses well."""
    timeout_s: int = 25
    """How long it rings before the caller comes back to the agent."""
    caller_id: str = ""
    """The number shown to the destination; empty = the carrier's default, the caller's own."""
    warm: bool = False
    """Whoever is there is asked first, unless the agent wants it otherwise."""
    accept_timeout_s: int = 15
    """How long whoever is asked may take to press the key, once everything was said."""
    language: str = ""
    """In which the summary is spoken, as the carrier names it; empty = the carrier's default."""
    prompt: str = "Press 1 to take the call. Any other key declines it."
    goodbye: str = "The caller is no longer waiting for you. Goodbye."


@dataclass(frozen=True, slots=True)
class Route:
    """What is laid down for one called number (or campaign): which agent, and its circumstances."""

    name: str = "default"
    agent: str = "assistant"
    language: str = ""
    """BCP 47 language of the callers; empty = not laid down."""
    timezone: str = "UTC"
    """IANA zone of the called number."""
    directory: Mapping[str, Destination] = field(default_factory=lambda: _NOTHING)
    """Transfer destinations by key."""
    data: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    """What instructions and tools may use besides (company, opening hours, campaign data)."""
    max_calls: int | None = None
    """Calls at a time on this route; None = the gateway's own limit alone."""
    max_minutes: float | None = None
    """Longest call; then the caller hears a goodbye."""
    warn_minutes: float | None = None
    """How long before that the agent tells the caller; None = it does not."""
    secret_digits: Literal["token", "checked"] = "token"
    """What the model learns of a secret entry: ``token`` = besides the token how many keys were
    pressed and what was wrong with them; ``checked`` = the token if they passed, else that they
    did not.
    """
    recording: Literal["off", "on", "consent"] = "off"
    """``consent`` = when the caller has agreed, and not before."""
    announcement: bytes = field(default=b"", repr=False)
    """Played before anything else when the call is recorded, or may be (mu-law)."""
    announcement_text: str = ""
    """What is said in it."""
    max_usd_per_call: float | None = None
    """Most a call may cost; None = the gateway's own limit."""
    max_usd_per_day: float | None = None
    """Most the calls of this route may cost in a day; None = the gateway's own limit."""


Amd = Literal["off", "hangup", "leave-message"]
"""What is to be done when an answering machine takes a call of ours."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What an outbound call was placed for. Whoever asked for the call said all of it; nothing is
    the callee's.
    """

    dial: str
    """Our own ID of the call, from before the carrier had one."""
    agent: str = ""
    """Who talks to the callee; empty = the route's agent."""
    campaign: str = ""
    data: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """What instructions and tools may use, in addition to the route's own data and before it."""
    record: bool | None = None
    """None = as the route says."""
    max_minutes: float | None = None
    amd: Amd = "off"
    answered_by: str = ""
    """Who or what took the call, as the carrier names it, when it said so before the stream."""


class CallControl(Protocol):
    """What an agent can do with its call. Each may be called from any thread."""

    def hang_up(self, reason: str) -> None:
        """Ends the call once the goodbye has been heard."""

    def transfer(self, destination: str, summary: str | None = None) -> str:
        """Sends the caller to a destination of the route's directory, by its key, once what the
        agent is saying has been heard. With a summary, whoever is there hears that first and may
        decline. Why that cannot be done; empty when it is under way. Raises KeyError for a key that
        is not there.
        """

    async def send_tones(self, digits: str) -> bool:
        """Plays keys as tones after what is being said; True when they were heard to the end."""

    async def hold(self, seconds: float) -> bool:
        """Plays a hold tone for so long; False when the caller spoke up before its end."""

    async def collect(self, wish: Wish) -> Collected:
        """Lets the caller type digits; those of a secret entry stay in the call."""

    def secret(self, token: str) -> str:
        """The digits behind a token of this call; KeyError when there are none."""

    def note(self, text: str) -> None:
        """Keeps a note with the records of the call."""

    async def consent(self, *, granted: bool) -> bool:
        """The caller agrees to a recording, or does not; False when this call asks for none."""

    async def call_back(self, when: str) -> str:
        """Has the other side of the call called back at a time (ISO 8601); what came of it, in
        words for the agent.
        """


@dataclass(frozen=True)
class CallContext:
    """What tools and instructions may know of their call (the SDK's ``context``)."""

    call_sid: str
    caller: str
    called: str
    agent: str
    control: CallControl
    direction: str = "inbound"
    route: Route = field(default_factory=Route)

    @property
    def data(self) -> Mapping[str, Any]:
        """The route's own data."""
        return self.route.data

    def hang_up(self, reason: str) -> None:
        """Ends the call once the goodbye has been heard; safe from any thread."""
        self.control.hang_up(reason)

    def note(self, text: str) -> None:
        """Keeps a note with the records of the call; safe from any thread."""
        self.control.note(text)

    def secret(self, token: str) -> str:
        """The digits a caller typed in secret, for a tool that was handed their token.

        Raises KeyError for a token that is not this call's, and after the call. Keep them out of
        what the tool returns: that is told to the model.
        """
        return self.control.secret(token)
