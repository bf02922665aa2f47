"""What may be shown: one line of plain text, and no secret of the settings in it.

Details quote servers and proxies, and those may quote what they were sent.
"""

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from gateway.settings import Settings

LONGEST = 400
_SHORTEST_SECRET = 8
"""Hiding anything shorter would only make holes in words (``Bearer`` among them)."""


def discreet(settings: Settings) -> Callable[[str], str]:
    """Makes a text one line, and puts ``…`` in place of every secret of these settings."""
    secrets = sorted(_secrets(settings), key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "…")
        return one_line(text)

    return clean


def one_line(text: str) -> str:
    """The text without line breaks and control characters, cut where it would be too long."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    text = " ".join(plain.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _secrets(settings: Settings) -> set[str]:
    hidden = [
        settings.openai_api_key,
        settings.api_token,
        settings.secret,
        settings.hook_secret,
        *settings.twilio_auth_token,
        *settings.realtime_headers.values(),
    ]
    values = {value.get_secret_value() for value in hidden if value is not None}
    # A server may quote the key of `Bearer <key>` alone.
    values |= {word for value in values for word in value.split()}
    if settings.database_url is not None:
        password = urlsplit(settings.database_url.get_secret_value()).password or ""
        values |= {password, unquote(password)}
    return {value for value in values if len(value) >= _SHORTEST_SECRET}
