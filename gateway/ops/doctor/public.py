"""Does the public address lead to this gateway, and do signed requests arrive as they were sent?"""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.ops.doctor.carrier import Answer, Carrier, NoAnswer, new_call_sid
from gateway.ops.doctor.finding import Skipped, Wrong
from gateway.ops.doctor.running import json_object, local_base
from gateway.ops.doctor.setup import credentials_fault
from gateway.settings import is_loopback

HARMLESS = "/twilio/stream-status"
"""A webhook that only writes a line into the log."""
_BEHIND = (502, 503, 504, 520, 521, 522, 523, 524, 530)
"""What proxies (and Cloudflare) answer when nobody is behind them."""


async def public_url_ours(carrier: Carrier) -> str:
    """How long it takes. Raises Wrong when the address leads nowhere, or not to a gateway."""
    if not carrier.base:
        raise Skipped("not tried: GATEWAY_PUBLIC_URL is not set")
    _check_reachable(carrier)
    try:
        answer = await carrier.get(f"{carrier.base}/healthz")
    except NoAnswer as error:
        raise _silent(carrier, error) from None
    if answer.status == 200 and json_object(answer.body).get("status") == "ok":
        return f"{carrier.base} leads to a gateway ({answer.took_ms:.0f} ms)"
    raise await _not_ours(carrier, answer)


async def signature_arrives(carrier: Carrier) -> str:
    """That it does. Raises Wrong when a rightly signed webhook is refused, with the reason."""
    if fault := credentials_fault(carrier.settings):
        raise Skipped(f"not tried: {fault}")
    form = carrier.form(new_call_sid(), "completed", StreamEvent="gateway-doctor")
    try:
        answer = await carrier.post(HARMLESS, form)
    except NoAnswer as error:
        raise _silent(carrier, error) from None
    if answer.status == 204:
        return "a signed webhook is accepted"
    raise await _refused(carrier, answer, form)


def _check_reachable(carrier: Carrier) -> None:
    """Raises Wrong for an address of this machine or network, unless the carrier is there, too."""
    api = carrier.settings.twilio_api_url
    if api and is_loopback(api):
        return
    if is_loopback(carrier.base) or _is_private(urlsplit(carrier.base).hostname or ""):
        raise Wrong(
            f"{carrier.base} is an address of this machine or network: Twilio cannot reach it",
            "set GATEWAY_PUBLIC_URL to a public https address (a TLS proxy or tunnel in front of "
            "the gateway)",
        )


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _silent(carrier: Carrier, error: NoAnswer) -> Wrong:
    if error.connected:
        return Wrong(
            f"{carrier.host}: {error}", f"see why what is there does not pass requests on; {_to()}"
        )
    return Wrong(
        f"{carrier.host} cannot be reached: {error}",
        "start the proxy or tunnel, open the port in the firewall, or correct host and port in "
        "GATEWAY_PUBLIC_URL",
    )


async def _not_ours(carrier: Carrier, answer: Answer) -> Wrong:
    if answer.status in _BEHIND:
        return Wrong(
            f"{carrier.host} answers HTTP {answer.status} ({answer.who}): it does not reach the "
            "gateway behind it",
            f"let it pass requests on to {local_base(carrier)}",
        )
    if moved := _redirect(carrier, answer):
        return moved
    if prefix := urlsplit(carrier.base).path:
        bare = carrier.base.removesuffix(prefix)
        if await _is_gateway(carrier, bare):
            return Wrong(
                f"the gateway is at {bare}, not at {carrier.base}: the prefix {prefix} is not "
                "taken off",
                f"let the proxy take {prefix} off, or set GATEWAY_PUBLIC_URL to {bare}",
            )
    return Wrong(
        f"{carrier.base}/healthz is answered by something else: HTTP {answer.status} "
        f"({answer.who}) {answer.words!r}",
        f"correct GATEWAY_PUBLIC_URL, or let what is there pass all paths on, unchanged, to "
        f"{local_base(carrier)}",
    )


async def _is_gateway(carrier: Carrier, base: str) -> bool:
    try:
        answer = await carrier.get(f"{base}/healthz")
    except NoAnswer:
        return False
    return json_object(answer.body).get("status") == "ok"


