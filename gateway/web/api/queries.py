"""What stands in the query of an address, read strictly: whatever is wrong is named."""

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.core.moments import moment

_LONGEST = 200


class Query:
    """The query of one request. Every method raises HTTPException 400, which names the key."""

    def __init__(self, request: Request, known: Mapping[str, Any]) -> None:
        """``known`` are the names that may stand there, each once."""
        self._given: dict[str, str] = {}
        for name, value in request.query_params.multi_items():
            if name not in known:
                raise HTTPException(400, f"unknown: {_shown(name)}; there are {', '.join(known)}")
            if name in self._given:
                raise _wrong(name, "stands there twice")
            if len(value) > _LONGEST or not value.isprintable():
                raise _wrong(name, f"must be text of at most {_LONGEST} characters")
            self._given[name] = value

    def text(self, name: str, least: int = 1, most: int = _LONGEST) -> str | None:
        """Some text; None when it is not there, or empty."""
        value = self._given.get(name, "")
        if value and not least <= len(value) <= most:
            raise _wrong(name, f"must be {least} to {most} characters")
        return value or None

    def number(self, name: str) -> str | None:
        """A phone number; a plus that was not escaped has become a blank, and is one again."""
        value = self.text(name)
        return "+" + value[1:] if value is not None and value.startswith(" ") else value

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """One of several words."""
        value = self._given.get(name) or default
        if value not in choices:
            raise _wrong(name, f"must be one of {', '.join(choices)}")
        return value

    def count(self, name: str, default: int, most: int) -> int:
        """A whole number from 1."""
        value = self._given.get(name)
        if not value:
            return default
        if not (value.isascii() and value.isdecimal() and 1 <= int(value) <= most):
            raise _wrong(name, f"must be a whole number from 1 to {most}")
        return int(value)

    def amount(self, name: str) -> float | None:
        """A number, at least 0."""
        value = self._given.get(name)
        if not value:
            return None
        try:
            amount = float(value)
        except ValueError:
            amount = -1.0
        if not (0 <= amount < math.inf):
            raise _wrong(name, "must be a number, at least 0")
        return amount

    def moment(self, name: str) -> datetime | None:
        """A moment; without a zone it is UTC."""
        value = self._given.get(name)
        if not value:
            return None
        try:
            return moment(value.replace(" ", "+"), datetime.now(UTC), UTC)
        except ValueError as error:
            raise _wrong(name, str(error)) from None

    def given(self) -> dict[str, str]:
        """Everything that stands there."""
        return dict(self._given)


def _wrong(name: str, fault: str) -> HTTPException:
    return HTTPException(400, f"{name}: {fault}")


def _shown(name: str) -> str:
    return repr(name[:40])
