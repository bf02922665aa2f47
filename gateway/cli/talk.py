"""``gateway talk``: a call with an agent of the running gateway, from the terminal."""

import asyncio
import contextlib
import json
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from gateway.cli.calls_text import console, inert
from gateway.cli.gatewayapi import GatewayApi, Refused, Unreachable
from gateway.cli.talk_keys import typed
from gateway.cli.talk_sound import Sound, Tape, devices_of
from gateway.cli.talk_stream import KEYS, PhoneStream
from gateway.cli.talk_words import Words
from gateway.core.g711 import FRAME_MS, SILENCE_FRAME
from gateway.errors import ConfigError, GatewayError
from gateway.ops.load.sound import load_sound
from gateway.settings import load_settings

PATIENCE_MS = 3000
"""So long the agent may be silent after the recording of the caller is over, then it hangs up."""
_MOST_UNSENT = 150
"""Messages; a gateway that reads none for three seconds hears nothing late."""
_LAST_WORDS_S = 1.0
"""So long the board may take to tell of the end."""
_DECISIONS = {"t": "completed", "b": "busy", "n": "no-answer"}
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LOST = "the connection to the gateway was lost"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    agent: str | None
    called: str | None
    heard_from: Path | None
    kept_in: Path | None
    microphone: str | None = None
    speaker: str | None = None


def show_devices() -> int:
    """Prints the sound devices. Raises GatewayError without any."""
    typer.echo(str(devices_of().query_devices()) or "There are no sound devices.")
    return 0


def run_talk(gateway: str | None, wanted: Wanted) -> int:
    """Talks until the call is over. Raises GatewayError with why there is none."""
    if wanted.called is not None and not _E164.fullmatch(wanted.called):
        raise ConfigError(f"--called: {wanted.called} is no number such as +15550001000")
    tape = None if wanted.heard_from is None else Tape(load_sound(wanted.heard_from))
    if tape is None or wanted.kept_in is None:
        devices_of()  # rather now than when the agent already speaks
    sound = Sound(tape, wanted.kept_in, wanted.microphone, wanted.speaker)
    out = console()

    def say(words: str) -> None:
        out.print(inert(words), soft_wrap=True)

    with GatewayApi(load_settings(), gateway) as api:
        conversation = Conversation(api, sound, tape, say)
        try:
            why = asyncio.run(conversation.run(wanted.agent, wanted.called))
        except Unreachable as error:
            raise GatewayError(f"{error}; start one with `gateway serve --offline`") from None
    say(why)
    return 0


