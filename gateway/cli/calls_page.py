"""A call as one HTML file: sound, words, times and costs, to look at without any server or network.

Owns how the file is put together and closed against what people said in it: their words travel in a
block of JSON and become text nodes, only the page's own style and script may run (by their hashes),
and nothing may be fetched. What the page looks like is the dashboard's page of a call
(``web/static/call/``), its modules put behind each other into one script.
"""

import base64
import contextlib
import hashlib
import json
import math
import os
import re
import secrets
import struct
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from gateway.core.g711 import audioop, to_pcm16
from gateway.core.waveform import STEP_MS, peaks
from gateway.errors import GatewayError

MOST_AUDIO_BYTES = 20_000_000
"""A larger recording stays beside the page (20 minutes of mu-law): the page asks for the file."""
MODULES = (
    "words",
    "icons",
    "dom",
    "timebutton",
    "marks",
    "model",
    "lanes",
    "loudness",
    "signs",
    "paint",
    "strip",
    "player",
    "sound",
    "head",
    "notes",
    "transcript",
    "latency",
    "usage",
    "happenings",
    "frame",
    "keys",
    "view",
    "theme",
)
"""The dashboard's modules a call is drawn with, each after those it builds on."""

_ROWS = ("turns", "tools", "handoffs", "guardrails", "usage", "notes", "events")
_PCM16, _MULAW = 1, 7
_IMPORT = re.compile(r'^import \{[\w, ]+\} from "[\w./]+";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|function|class) )", re.MULTILINE)
_POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; media-src data: blob:; "
    "img-src data:; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def write_page(record: Mapping[str, Any], audio: bytes | None, out: Path) -> None:
    """Writes the page of a call, readable by its owner only; an older file is replaced whole.

    ``record`` is what ``gateway calls show --json`` prints, ``audio`` its recording as a stereo WAV
    file (caller left). Raises GatewayError, which names the file, when it cannot be written.
    """
    draft = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(page_of(record, audio).encode())
        os.replace(draft, out)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise GatewayError(f"{out}: {error.strerror or error}") from None


def page_of(record: Mapping[str, Any], audio: bytes | None) -> str:
    """The page of a call as HTML."""
    script, style = _script(), _style()
    policy = _POLICY.format(script=_hash_of(script), style=_hash_of(style))
    embedded = audio is not None and len(audio) <= MOST_AUDIO_BYTES
    # One pass, so that nothing anybody said is ever taken for a place to fill in.
    return Template(_text("template.html")).substitute(
        policy=policy,
        style=style,
        script=script,
        data=_as_json({**_parts(record), "sound": _sound(audio, embedded=embedded)}),
        source=_source(audio) if audio is not None and embedded else "",
    )


@cache
def _text(name: str) -> str:
    return (files("gateway.cli") / "page" / name).read_text(encoding="utf-8")


@cache
def _style() -> str:
    folder = files("gateway.web") / "static" / "css"
    names = ("tokens.css", "call.css", "paper.css")
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


@cache
def _script() -> str:
    """The modules as one script: what they import from each other is above them."""
    folder = files("gateway.web") / "static" / "call"
    modules = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in MODULES]
    return "\n".join(['"use strict";', *map(unbound, [*modules, _text("main.js")])])


def unbound(module: str) -> str:
    """A module without its imports and exports, which name things only as they are."""
    return _EXPORT.sub("", _IMPORT.sub("", module))


def _hash_of(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _source(audio: bytes) -> str:
    return f' src="data:audio/wav;base64,{base64.b64encode(audio).decode()}"'


# What the script reads


def _parts(record: Mapping[str, Any]) -> dict[str, Any]:
    """The call's own columns, and the rows that belong to it by table."""
    return {name: record[name] for name in ("call", *_ROWS) if name in record}


def _sound(audio: bytes | None, *, embedded: bool) -> dict[str, Any]:
    """What the page knows of the recording: its peaks, and why it is not in the page."""
    if audio is None:
        return {"missing": "none"}
    sound: dict[str, Any] = {"bytes": len(audio), "step_ms": STEP_MS}
    if not embedded:
        sound["missing"] = "large"
    tracks = tracks_of(audio)
    if tracks is None:
        return {**sound, "missing": "unreadable"}
    for who, pcm in zip(("caller", "agent"), tracks, strict=True):
        sound[who] = base64.b64encode(peaks(pcm)).decode()
    return sound


def _as_json(value: Any) -> str:
    """JSON in ASCII that no HTML parser sees an end or a comment in."""
    text = json.dumps(_finite(value), default=_moment, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finite(value: Any) -> Any:
    """The same without numbers JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def _moment(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


# What the recording looks like


def tracks_of(audio: bytes) -> tuple[bytes, bytes] | None:
    """Caller and agent as PCM16 at 8 kHz; None unless it is a stereo WAV file of mu-law or PCM16.

    A file that was never finished counts as far as it goes.
    """
    chunks = dict(_chunks(audio))
    form, data = chunks.get(b"fmt ", b""), chunks.get(b"data")
    if data is None or len(form) < 16:
        return None
    kind, channels, rate = struct.unpack_from("<HHI", form)
    bits = struct.unpack_from("<H", form, 14)[0]
    if (channels, rate) != (2, 8000) or (kind, bits) not in {(_MULAW, 8), (_PCM16, 16)}:
        return None
    if kind == _MULAW:
        return to_pcm16(data[0::2]), to_pcm16(data[1::2])
    pcm = data[: len(data) - len(data) % 4]
    return audioop.tomono(pcm, 2, 1, 0), audioop.tomono(pcm, 2, 0, 1)


def _chunks(audio: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a WAV file by name."""
    if audio[:4] != b"RIFF" or audio[8:12] != b"WAVE":
        return
    at = 12
    while at + 8 <= len(audio):
        name, size = struct.unpack_from("<4sI", audio, at)
        unfinished = name == b"data" and size == 0
        size = len(audio) if unfinished else size
        yield name, audio[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
