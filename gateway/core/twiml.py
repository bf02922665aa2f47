"""Owns the TwiML documents the gateway answers with; each function returns one whole document.

It must not decide anything: which document is right is the webhook's business. Every text passes
through an XML writer, never through a format string, and what XML cannot carry is refused or left
out, since Twilio answers a broken document with error 12100 and drops the call.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from twilio.twiml.voice_response import VoiceResponse

from gateway.errors import ConfigError

# Twilio docs, "TwiML Voice: <Stream>": name and value together must be under 500 characters.
_PARAMETER_LIMIT: Final = 500

_NOT_XML: Final = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def connect_stream(
    *,
    stream_url: str,
    action_url: str,
    status_url: str,
    call_sid: str,
    parameters: Mapping[str, str],
) -> str:
    """Connects the call to our media socket.

    `action_url` decides what comes after the stream, also after one that could not be opened (a
    deploy, a proxy's 503): Twilio does not ask `action` then but runs the next verb, which sends it
    there. `status_url` hears of the stream's start, stop and failure. `parameters` come back in the
    `start` message. Raises ConfigError for a `stream_url` that is not plain ws or wss (Twilio
    strips a query and refuses the rest), for callback addresses that are not absolute, and for a
    parameter too long for Twilio.
    """
    _check_stream_url(stream_url)
    _check_callback("action_url", action_url)
    _check_callback("status_url", status_url)
    response = VoiceResponse()
    stream = response.connect(action=action_url, method="POST").stream(
        url=stream_url,
        name=call_sid,
        status_callback=status_url,
        status_callback_method="POST",
    )
    for name, value in parameters.items():
        _check_parameter(name, value)
        stream.parameter(name=name, value=value)
    response.redirect(action_url, method="POST")
    return str(response)


def dial(number: str, *, action_url: str, timeout_s: int, caller_id: str = "") -> str:
    """Rings `number` (E.164, or a `sip:` address) for the call, `timeout_s` seconds long.

    `action_url` decides what comes after it, answered or not. `caller_id` is what the other side
    sees; empty leaves it to Twilio, which shows the caller's own number. Raises ConfigError for an
    address that is not absolute, or a number of characters that XML cannot carry.
    """
    _check_callback("action_url", action_url)
    if _NOT_XML.search(number + caller_id):
        raise ConfigError("a number to dial has characters that XML cannot carry")
    response = VoiceResponse()
    options = {"caller_id": caller_id} if caller_id else {}
    dialled = response.dial(action=action_url, method="POST", timeout=timeout_s, **options)
    if number.startswith("sip:"):
        dialled.sip(number)
    else:
        dialled.number(number)
    return str(response)


def conference(room: str, *, action_url: str = "") -> str:
    """Brings the call into a conference for two that ends when either of them leaves.

    Nothing is played to who is there first, and no beep to anybody. `action_url` decides what comes
    after it; without it the call ends. Raises ConfigError for an address that is not absolute.
    """
    response = VoiceResponse()
    options = {}
    if action_url:
        _check_callback("action_url", action_url)
        options = {"action": action_url, "method": "POST"}
    response.dial(**options).conference(
        room,
        beep="false",
        wait_url="",
        start_conference_on_enter=True,
        end_conference_on_exit=True,
        max_participants=2,
    )
    response.hangup()
    return str(response)


def question(
    texts: Sequence[str], *, action_url: str, timeout_s: int, goodbye: str, language: str = ""
) -> str:
    """Speaks the texts and waits for one key, also while speaking, `timeout_s` behind the last.

    `action_url` is asked in any case: with the key in `Digits`, empty when none was pressed; if it
    cannot be asked, `goodbye` is said. `language` is one of Twilio's for `<Say>`; empty leaves it
    to Twilio. Raises ConfigError for an address that is not absolute.
    """
    _check_callback("action_url", action_url)
    response = VoiceResponse()
    gather = response.gather(
        action=action_url,
        method="POST",
        num_digits=1,
        finish_on_key="",  # else # would be no key but the end of none
        timeout=timeout_s,
        action_on_empty_result=True,
    )
    gather.pause(length=1)  # who picks up says hello first
    for text in texts:
        gather.say(_NOT_XML.sub("", text), **_language(language))
    response.say(_NOT_XML.sub("", goodbye), **_language(language))
    response.hangup()
    return str(response)


def redirect(url: str) -> str:
    """Has the call ask another address. Raises ConfigError for one that is not absolute."""
    _check_callback("url", url)
    response = VoiceResponse()
    response.redirect(url, method="POST")
    return str(response)


def hangup() -> str:
    """Ends the call."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def reject_busy() -> str:
    """A busy tone, unanswered and unbilled: `<Reject>` must be the first verb for that."""
    response = VoiceResponse()
    response.reject(reason="busy")
    return str(response)


def say_and_hangup(text: str, language: str = "") -> str:
    """Answers, speaks `text` in Twilio's voice, and ends the call."""
    response = VoiceResponse()
    response.say(_NOT_XML.sub("", text), **_language(language))
    response.hangup()
    return str(response)


def _language(language: str) -> dict[str, str]:
    return {"language": language} if language else {}


def _check_stream_url(url: str) -> None:
    if not _is_absolute(url, ("ws", "wss")):
        raise ConfigError(f"stream_url {url!r} must be an absolute ws:// or wss:// address")
    if "?" in url or "#" in url:
        raise ConfigError(f"stream_url {url!r} must have no query and no fragment")


def _check_callback(name: str, url: str) -> None:
    if not _is_absolute(url, ("http", "https")):
        raise ConfigError(f"{name} {url!r} must be an absolute http:// or https:// address")


def _is_absolute(url: str, schemes: tuple[str, ...]) -> bool:
    # urlsplit drops tabs and line breaks by itself; Twilio would not.
    if not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname)


def _check_parameter(name: str, value: str) -> None:
    length = len(name) + len(value)
    if length >= _PARAMETER_LIMIT:
        raise ConfigError(
            f"stream parameter {name!r} has {length} characters with its value; "
            f"Twilio takes fewer than {_PARAMETER_LIMIT}"
        )
    if _NOT_XML.search(name) or _NOT_XML.search(value):
        raise ConfigError(f"stream parameter {name!r} has characters that XML cannot carry")
