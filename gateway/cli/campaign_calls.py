"""The calls of a campaign, as the running gateway's API has them.

Owns what is asked there and in which words; who is rung when is :mod:`gateway.core.campaign`'s.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.cli.gatewayapi import GatewayApi, Refused
from gateway.core.attempt import Attempt
from gateway.core.callee import Refusal
from gateway.core.campaign import Contact
from gateway.core.rowkeys import digest_of, key_of, read_key

_NOT_LEFT = ("waiting", "sending")
_ASKED_OTHERWISE = Refusal(
    "key", "", "it was let in a moment ago with other data: give the command again"
)


@dataclass(frozen=True)
class Asked:
    """What every call of a campaign has in common."""

    name: str
    body: Mapping[str, Any]
    """By the names of the API; None = not said."""


class CampaignCalls:
    """Asks for the calls of one campaign, and looks how far they are."""

    def __init__(self, api: GatewayApi, asked: Asked) -> None:
        self._api = api
        self._name = asked.name
        self._body = {name: value for name, value in asked.body.items() if value is not None}

    def tried(self) -> dict[str, list[Attempt]]:
        """Every call that was let in for this campaign, by the digest of its number, in order."""
        found: defaultdict[str, list[Attempt]] = defaultdict(list)
        for view in self._views():
            digest, ordinal = read_key(view["key"])
            found[digest].append(attempt_of(view, ordinal))
        return {name: sorted(each, key=lambda it: it.ordinal) for name, each in found.items()}

    def ask(self, contact: Contact) -> Attempt | Refusal:
        """Asks for the next call of a number; asked again, it is the same call.

        Raises Unreachable, or Refused when the gateway has no answer to it.
        """
        ordinal = contact.ordinal
        body = {
            **self._body,
            "to": contact.number,
            "by": "campaign",
            "campaign": self._name,
            "data": dict(contact.data),
        }
        headers = {"Idempotency-Key": self.key(contact)}
        try:
            view = self._api.ask("POST", "/api/calls", json=body, headers=headers)
        except Refused as error:
            if error.status == 409:
                return _ASKED_OTHERWISE
            if "rule" not in error.answer:
                raise
            return Refusal(
                str(error.answer["rule"]),
                str(error.answer.get("setting") or ""),
                str(error),
                passes=error.status == 429,
            )
        return attempt_of(view, ordinal)

    def key(self, contact: Contact) -> str:
        """Under which its next call is asked for."""
        return key_of(self._name, contact.number, contact.ordinal)

    def look(self, out: Sequence[Attempt]) -> list[Attempt]:
        """How far these calls are."""
        if not out:
            return []
        open_ = {view["id"]: view for view in self._api.listed("/api/calls")}
        return [self._seen(each, open_.get(each.dial)) for each in out]

    def take_back(self, out: Sequence[Attempt]) -> None:
        """Those that nobody was asked for yet are not made."""
        for each in out:
            try:
                self._api.ask("DELETE", f"/api/calls/{each.dial}?only=waiting")
            except Refused as error:
                if error.status != 404:
                    raise

    def _seen(self, attempt: Attempt, view: Mapping[str, Any] | None) -> Attempt:
        if view is not None:
            return attempt_of(view, attempt.ordinal)
        try:  # it is over, or nearly
            return attempt_of(self._api.ask("GET", f"/api/calls/{attempt.dial}"), attempt.ordinal)
        except Refused as error:
            if error.status != 404:
                raise
        return replace(attempt, over=True, outcome="erased", words="what became of it was erased")

    def _views(self) -> Iterator[dict[str, Any]]:
        after: str | None = ""
        while after is not None:
            said = self._api.ask(
                "GET", "/api/campaigns", params={"name": self._name, "after": after}
            )
            yield from said["calls"]
            after = said["after"]


def attempts_of(contact: Contact, tried: Mapping[str, list[Attempt]]) -> list[Attempt]:
    """Those of a number."""
    return list(tried.get(digest_of(contact.number), ()))


def attempt_of(view: Mapping[str, Any], ordinal: int) -> Attempt:
    """A call as the API tells of it."""
    return Attempt(
        ordinal=ordinal,
        dial=view["id"],
        over=view["state"] == "ended" and view["call_state"] in (None, "ended"),
        left=view["state"] not in _NOT_LEFT,
        sent_at=_moment(view["sent_at"]),
        outcome=view["outcome"] or "",
        words=view["words"] or "",
        reason=view["reason"] or "",
        sip_code=view["sip_code"],
        well=view["well"] is not False,
        call_reason=view["call_reason"] or "",
        duration_ms=view["duration_ms"],
        cost_usd=view["cost_usd"],
        call_sid=view["call_sid"] or "",
        ended_at=_moment(view["ended_at"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