class Conversation:
    """One call, over one stream or several."""

    def __init__(
        self, api: GatewayApi, sound: Sound, tape: Tape | None, say: Callable[[str], None]
    ) -> None:
        self._api = api
        self._sound = sound
        self._tape = tape
        self._say = say
        self._words = Words(say)
        self._stream: PhoneStream | None = None
        self._outbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._decision: asyncio.Future[str] | None = None
        self._hung_up = asyncio.Event()
        self._silent_ms = 0

    async def run(self, agent: str | None, called: str | None) -> str:
        """The whole call; why it ended, in words. Raises GatewayError."""
        placed = await self._ask("/api/phone", {"agent": agent, "called": called})
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # of some systems' loops
            loop.add_signal_handler(signal.SIGINT, self._hang_up)
        with typed(self._key) as keyboard:
            keys = "keys are the phone's, q" if keyboard else "Ctrl-C"
            whom = agent or "the agent of the route"
            self._say(f"calling {whom} ({placed['call_sid']}); {keys} hangs up")
            following = loop.create_task(self._follow(placed["call_sid"]))
            beside = [loop.create_task(self._sound.run(self._tick)), following]
            talking = loop.create_task(self._talk(placed))
            try:
                # A device that fails ends the call; words that do not come do not.
                await asyncio.wait({talking, beside[0]}, return_when=asyncio.FIRST_COMPLETED)
                self._hang_up()
                if beside[0].done():
                    beside[0].result()
                why = await talking
                await asyncio.wait({following}, timeout=_LAST_WORDS_S)
                return why
            finally:
                for task in (talking, *beside):
                    task.cancel()
                await asyncio.gather(talking, *beside, return_exceptions=True)
                self._words.finish()

    # The streams

    async def _talk(self, placed: dict[str, Any]) -> str:
        stream = placed
        while True:
            await self._over_one(stream)
            if self._hung_up.is_set():
                return "you hung up"
            onward = await self._next(placed, {"after": "stream", "there": True})
            if onward["do"] == "dial":
                status = await self._decided(onward)
                gone = {"after": "dial", "status": status, "there": not self._hung_up.is_set()}
                onward = await self._next(placed, gone)
            if onward["do"] != "connect" or self._hung_up.is_set():
                return onward.get("say") or "the call is over"
            stream = {**placed, **onward}

    async def _over_one(self, placed: dict[str, Any]) -> None:
        """One stream, from its upgrade until it is closed."""
        async with self._socket("/api/phone") as socket:
            self._outbox = asyncio.Queue()
            stream = PhoneStream(placed, self._outbox.put_nowait)
            stream.begin()
            self._stream = stream
            writing = asyncio.get_running_loop().create_task(self._write(socket))
            try:
                async for text in socket:
                    if isinstance(text, str) and stream.hear(text):
                        self._sound.cut()
            except ConnectionClosed:
                pass  # what comes next is asked for either way
            finally:
                self._stream = None
                self._sound.cut()
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    async def _write(self, socket: ClientConnection) -> None:
        while (text := await self._outbox.get()) is not None:
            await socket.send(text)
        await socket.close()

    def _tick(self, said: bytes) -> bytes:
        """20 ms pass."""
        stream = self._stream
        if stream is None or self._hung_up.is_set() or self._outbox.qsize() > _MOST_UNSENT:
            return SILENCE_FRAME
        heard = stream.frame(said)
        if self._tape is not None and self._tape.over:
            self._silent_ms = self._silent_ms + FRAME_MS if heard == SILENCE_FRAME else 0
            if self._silent_ms >= PATIENCE_MS:
                self._hang_up()
        return heard

    # The person

    def _hang_up(self) -> None:
        if self._hung_up.is_set():
            return
        self._hung_up.set()
        if self._stream is not None:
            self._stream.stop()
            self._outbox.put_nowait(None)
        self._decide("no-answer")

    def _key(self, key: str) -> None:
        if key == "q":
            self._hang_up()
        elif self._decision is not None:
            if key in _DECISIONS:
                self._decide(_DECISIONS[key])
        elif self._stream is not None and key in KEYS:
            self._stream.press(key)

    async def _decided(self, dial: dict[str, Any]) -> str:
        """How the transfer went; nobody is rung, so the person says it."""
        about = f" ({dial['description']})" if dial.get("description") else ""
        self._say(
            f"  · the caller would be connected to {dial['destination']}{about} now: "
            f"t = they talked, b = busy, n = no answer (in {dial['timeout_s']} s by itself)"
        )
        self._decision = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(dial["timeout_s"]):
                return await self._decision
        except TimeoutError:
            return "no-answer"
        finally:
            self._decision = None

    def _decide(self, status: str) -> None:
        if self._decision is not None and not self._decision.done():
            self._decision.set_result(status)

    # The words

    async def _follow(self, call_sid: str) -> None:
        """What is said, as the live board has it; without it the call goes on unread."""
        try:
            async with self._socket("/api/live") as socket:
                await socket.send(json.dumps({"watch": [f"call:{call_sid}"]}))
                async for text in socket:
                    told = json.loads(text)
                    entries = told.get("entries") or (told.get("call") or {}).get("entries")
                    self._words.hear(entries or ())
                    if told.get("ended"):
                        return
        except (GatewayError, ConnectionClosed) as error:
            self._say(f"  · what is said cannot be shown ({error})")

    # The gateway

    async def _next(self, placed: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._ask(f"/api/phone/{placed['call_sid']}/next", after)
        except (Unreachable, Refused):
            return {"do": "hangup", "say": _LOST}

    async def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(self._api.ask, "POST", path, json=body)

    @contextlib.asynccontextmanager
    async def _socket(self, path: str) -> Any:
        url = f"ws{self._api.url.removeprefix('http')}{path}"
        try:
            socket = await connect(
                url,
                additional_headers=self._api.headers,
                compression=None,
                proxy=None,
                close_timeout=2,
            )
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise GatewayError(f"{path} does not open: {error}") from None
        async with socket:
            yield socket
