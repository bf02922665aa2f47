"""Owns the reading of REST form fields: what is allowed, and the code for what is not."""

from collections.abc import Sequence
from urllib.parse import parse_qsl

from starlette.requests import Request

from gateway.sim.twilio.rest_errors import RestRefusal
from gateway.sim.twilio.webhooks import is_url

_METHODS = ("GET", "POST")


class Form:
    """The fields of one request."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = pairs

    @classmethod
    async def of(cls, request: Request) -> "Form":
        """Reads the body; blank values count."""
        text = (await request.body()).decode(errors="replace")
        return cls(parse_qsl(text, keep_blank_values=True))

    def __contains__(self, name: str) -> bool:
        return any(pair[0] == name for pair in self._pairs)

    def get(self, name: str, default: str = "") -> str:
        """The last value of a field."""
        return next((value for key, value in reversed(self._pairs) if key == name), default)

    def all(self, name: str) -> list[str]:
        """Every value of a repeated field."""
        return [value for key, value in self._pairs if key == name]

    def url(self, name: str, code: int) -> str:
        """An absolute http(s) URL or nothing; refused with `code`."""
        url = self.get(name)
        if url and not is_url(url):
            raise RestRefusal(code, url)
        return url

    def method(self, name: str) -> str:
        """GET or POST (the default); refused with 21403."""
        method = self.get(name, "POST").upper()
        if method not in _METHODS:
            raise RestRefusal(21403, method)
        return method

    def seconds(self, name: str, default: int, high: int, code: int) -> int:
        """A whole number of seconds from 1 to `high`; refused with `code`."""
        text = self.get(name, str(default))
        if not text.isdecimal() or not 1 <= int(text) <= high:
            raise RestRefusal(code, text)
        return int(text)

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false, in any spelling the packages use."""
        return self.get(name, str(default)).lower() == "true"