def _redirect(carrier: Carrier, answer: Answer) -> Wrong | None:
    if not 300 <= answer.status < 400:
        return None
    target = answer.headers.get("location", "")
    base = target.partition("/healthz")[0].partition("/twilio")[0]
    return Wrong(
        f"{carrier.base} redirects (HTTP {answer.status}) to {target or 'nowhere'}",
        f"set GATEWAY_PUBLIC_URL to where it leads ({base}): signatures are for one address",
    )


async def _refused(carrier: Carrier, answer: Answer, form: dict[str, str]) -> Wrong:
    """Whose refusal it is, and what it is about."""
    status = answer.status
    if answer.refused == "signature_missing":
        return Wrong(
            "the signature does not arrive: something on the way drops the header "
            "X-Twilio-Signature",
            "let the proxy pass all headers on (nginx: proxy_pass_request_headers on)",
        )
    if answer.refused == "other_account":
        return Wrong(
            "the running gateway has another TWILIO_ACCOUNT_SID than these settings",
            "restart `gateway serve` with these settings, or run the doctor with its settings",
        )
    if answer.refused:
        return await _signed_wrongly(carrier, form)
    if moved := _redirect(carrier, answer):
        return moved
    if status in _BEHIND:
        return Wrong(
            f"{carrier.host} answers HTTP {status} ({answer.who}) to a webhook",
            f"let it pass POST requests on to {local_base(carrier)}",
        )
    if status in (401, 403):
        return Wrong(
            f"HTTP {status} to a signed webhook comes from {answer.who}, not from the gateway: "
            f"{answer.words!r}",
            "let requests to /twilio/ through: no login, no firewall rule, no bot check (the "
            "gateway checks signatures itself)",
        )
    return Wrong(
        f"a webhook is answered HTTP {status} ({answer.who}) {answer.words!r}: it does not arrive "
        f"as POST {HARMLESS}",
        f"let the proxy pass method, path and body on unchanged; {_to()}",
    )


async def _signed_wrongly(carrier: Carrier, form: dict[str, str]) -> Wrong:
    """Our own gateway says so: it knows another address or token, or another request arrives."""
    for base in _other_bases(carrier):
        if await _accepted(carrier, form, signed_as=base):
            return Wrong(
                f"the running gateway checks signatures for {base}, not for {carrier.base}",
                "restart `gateway serve` with this GATEWAY_PUBLIC_URL (scheme, host, port and "
                "prefix as Twilio calls them)",
            )
    if await _accepted(carrier, form, to=local_base(carrier)):
        return Wrong(
            "the gateway accepts the signature, but not through the proxy: path, query or body "
            "are changed on the way",
            f"let the proxy pass them on unchanged; {_to()}",
        )
    return Wrong(
        "the running gateway does not accept our signature: it has another TWILIO_AUTH_TOKEN or "
        "GATEWAY_PUBLIC_URL than these settings",
        "restart `gateway serve` with these settings, or run the doctor with its settings",
    )


async def _accepted(
    carrier: Carrier, form: dict[str, str], *, to: str = "", signed_as: str = ""
) -> bool:
    try:
        answer = await carrier.post(HARMLESS, form, to=to, signed_as=signed_as)
    except NoAnswer:
        return False
    return answer.status == 204


def _other_bases(carrier: Carrier) -> Iterator[str]:
    """Addresses a gateway may have been given in place of ours, the likely mistakes first."""
    parts = urlsplit(carrier.base)
    host, path = parts.hostname or "", parts.path
    host = f"[{host}]" if ":" in host else host
    other = "http" if parts.scheme == "https" else "https"
    yield f"{other}://{parts.netloc}{path}"
    if path:
        yield f"{parts.scheme}://{parts.netloc}"
        yield f"{other}://{parts.netloc}"
    if parts.port:
        yield f"{parts.scheme}://{host}{path}"
    yield f"{parts.scheme}://{host}:{carrier.settings.port}{path}"
    yield local_base(carrier)
    yield f"http://localhost:{carrier.settings.port}"


def _to() -> str:
    return "docs/doctor.md has a proxy's configuration that works"
