"""Owns stream tickets: the proof, carried as a `<Parameter>` of our TwiML, that a media stream
belongs to a call whose signed webhook we answered.

It must not read a clock or a source of randomness: `now` (wall-clock seconds) and the nonce come
from the caller. A ticket is `v1.<body>.<mac>` in base64url without padding; the MAC is HMAC-SHA256
over the version and the body as written, so there is exactly one text for each ticket.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec

from gateway.errors import ConfigError, Rejected

__all__ = ["Ticket", "UsedNonces", "derive_secret", "hkdf_sha256", "issue", "verify"]

_VERSION: Final = "v1"
_MIN_NONCE_BYTES: Final = 16
# Twilio takes name and value together under 500 characters; the name is `ticket`.
_LONGEST: Final = 490


class Ticket(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the webhook promised: this call, to this number, to this agent, once, until then."""

    call_sid: str
    account_sid: str
    called: str
    agent: str
    nonce: bytes
    expires_at: float
    """Wall-clock seconds; the ticket is no longer good at this very moment."""

    def __repr__(self) -> str:
        return f"Ticket(call_sid={self.call_sid!r}, expires_at={self.expires_at})"


_decode_body: Final = msgspec.json.Decoder(Ticket).decode


def issue(
    secret: bytes,
    *,
    call_sid: str,
    account_sid: str,
    called: str,
    agent: str,
    nonce: bytes,
    now: float,
    ttl_s: float = 60,
) -> str:
    """A signed ticket, good until `now + ttl_s`.

    Raises ValueError for a nonce under 16 bytes or an empty secret, and ConfigError when the result
    would not fit a `<Parameter>` (an over-long agent name or called address).
    """
    if len(nonce) < _MIN_NONCE_BYTES:
        raise ValueError(f"a ticket needs a nonce of at least {_MIN_NONCE_BYTES} bytes")
    ticket = Ticket(call_sid, account_sid, called, agent, nonce, now + ttl_s)
    signed = f"{_VERSION}.{_to_text(msgspec.json.encode(ticket))}"
    text = f"{signed}.{_mac(secret, signed)}"
    if len(text) > _LONGEST:
        raise ConfigError(
            f"the stream ticket has {len(text)} characters and may have {_LONGEST}: "
            f"agent name {agent!r} or called address {called!r} is too long"
        )
    return text


def verify(secret: bytes, text: str, *, call_sid: str, account_sid: str, now: float) -> Ticket:
    """The ticket in `text`, if it is ours, still good, and for this very call of this account.

    Whether it was used before is for `UsedNonces` to say. Raises `Rejected` with `ticket_missing`,
    `ticket_malformed`, `ticket_forged`, `ticket_expired`, `ticket_other_call` or
    `ticket_other_account`, the first that applies; ValueError for an empty secret.
    """
    if not text:
        raise Rejected("ticket_missing")
    ticket = _authentic(secret, text)
    if now >= ticket.expires_at:
        raise Rejected("ticket_expired")
    if ticket.call_sid != call_sid:
        raise Rejected("ticket_other_call")
    if ticket.account_sid != account_sid:
        raise Rejected("ticket_other_account")
    return ticket


def _authentic(secret: bytes, text: str) -> Ticket:
    parts = text.split(".") if len(text) <= _LONGEST and text.isascii() else []
    if len(parts) != 3 or parts[0] != _VERSION or not parts[1] or not parts[2]:
        raise Rejected("ticket_malformed")
    version, body, mac = parts
    if not hmac.compare_digest(_mac(secret, f"{version}.{body}"), mac):
        raise Rejected("ticket_forged")
    try:
        return _decode_body(_from_text(body))
    except ValueError:
        # Signed by us and yet not a ticket: the secret is shared with something else.
        raise Rejected("ticket_malformed") from None


def _mac(secret: bytes, signed: str) -> str:
    if not secret:
        raise ValueError("the ticket secret is empty")
    return _to_text(hmac.digest(secret, signed.encode(), hashlib.sha256))


def _to_text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_text(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class UsedNonces:
    """Which tickets were redeemed; remembers each only until it would have expired anyway."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._expires_at: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._expires_at)

    def redeem(self, ticket: Ticket, now: float) -> None:
        """Uses up a verified ticket; at `now` in wall-clock seconds.

        Raises `Rejected` with `ticket_reused` the second time, with `ticket_expired` for one that
        may have been forgotten, and with `ticket_overflow` rather than forget a live one when
        `most` unexpired tickets were redeemed.
        """
        if now >= ticket.expires_at:
            raise Rejected("ticket_expired")
        if ticket.nonce in self._expires_at:
            raise Rejected("ticket_reused")
        self._forget_expired(now)
        if len(self._expires_at) >= self._most:
            raise Rejected("ticket_overflow")
        self._expires_at[ticket.nonce] = ticket.expires_at

    def _forget_expired(self, now: float) -> None:
        # All live equally long, so the first redeemed is nearly always the first to expire.
        while self._expires_at:
            nonce, expires_at = next(iter(self._expires_at.items()))
            if now < expires_at:
                return
            del self._expires_at[nonce]


def derive_secret(auth_token: str, purpose: str) -> bytes:
    """A 32-byte secret for one purpose, so that no purpose can speak for another.

    The auth token is a strong secret already, so HKDF runs without a salt (RFC 5869 section 3.1).
    Raises ValueError for an empty token.
    """
    if not auth_token:
        raise ValueError("cannot derive a secret from an empty auth token")
    return hkdf_sha256(auth_token.encode(), salt=b"", info=f"gateway/{purpose}".encode(), length=32)


def hkdf_sha256(key: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF with SHA-256 (RFC 5869); `length` is at most 8160 bytes, else ValueError."""
    if length > 255 * 32:
        raise ValueError("HKDF-SHA256 yields at most 8160 bytes")
    pseudorandom = hmac.digest(salt or bytes(32), key, hashlib.sha256)
    block = output = b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(pseudorandom, block + info + bytes([counter]), hashlib.sha256)
        output += block
    return output[:length]
