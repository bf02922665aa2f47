"""Owns what every verb is given: the call, the exchange, and the address of the document it stands
in."""

from dataclasses import dataclass
from urllib.parse import urljoin

from gateway.sim.twilio.call import TwinCall
from gateway.sim.twilio.exchange import Exchange
from gateway.sim.twilio.flow import Fetch
from gateway.sim.twilio.twiml import Verb

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One document being carried out."""

    exchange: Exchange
    call: TwinCall
    document_url: str

    def resolve(self, url: str) -> str:
        """An absolute URL; relative ones are relative to the document, empty ones mean it.

        One that is no URL at all comes back as it is, and fails when it is asked.
        """
        try:
            return urljoin(self.document_url, url) if url else self.document_url
        except ValueError:
            return url

    def answer(self) -> None:
        """Picks up, if that has not happened."""
        self.exchange.answer(self.call)

    def action(self, verb: Verb, pairs: Pairs = (), default: str = "") -> Fetch | None:
        """The request for a verb's `action` (absent: `default`), None when there is none."""
        url = self.resolve(verb.get("action")) if verb.get("action") else default
        return Fetch(url, verb.get("method", "POST").upper(), pairs) if url else None
