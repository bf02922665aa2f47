"""``/api/records/{call_sid}/audio`` and ``/peaks``: the sound of a recorded call.

Files are read, decrypted and looked through on threads, a piece at a time, and no further than
whoever takes the sound has taken what was sent.
"""

import asyncio
import base64
import json
import re
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.core.g711 import to_pcm16
from gateway.core.waveform import STEP_MS, peaks
from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.store.recordings.audio import agent, caller, recording_path, why_none
from gateway.store.recordings.playback import Playback
from gateway.store.recordings.vault import open_vault
from gateway.store.records.readingroom import ReadingRoom
from gateway.web.api.answers import answered_text
from gateway.web.api.endpoint import Endpoint
from gateway.web.api.records import asked

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
STUCK_S = 30.0
"""Whoever takes nothing for so long gets no more."""
_LOOKED_AT_BYTES = 100 * STEP_MS * 16
"""Of sound, at a time: so long the thread that looks for peaks keeps all others waiting."""
_WHY_NONE = {
    "purged": "the recording of this call was deleted",
    "not_recorded": "this call was not recorded",
    "unfinished": "this call is still being recorded",
}


class Part(NamedTuple):
    """A part of a file: from a place to before another."""

    begin: int
    end: int


class Sound(Response):
    """The answer with a recording or a part of it; closes it in the end."""

    def __init__(self, request: Request, playback: Playback, part: Part | None, tag: str) -> None:
        sent = part or Part(0, playback.size)
        headers = {
            "Accept-Ranges": "bytes",
            "Cache-Control": "no-store",
            "Content-Length": str(sent.end - sent.begin),
            "ETag": tag,
        }
        if part is not None:
            headers["Content-Range"] = f"bytes {sent.begin}-{sent.end - 1}/{playback.size}"
        super().__init__(None, 200 if part is None else 206, headers, "audio/wav")
        self._request = request
        self._playback = playback
        self._part = sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it, as fast as it is taken."""
        try:
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
            if scope["method"] != "HEAD":
                await self._body(send)
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._playback.close()

    async def _body(self, send: Send) -> None:
        at, end = self._part
        while at < end and not await self._request.is_disconnected():
            piece = await asyncio.to_thread(self._piece, at)
            at += len(piece)
            async with asyncio.timeout(STUCK_S):
                await send({"type": "http.response.body", "body": piece, "more_body": True})

    def _piece(self, at: int) -> bytes:
        # A GatewayError for damage comes too late for an answer: the connection breaks off.
        piece = self._playback.read(at)[: self._part.end - at]
        if not piece:
            raise GatewayError(f"{self._playback.name}: ends too soon")
        return piece


class RecordingHandlers:
    """The recordings of past calls."""

    def __init__(self, settings: Settings, records: ReadingRoom | None) -> None:
        self._settings = settings
        self._folder = settings.data_dir / "recordings"
        self._records = records

    def endpoints(self) -> list[Endpoint]:
        """The addresses."""
        one = "/api/records/{call_sid}"
        return [
            Endpoint(
                "GET", f"{one}/audio", "viewer", self.audio, "Its recording: a stereo WAV file"
            ),
            Endpoint("GET", f"{one}/peaks", "viewer", self.peaks, "What its recording looks like"),
        ]

    async def audio(self, request: Request) -> Response:
        """The recording, whole or the part of ``Range``: caller left, agent right."""
        playback = await self._opened(request)
        tag = f'"{playback.name.partition(".")[0]}-{playback.size}"'
        wanted = request.headers.get("range")
        if request.headers.get("if-range", tag) != tag:
            wanted = None
        try:
            part = part_of(wanted, playback.size)
        except ValueError:
            playback.close()
            raise HTTPException(
                416,
                f"range: the file has {playback.size} bytes",
                {"Content-Range": f"bytes */{playback.size}"},
            ) from None
        return Sound(request, playback, part, tag)

    async def peaks(self, request: Request) -> Response:
        """The loudest sample of every 20 ms of both sides, as bytes in base64."""
        playback = await self._opened(request)
        try:
            return answered_text(await asyncio.to_thread(_peaks, playback))
        except GatewayError as error:
            raise HTTPException(503, str(error)) from None
        finally:
            await asyncio.to_thread(playback.close)

    async def _opened(self, request: Request) -> Playback:
        """The recording of the call, open. HTTPException when there is none to be read."""
        call_sid = request.path_params["call_sid"]
        call = await asked(self._records, lambda reader: reader.call(call_sid))
        if call is None:
            raise HTTPException(404, "no such call is recorded")
        reason = why_none(call)
        if reason is not None:
            raise HTTPException(404, _WHY_NONE[reason])
        try:
            return await asyncio.to_thread(self._open, call["recording"])
        except GatewayError as error:
            raise HTTPException(503, str(error)) from None

    def _open(self, file: str) -> Playback:
        # The keys are read anew each time: a new one must not need a restart, nor an old one stay.
        return Playback(recording_path(self._folder, file), open_vault(self._settings))


def part_of(header: str | None, size: int) -> Part | None:
    """The part of a file a header ``Range`` asks for; None = all of it: nothing is asked for, or
    what this server need not understand (RFC 9110, 14.2). Raises ValueError when there is no such
    part.
    """
    found = _RANGE.fullmatch((header or "").strip())
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        part = Part(max(0, size - int(last)), size)
    else:
        if last and int(last) < int(first):
            return None
        part = Part(int(first), min(size, int(last) + 1) if last else size)
    if part.begin >= part.end:
        raise ValueError
    return part


def _peaks(playback: Playback) -> str:
    sides = bytearray(), bytearray()
    rest = b""
    at = 0
    while at < playback.audio_bytes:
        piece = playback.audio(at, _LOOKED_AT_BYTES - len(rest))
        at += len(piece)
        rest += piece
        if len(rest) == _LOOKED_AT_BYTES or at >= playback.audio_bytes or not piece:
            for side, channel in zip(sides, (caller(rest), agent(rest)), strict=True):
                side += peaks(to_pcm16(channel))
            rest = b""
        if not piece:
            break
    shown: dict[str, Any] = {"step_ms": STEP_MS}
    for name, side in zip(("caller", "agent"), sides, strict=True):
        shown[name] = base64.b64encode(side).decode()
    return json.dumps(shown)
