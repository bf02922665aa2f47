"""Is this request Twilio's? The signature over the configured public address, and nothing else.

The address never comes from headers: a proxy, or a stranger, could have written them. Twilio docs,
"Security"; the facts about ports and schemes are measured (reference: Twilio, section 2).
"""

import hmac

from starlette.datastructures import FormData
from twilio.request_validator import RequestValidator

from gateway.settings import Settings


class Signatures:
    """Validates webhooks and stream upgrades against every configured auth token."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.public_url
        self._validators = [RequestValidator(token) for token in settings.auth_tokens]
        # The upgrade is signed over the stream address as the TwiML spells it, without parameters:
        # a constant per deployment, so the answers are computed once.
        self._upgrades = [
            validator.compute_signature(url, {}).encode()
            for validator in self._validators
            for url in stream_url_spellings(settings.stream_url)
        ]

    def webhook(self, path: str, query: str, form: FormData, signature: str | None) -> bool:
        """True when one of our tokens signed this form for this path."""
        if not signature:
            return False
        url = f"{self._base}{path}" + (f"?{query}" if query else "")
        return any(validator.validate(url, form, signature) for validator in self._validators)

    def upgrade(self, signature: str | None) -> bool:
        """True when one of our tokens signed the upgrade of the media socket."""
        if not signature:
            return False
        given = signature.encode(errors="replace")
        matches = [hmac.compare_digest(given, expected) for expected in self._upgrades]
        return any(matches)


def stream_url_spellings(url: str) -> list[str]:
    """The stream address with and without the default port, each with and without a last slash."""
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    port = {"wss": ":443", "ws": ":80"}[scheme]
    bracketed = authority.endswith("]")
    authorities = [authority]
    if authority.endswith(port):
        authorities.append(authority.removesuffix(port))
    elif ":" not in authority or bracketed:
        authorities.append(authority + port)
    return [f"{scheme}://{a}/{path}{slash}" for a in authorities for slash in ("", "/")]
