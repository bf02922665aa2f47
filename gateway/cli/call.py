"""``gateway call``: asks the running gateway to ring a phone, and watches what becomes of it.

The call is the gateway's: it goes on when nobody watches. Ctrl-C hangs up, a second one leaves.
"""

import json
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import typer

from gateway.cli.call_progress import Progress
from gateway.cli.gatewayapi import GatewayApi, Refused, Unreachable
from gateway.errors import GatewayError
from gateway.settings import load_settings

LOOK_S = 0.3
"""How often the gateway is asked how far the call is."""
GONE_S = 30.0
"""How long a gateway that does not answer is asked again while a call is watched."""
AGAIN_S = 1.0
MOST_ASKS = 3
"""How often a call is asked for when no answer comes: it is the same one by its key."""

Ask = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Wish:
    """What was typed."""

    to: str
    body: Mapping[str, Any]
    """The rest of it, by the names of the API; None = not said."""
    wait: bool = True
    as_json: bool = False
    gateway: str | None = None
    key: str = field(default_factory=lambda: uuid.uuid4().hex)


def run_call(wish: Wish) -> int:
    """Rings a phone. 0 when the call was answered and ended well, or nobody wants to wait."""
    with GatewayApi(load_settings(), wish.gateway) as api:
        progress = Progress(quiet=wish.as_json)
        view = _place(api, wish)
        if not wish.wait:
            _print(view, wish, view["id"])
            return 0
        try:
            with progress, interrupts() as hands:
                view = _watch(api, view, progress, hands)
        except KeyboardInterrupt:
            progress.left()
            return 1
        if wish.as_json:
            typer.echo(json.dumps(view))
        return 0 if view.get("well") else 1


def settings_of(pairs: Sequence[str]) -> dict[str, str]:
    """``key=value`` as typed. Raises BadParameter."""
    data = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise typer.BadParameter(f"{pair!r} is not key=value", param_hint="--set")
        data[key] = value
    return data


class Hands:
    """How often somebody pressed Ctrl-C."""

    def __init__(self) -> None:
        self.pressed = 0
        self._woken = threading.Event()

    def press(self, *_: object) -> None:
        """Once more. The second time whatever is being done is left where it stands."""
        self.pressed += 1
        if self.pressed > 1:
            raise KeyboardInterrupt
        self._woken.set()

    def wait(self, seconds: float) -> None:
        """Returns after that time, or as soon as it was pressed."""
        self._woken.wait(seconds)
        self._woken.clear()


@contextmanager
def interrupts() -> Iterator[Hands]:
    """Ctrl-C is counted; the first ends nothing by itself. SIGTERM counts as well."""
    hands = Hands()
    before = {number: signal.signal(number, hands.press) for number in _SIGNALS}
    try:
        yield hands
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _place(api: GatewayApi, wish: Wish) -> dict[str, Any]:
    body = {"to": wish.to, "by": "cli"} | {k: v for k, v in wish.body.items() if v is not None}
    headers = {"Idempotency-Key": wish.key}
    for attempt in range(1, MOST_ASKS + 1):
        try:
            return api.ask("POST", "/api/calls", json=body, headers=headers)
        except Unreachable as error:
            if not error.sent:
                help = "start `gateway serve`, or say where it is: --gateway"
                raise GatewayError(f"{error}: {help}") from None
            if attempt == MOST_ASKS:
                raise GatewayError(f"{error}: the phone may ring all the same") from None
        except Refused as error:
            raise GatewayError(why_refused(error)) from None
    raise AssertionError("unreachable: the last attempt returns or raises")


def why_refused(error: Refused) -> str:
    """A refusal of the API in words."""
    if error.status in (401, 403) and "rule" not in error.answer:
        return (
            f"the gateway does not know us ({error}): give this command its GATEWAY_API_TOKEN or "
            "TWILIO_AUTH_TOKEN"
        )
    rule = error.answer.get("rule")
    return f"not called: {error} (rule: {rule})" if rule else f"not called: {error}"


def _watch(
    api: GatewayApi, view: dict[str, Any], progress: Progress, hands: Hands
) -> dict[str, Any]:
    """Until the call is over. Raises KeyboardInterrupt when somebody leaves before."""
    path, hung_up = f"/api/calls/{view['id']}", False
    progress.show(view)
    while view["state"] != "ended":
        hands.wait(LOOK_S)
        if hands.pressed and not hung_up:
            hung_up = True
            progress.hanging_up()
            view = _patiently(lambda: api.ask("DELETE", path), hands)
        else:
            view = _patiently(lambda: api.ask("GET", path), hands)
        progress.show(view)
    return view


def _patiently(ask: Ask, hands: Hands) -> dict[str, Any]:
    """A gateway that is being started again answers a little later."""
    give_up_at = time.monotonic() + GONE_S
    while True:
        try:
            return ask()
        except (Unreachable, Refused) as error:
            passing = isinstance(error, Unreachable) or error.status >= 500
            if not passing or time.monotonic() > give_up_at:
                raise GatewayError(f"{error}; what becomes of the call is not known here") from None
        hands.wait(AGAIN_S)


def _print(view: dict[str, Any], wish: Wish, line: str) -> None:
    typer.echo(json.dumps(view) if wish.as_json else line)
