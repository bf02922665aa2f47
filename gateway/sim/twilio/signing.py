"""Owns Twilio's request signature, written from its documentation and not from Twilio's package.

Base64 of HMAC-SHA1, keyed with the auth token, over the full URL followed by every POST parameter
in order of its name, each as name and value (https://www.twilio.com/docs/usage/security). The
fragment is no part of it.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable


def signature(auth_token: str, url: str, pairs: Iterable[tuple[str, str]] = ()) -> str:
    """The value of `X-Twilio-Signature` for a request to `url` with these form `pairs`.

    A parameter that is repeated counts once per distinct value, in sorted order, as Twilio's
    validator has it.
    """
    text = url.partition("#")[0]
    for name, value in sorted(set(pairs)):
        text += name + value
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
