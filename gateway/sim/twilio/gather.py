"""Owns `<Gather>` for keys. Speech is never recognised.

https://www.twilio.com/docs/voice/twiml/gather
"""

import asyncio

from gateway.sim.twilio.flow import Flow
from gateway.sim.twilio.prompts import PROMPTS
from gateway.sim.twilio.run import Run
from gateway.sim.twilio.twiml import Verb


async def gather(run: Run, verb: Verb) -> Flow:
    """Plays the prompts while collecting keys. With keys, `action` (or this document again) goes
    on."""
    call = run.call
    call.script_runs = True
    call.digits = asyncio.Queue()
    prompts = asyncio.create_task(_prompts(run, verb))
    try:
        digits, finish = await _collect(call.digits, prompts, verb)
    finally:
        call.digits = None
        prompts.cancel()
        await asyncio.wait({prompts})
    call.note("gathered", digits)
    if digits or verb.flag("actionOnEmptyResult"):
        pairs = (("Digits", digits), ("FinishedOnKey", finish))
        return run.action(verb, pairs, default=run.document_url)
    return None


async def _prompts(run: Run, verb: Verb) -> None:
    for child in verb.children:
        await PROMPTS[child.name](run, child)


async def _collect(
    queue: asyncio.Queue[str], prompts: asyncio.Task[None], verb: Verb
) -> tuple[str, str]:
    """The keys, and the finishing key if it was pressed. The timeout runs from prompt or last
    key."""
    finish_on = verb.get("finishOnKey", "#")
    limit = int(verb.number("numDigits", 0))
    digits = ""
    key = await _first_key(queue, prompts, verb)
    while key and key not in finish_on:
        digits += key
        if limit and len(digits) >= limit:
            return digits, ""
        key = await _key(queue, verb)
    return digits, key


async def _first_key(queue: asyncio.Queue[str], prompts: asyncio.Task[None], verb: Verb) -> str:
    """The key that interrupts the prompts or comes in time after them; empty when none comes."""
    first = asyncio.create_task(queue.get())
    try:
        await asyncio.wait({first, prompts}, return_when=asyncio.FIRST_COMPLETED)
        done, _ = await asyncio.wait({first}, timeout=verb.number("timeout", 5))
    finally:
        prompts.cancel()
        first.cancel()
    return first.result() if done else ""


async def _key(queue: asyncio.Queue[str], verb: Verb) -> str:
    try:
        async with asyncio.timeout(verb.number("timeout", 5)):
            return await queue.get()
    except TimeoutError:
        return ""
