"""Owns `<Say>`, `<Play>` and `<Pause>`: they take their time, and the caller knows that something
is heard.

Nothing is synthesised: the tracks of a call hold media streams only.
https://www.twilio.com/docs/voice/twiml
"""

import asyncio
import io
import wave
from collections.abc import Awaitable, Callable

from gateway.sim.twilio.debugger import TwilioFault
from gateway.sim.twilio.flow import Flow
from gateway.sim.twilio.run import Run
from gateway.sim.twilio.twiml import Verb
from gateway.sim.twilio.webhooks import Answer

_DIGIT_S = 0.5


async def say(run: Run, verb: Verb) -> Flow:
    """Takes as long as the text is."""
    run.call.note("say", verb.text)
    await _prompt(run, verb, len(verb.text) * run.exchange.options.say_ms_per_character / 1000)
    return None


async def play(run: Run, verb: Verb) -> Flow:
    """Takes as long as the file, which is fetched; with `digits`, half a second for each."""
    if digits := verb.get("digits"):
        run.call.note("play-digits", digits)
        await _prompt(run, verb, _DIGIT_S * len(digits))
        return None
    url = run.resolve(verb.text)
    run.call.note("play", url)
    try:
        answer = await run.exchange.webhooks.fetch(run.call.sid, url, (), "GET")
    except TwilioFault as fault:
        run.call.report(fault.code, fault.detail)
        return None
    await _prompt(run, verb, _duration_s(answer))
    return None


async def pause(run: Run, verb: Verb) -> Flow:
    """Silence."""
    run.call.script_runs = True
    await asyncio.sleep(verb.number("length", 1))
    return None


PROMPTS: dict[str, Callable[[Run, Verb], Awaitable[Flow]]] = {
    "Pause": pause,
    "Play": play,
    "Say": say,
}
"""What may stand in a `<Gather>`."""


async def _prompt(run: Run, verb: Verb, seconds: float) -> None:
    run.call.script_runs = True
    run.call.prompting = True
    try:
        await asyncio.sleep(seconds * max(1, verb.number("loop", 1)))
    finally:
        run.call.prompting = False


def _duration_s(answer: Answer) -> float:
    """Of a WAV file what it says itself; of anything else as if it were mu-law."""
    if answer.body.startswith(b"RIFF"):
        try:
            with wave.open(io.BytesIO(answer.body), "rb") as file:
                return file.getnframes() / file.getframerate()
        except (wave.Error, EOFError):
            return 0.0
    return len(answer.body) / 8000
