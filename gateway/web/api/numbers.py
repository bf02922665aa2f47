"""``/api/numbers``: the carrier's numbers, whether they lead here, and pointing them here.

The carrier is asked once for everybody, and again when that is half a minute old.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.agents import AgentFolder
from gateway.call.call import Offer
from gateway.errors import ConfigError, GatewayError
from gateway.ops.pointing import (
    Plan,
    PointingRefused,
    as_written,
    change_json,
    changes_of,
    find,
    overridden,
    planned,
    point,
    points_here,
)
from gateway.ops.rest import CARRIER_FAULTS, Number, TwilioRest, has_carrier
from gateway.settings import Settings
from gateway.store.audit import AuditLog
from gateway.web.api.answers import body_of
from gateway.web.api.endpoint import Endpoint, who_asks
from gateway.web.api.queries import Query

FRESH_S = 30.0
LIMIT_S = 10.0
"""Longest the carrier is waited for."""
_PATH = "/api/numbers"
_NO_CARRIER = "there are no numbers: offline there is no carrier that could be asked"


class NumberRow(msgspec.Struct):
    """One number of the account."""

    number: str
    friendly_name: str
    points_here: bool | None
    """None = this gateway has no public address to compare with."""
    voice_url: str
    overridden_by: Mapping[str, str]
    """Application or trunk that gets its calls, whatever the voice URL is."""
    route: str
    agent: str
    """Which would answer its calls here."""


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """How a number is to be pointed."""

    fallback: str = ""
    """Another address for when this gateway does not answer; empty = it stays as it is."""
    clear_overrides: bool = False
    """Takes an application or a trunk off the number."""


class NumberHandlers:
    """The carrier's numbers."""

    def __init__(
        self, settings: Settings, agents: AgentFolder | None, audit: AuditLog | None
    ) -> None:
        self._settings = settings
        self._agents = agents
        self._audit = audit
        self._asking = asyncio.Lock()
        self._found: Sequence[Number] = ()
        self._found_s: float | None = None

    def endpoints(self) -> list[Endpoint]:
        """The addresses."""
        return [
            Endpoint(
                "GET",
                _PATH,
                "viewer",
                self.list,
                "The carrier's numbers, and whether their calls come here",
                answer=list[NumberRow],
            ),
            Endpoint(
                "POST",
                f"{_PATH}/{{number}}/point",
                "admin",
                self.point,
                "Points a number here; what it had before is written down",
                body=Wish,
            ),
        ]

    async def list(self, request: Request) -> Any:
        """Every number of the account."""
        Query(request, {})
        self._need_carrier()
        async with self._asking:
            if self._found_s is None or time.monotonic() - self._found_s >= FRESH_S:
                self._found = await self._asked()
                self._found_s = time.monotonic()
        return msgspec.to_builtins([self._row(each) for each in self._found])

    async def point(self, request: Request) -> dict[str, Any]:
        """Points a number here as ``gateway webhook set`` does; the change."""
        wish, number = _wish(await body_of(request)), as_written(request.path_params["number"])
        self._need_carrier()
        try:
            # In a loop of its own: the table of what was there before is brought up to date first.
            plan = await asyncio.to_thread(asyncio.run, _pointed(self._settings, number, wish))
        except (PointingRefused, ConfigError) as error:
            raise HTTPException(409, str(error)) from None
        except GatewayError as error:
            raise HTTPException(503, str(error)) from None
        finally:
            self._found_s = None
        if plan.changes and self._audit is not None:
            self._audit.note(who_asks(request), "number.pointed", detail=plan.number.e164)
        return change_json(plan)

    def _need_carrier(self) -> None:
        """Credentials that happen to lie about are not asked for by a gateway that is offline."""
        if not has_carrier(self._settings):
            raise HTTPException(503, _NO_CARRIER)

    async def _asked(self) -> Sequence[Number]:
        rest = self._rest()
        try:
            return await rest.numbers()
        except CARRIER_FAULTS as error:
            raise HTTPException(503, f"the carrier does not tell its numbers: {error}") from None
        finally:
            await rest.close()

    def _rest(self) -> TwilioRest:
        try:
            return TwilioRest(self._settings, limit_s=LIMIT_S)
        except ConfigError as error:
            raise HTTPException(503, str(error)) from None

    def _row(self, number: Number) -> NumberRow:
        try:
            here: bool | None = points_here(number, self._settings)
        except ConfigError:
            here = None
        route, agent = self._answers(number.e164)
        return NumberRow(
            number=number.e164,
            friendly_name=number.friendly_name,
            points_here=here,
            voice_url=number.settings["voice_url"],
            overridden_by=overridden(number.settings),
            route=route,
            agent=agent,
        )

    def _answers(self, number: str) -> tuple[str, str]:
        if self._agents is None:
            return "", ""
        route = self._agents.route(Offer("", "", "", number))
        return route.name, route.agent


async def _pointed(settings: Settings, number: str, wish: Wish) -> Plan:
    rest = TwilioRest(settings, limit_s=LIMIT_S)
    try:
        plan = planned(
            await find(rest, number),
            settings,
            fallback=wish.fallback,
            clear_overrides=wish.clear_overrides,
        )
        if plan.changes:
            async with changes_of(settings) as pointed:
                await point(rest, pointed, plan, datetime.now(UTC))
    finally:
        await rest.close()
    return plan


def _wish(body: bytes) -> Wish:
    try:
        return msgspec.json.decode(body or b"{}", type=Wish)
    except ValueError as error:
        raise HTTPException(
            400, f'{error}; expected {{"fallback": "https://…", "clear_overrides": true}}'
        ) from None
