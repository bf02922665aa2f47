"""A gateway's API by hand: calls go on by one step whenever somebody looks at them."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, cast

from gateway.cli.gatewayapi import GatewayApi, Refused

STEPS = ("waiting", "queued", "ended")


class HandGateway:
    """Lets everybody in whom nothing else is said of; they answer."""

    def __init__(self) -> None:
        self.calls: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        """The bodies of every request for a call, those that were let in before included."""
        self.outcomes: dict[str, list[str]] = {}
        """Of the calls to a number, in order; `completed` afterwards."""
        self.refusals: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        """By number: the next answers in place of a call."""
        self.faults: list[Exception | None] = []
        """Of the next requests; those that fail did what was asked all the same."""
        self.taken_back: list[str] = []
        self.most = 0
        self.stands_still = False
        """Calls go no further."""

    @property
    def api(self) -> GatewayApi:
        """As the commands take it."""
        return cast(GatewayApi, self)

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """One request."""
        said = self._said(method, path, **request)
        self._fail()
        return said

    def listed(self, path: str) -> list[dict[str, Any]]:
        """The calls that are not over, a step further."""
        assert path == "/api/calls"
        self._fail()
        if not self.stands_still:
            for call in self.calls.values():
                self.step(call)
        return [each for each in self.calls.values() if each["state"] != "ended"]

    def step(self, call: dict[str, Any]) -> None:
        """One call goes on."""
        if call["state"] == "waiting":
            call |= {"state": "queued", "sent_at": _now(), "call_sid": f"CA{call['id']}"}
        elif call["state"] == "queued":
            script = self.outcomes.get(call["to"], [])
            self.end(call, script.pop(0) if script else "completed")

    def end(self, call: dict[str, Any], outcome: str) -> None:
        """It is over."""
        figures = {"duration_ms": 2000, "cost_usd": 0.01} if outcome == "completed" else {}
        call |= {"state": "ended", "outcome": outcome, "words": f"it was {outcome}"} | figures
        call |= {"ended_at": _now()}

    def numbers(self) -> list[str]:
        """Whom it let in, in order."""
        return [each["to"] for each in self.calls.values()]

    def _said(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        if method == "POST":
            return self._let_in(request["json"], request["headers"]["Idempotency-Key"])
        if path == "/api/campaigns":
            return self._page(**request["params"])
        call_id, _, only = path.removeprefix("/api/calls/").partition("?")
        if call_id not in self.calls:
            raise Refused(404, {"error": "there is no call with this ID"})
        if method == "DELETE":
            assert only == "only=waiting"
            self.taken_back.append(call_id)
            if self.calls[call_id]["state"] == "waiting":
                self.end(self.calls[call_id], "canceled")
        return self.calls[call_id]

    def _let_in(self, body: dict[str, Any], key: str) -> dict[str, Any]:
        self.asked.append(body)
        for call in self.calls.values():
            if call["key"] == key:
                return call
        if refusals := self.refusals[body["to"]]:
            answer = refusals.pop(0)
            raise Refused(answer.pop("status", 422), answer)
        call = _view(f"D{len(self.calls):04d}", key, body["to"])
        self.calls[call["id"]] = call
        out = [each for each in self.calls.values() if each["state"] != "ended"]
        self.most = max(self.most, len(out))
        return call

    def _page(self, name: str, after: str) -> dict[str, Any]:
        behind = [
            each
            for each in self.calls.values()
            if each["id"] > after and each["key"].startswith(f"campaign:{name}:")
        ]
        more = behind[2]["id"] if len(behind) > 3 else None
        return {"calls": behind[:3], "after": more}

    def _fail(self) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault


def refusal(rule: str, setting: str = "GATEWAY_X", **more: Any) -> dict[str, Any]:
    """The answer of a gateway that lets nobody in."""
    return {"error": f"the rule {rule} forbids it", "rule": rule, "setting": setting, **more}


def _view(call_id: str, key: str, to: str) -> dict[str, Any]:
    fields = ("sent_at", "outcome", "words", "reason", "sip_code", "well", "call_state")
    more = ("call_reason", "duration_ms", "cost_usd", "call_sid", "ended_at")
    known = {"id": call_id, "key": key, "to": to, "state": "waiting"}
    return {**dict.fromkeys((*fields, *more)), **known}


def _now() -> str:
    return datetime.now(UTC).isoformat()
