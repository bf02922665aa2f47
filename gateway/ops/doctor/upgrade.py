"""Does a media socket get through: HTTP 101, and what came instead?"""

import ssl

from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus

from gateway.core.refused import HEADER
from gateway.ops.doctor.carrier import CONNECT_S, Carrier
from gateway.ops.doctor.finding import Wrong

_NGINX = (
    "nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
    'proxy_set_header Connection "upgrade"'
)
_PASS = f"let the proxy pass WebSocket upgrades on ({_NGINX}; others: docs/doctor.md)"


async def socket_opens(carrier: Carrier) -> str:
    """Where. Raises Wrong with what came in place of a 101. The socket is closed again at once."""
    url = carrier.settings.stream_url
    try:
        connection = await carrier.open(url)
    except InvalidStatus as error:
        raise _refused(error) from None
    except InvalidMessage:
        raise Wrong("the connection was closed in place of a 101", _PASS) from None
    except InvalidHandshake as error:
        raise Wrong(f"the answer to the upgrade is broken: {error}", _PASS) from None
    except TimeoutError:
        raise Wrong(f"no 101 within {CONNECT_S:g} s", _PASS) from None
    except ssl.SSLError as error:
        raise Wrong(f"no TLS for {url}: {error.reason or error}", "see certificate") from None
    except (OSError, EOFError) as error:
        words = str(error) or type(error).__name__
        raise Wrong(f"no connection for {url}: {words}", _PASS) from None
    await connection.close()
    return f"{url} is upgraded (101)"


def _refused(error: InvalidStatus) -> Wrong:
    answer = error.response
    status, reason = answer.status_code, answer.headers.get(HEADER, "")
    if reason == "upgrade_signature":
        return Wrong(
            "the gateway refuses the upgrade (403): the signature does not arrive, or is for "
            "another address than the stream's",
            "let the proxy pass X-Twilio-Signature on with upgrades, too; restart the gateway if "
            "GATEWAY_PUBLIC_URL was changed",
        )
    if reason:
        return Wrong(f"the gateway refuses the upgrade ({reason})", "see docs/addresses.md")
    who = answer.headers.get("server") or "a server that does not say what it is"
    said = f"HTTP {status} in place of 101, from {who}"
    body = (answer.body or b"")[:60].decode(errors="replace").strip()
    if status in (400, 404, 405, 426):
        # What a gateway says to an ordinary request for this path is 404.
        return Wrong(f"{said}: the upgrade is lost on the way ({body!r})", _PASS)
    if status in (401, 403):
        return Wrong(
            f"{said}, not by the gateway's media socket: {body!r}",
            "let requests to /twilio/media through under this very path: no login, no firewall "
            "rule, no bot check",
        )
    return Wrong(f"{said}: {body!r}", _PASS)
