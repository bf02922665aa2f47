"""What agents know of a call in tests, and a control that writes down what was asked of it."""

from typing import Any

from agents.realtime import RealtimeAgent

from gateway.call.context import CallContext, Route
from gateway.call.session import AgentBuilder
from gateway.core.digits import Collected, Wish


class AskedControl:
    """Keeps what an agent asked of its call."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.heard = True
        self.collected = Collected("no_keys")
        self.secrets: dict[str, str] = {}
        self.asks_for_consent = True
        self.said = "The caller will be called back."
        self.why_not = ""

    def hang_up(self, reason: str) -> None:
        self.asked.append(("hang_up", reason))

    def transfer(self, destination: str, summary: str | None = None) -> str:
        self.asked.append(("transfer", (destination, summary)))
        return "" if summary is None else self.why_not

    async def send_tones(self, digits: str) -> bool:
        self.asked.append(("send_tones", digits))
        return self.heard

    async def hold(self, seconds: float) -> bool:
        self.asked.append(("hold", seconds))
        return self.heard

    async def collect(self, wish: Wish) -> Collected:
        self.asked.append(("collect", wish))
        return self.collected

    def secret(self, token: str) -> str:
        return self.secrets[token]

    def note(self, text: str) -> None:
        self.asked.append(("note", text))

    async def consent(self, *, granted: bool) -> bool:
        self.asked.append(("consent", granted))
        return self.asks_for_consent

    async def call_back(self, when: str) -> str:
        self.asked.append(("call_back", when))
        return self.said


def context(control: AskedControl | None = None, route: Route | None = None) -> CallContext:
    """A call from +15550002222 to +15550001111."""
    return CallContext(
        call_sid="CA1",
        caller="+15550002222",
        called="+15550001111",
        agent="assistant",
        control=control or AskedControl(),
        route=route or Route(),
    )


def ready(agent: RealtimeAgent[CallContext]) -> AgentBuilder:
    """A builder that has its agent already."""

    async def build(_context: CallContext) -> RealtimeAgent[CallContext]:
        return agent

    return build
