"""Is the certificate of the public address one that the carrier takes, and for how long?"""

import asyncio
import ssl
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography import x509

from gateway.ops.doctor.carrier import CONNECT_S, Carrier
from gateway.ops.doctor.finding import Skipped, Wrong

_DAY_S = 86400.0
_SOON_S = 7 * _DAY_S
"""Certificates are renewed a month before: with a week left, that did not happen."""
_SOON_SHARE = 0.25
"""Of its lifetime, for those that live only days."""
# X509_V_ERR_… of OpenSSL (x509_vfy.h).
_NOT_YET, _EXPIRED, _SELF_SIGNED, _SELF_SIGNED_ROOT, _NO_ISSUER, _NO_LEAF, _HOST, _IP = (
    9,
    10,
    18,
    19,
    20,
    21,
    62,
    64,
)
_FIXES = {
    _NOT_YET: "see whether the clock of this machine is right, or wait",
    _EXPIRED: "renew it, and make the proxy load the new one (certbot renew; nginx -s reload)",
    _SELF_SIGNED: "get one from a public authority (Let's Encrypt): the carrier refuses your own",
    _SELF_SIGNED_ROOT: "get one from a public authority (Let's Encrypt): the carrier knows no "
    "private ones",
    _NO_ISSUER: "serve the whole chain (fullchain.pem, not cert.pem); an authority of your own is "
    "not known to the carrier",
    _NO_LEAF: "serve the whole chain (fullchain.pem, not cert.pem)",
    _HOST: "get one for this name, or correct GATEWAY_PUBLIC_URL",
    _IP: "use a name in GATEWAY_PUBLIC_URL, and a certificate for it",
}


async def certificate_good(carrier: Carrier) -> str:
    """Who vouches for it and how long it lasts. Raises Wrong when the carrier would not take it."""
    parts = urlsplit(carrier.base)
    host = parts.hostname
    if not host:
        raise Skipped("not tried: GATEWAY_PUBLIC_URL is not set")
    if parts.scheme != "https":
        raise Skipped(f"not tried: {carrier.base} is no https address", blocks=False)
    port = parts.port or 443
    try:
        writer = await _connected(host, port)
    except OSError:
        raise Skipped("not tried: no connection (see public-url)", blocks=False) from None
    try:
        certificate = await _shown(writer, host, carrier.tls)
    except ssl.SSLCertVerificationError as error:
        raise await _refused(host, port, error) from None
    except ssl.SSLError as error:
        raise Wrong(
            f"{host}:{port} does not speak TLS: {error.reason or error}",
            "put a TLS proxy in front of the gateway, or correct the port in GATEWAY_PUBLIC_URL",
        ) from None
    except TimeoutError:
        raise Wrong(
            f"{host}:{port} takes the connection and says nothing to TLS within {CONNECT_S:g} s",
            "see what listens there: a TLS proxy must, or GATEWAY_PUBLIC_URL has a wrong port",
        ) from None
    except OSError:
        raise Wrong(
            f"{host}:{port} breaks the TLS handshake off",
            "see the log of what listens there: it may want another version of TLS, or have no "
            "certificate for this name",
        ) from None
    return _lasting(x509.load_der_x509_certificate(certificate))


async def _shown(writer: asyncio.StreamWriter, host: str, tls: ssl.SSLContext) -> bytes:
    """The certificate a server shows (DER); the connection is closed. Raises TimeoutError when it
    says nothing, and OSError, ssl.SSLError among it.
    """
    try:
        async with asyncio.timeout(CONNECT_S):
            await writer.start_tls(tls, server_hostname=host)
        shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    return shown


async def _connected(host: str, port: int) -> asyncio.StreamWriter:
    """A connection, still without TLS. Raises OSError."""
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        raise ConnectionError("no connection in time") from None
    return writer


async def _refused(host: str, port: int, error: ssl.SSLCertVerificationError) -> Wrong:
    why = error.verify_message.removesuffix(".")
    fix = _FIXES.get(error.verify_code, "get one from a public authority (Let's Encrypt)")
    return Wrong(f"{host}:{port}: {why}{await _about(host, port)}", fix)


async def _about(host: str, port: int) -> str:
    """What a certificate says of itself, believed or not."""
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    try:
        shown = await _shown(await _connected(host, port), host, anything)
        certificate = x509.load_der_x509_certificate(shown)
    except (OSError, TimeoutError, ValueError):
        return ""
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    names = ", ".join(_names(certificate)) or "nobody"
    return f" (it is for {names}, from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC)"


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in found][:5]


def _lasting(certificate: x509.Certificate) -> str:
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    left_s = last.timestamp() - time.time()
    whole_s = (last - first).total_seconds()
    left = _duration(left_s)
    if left_s < min(_SOON_S, whole_s * _SOON_SHARE):
        raise Wrong(
            f"the certificate lasts only {left} more, until {_moment(last)}",
            _FIXES[_EXPIRED],
        )
    issuer = certificate.issuer.rfc4514_string()
    return f"valid for {', '.join(_names(certificate))}, {left} left, vouched for by {issuer}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _duration(left_s: float) -> str:
    days = int(left_s // _DAY_S)
    if days > 1:
        return f"{days} days"
    return f"{max(0, int(left_s // 60))} min"
