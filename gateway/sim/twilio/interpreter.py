"""Owns the running of TwiML for one call: fetching a document, falling back, walking through its
verbs.

Verbs that take more than a few lines have a file of their own.
https://www.twilio.com/docs/voice/twiml
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.sim.twilio.call import TwinCall
from gateway.sim.twilio.connect import connect
from gateway.sim.twilio.debugger import TwilioFault
from gateway.sim.twilio.dial import dial
from gateway.sim.twilio.exchange import Exchange
from gateway.sim.twilio.flow import Ending, Fetch, Flow, Inline, Source
from gateway.sim.twilio.gather import gather
from gateway.sim.twilio.parameters import voice_pairs
from gateway.sim.twilio.prompts import PROMPTS
from gateway.sim.twilio.run import Pairs, Run
from gateway.sim.twilio.twiml import Document, Verb, parse, parse_text

Handler = Callable[[Run, Verb], Awaitable[Flow]]


@dataclass(frozen=True, slots=True)
class _Loaded:
    document: Document
    url: str


class Interpreter:
    """Follows TwiML from one source to wherever it leads."""

    def __init__(self, exchange: Exchange, call: TwinCall) -> None:
        self._exchange = exchange
        self._call = call

    async def run(self, source: Source) -> None:
        """Until the verbs run out or one of them ends the call."""
        following: Source | None = source
        while following is not None:
            loaded = await self._load(following)
            if loaded is None:
                self._call.end(Ending("application-error"))
                return
            following = await self._execute(loaded)

    async def _load(self, source: Source) -> _Loaded | None:
        """The document, or the one of the fallback URL, or None."""
        try:
            return await self._read(source)
        except TwilioFault as fault:
            self._call.report(fault.code, fault.detail)
            fallback = self._call.fallback
            if fallback is None:
                return None
            error: Pairs = (("ErrorCode", str(fault.code)),)
            if isinstance(source, Fetch):
                error = (*error, ("ErrorUrl", source.url))
        try:
            return await self._read(Fetch(*fallback, pairs=error))
        except TwilioFault as fault:
            self._call.report(fault.code, fault.detail)
            return None

    async def _read(self, source: Source) -> _Loaded:
        if isinstance(source, Inline):
            return _Loaded(parse_text(source.twiml), "")
        call = self._call
        pairs = voice_pairs(self._exchange.options.account_sid, call, source.pairs)
        call.note("webhook", source.url)
        answer = await self._exchange.webhooks.fetch(call.sid, source.url, pairs, source.method)
        return _Loaded(parse(answer.body, answer.content_type), source.url)

    async def _execute(self, loaded: _Loaded) -> Source | None:
        """All verbs of one document. Returns the next source, None at the end of the call."""
        call = self._call
        for code, detail in loaded.document.warnings:
            call.report(code, detail)
        run = Run(self._exchange, call, loaded.url)
        for verb in loaded.document.verbs:
            if call.answered_s is None:
                if verb.name == "Reject":
                    reject(call, verb)
                    return None
                if not _rings_on(verb):
                    run.answer()
            flow = await _HANDLERS[verb.name](run, verb)
            if isinstance(flow, Ending):
                call.end(flow)
                return None
            if flow is not None:
                return flow
        if call.answered_s is None:
            run.answer()
        return None


def _rings_on(verb: Verb) -> bool:
    return verb.name == "Dial" and verb.flag("answerOnBridge")


def reject(call: TwinCall, verb: Verb) -> None:
    """`<Reject>` as first verb: the only way not to answer."""
    status = "busy" if verb.get("reason") == "busy" else "no-answer"
    call.end(Ending("rejected", status))


async def _hang_up(run: Run, verb: Verb) -> Flow:
    return Ending("hangup")


async def _reject(run: Run, verb: Verb) -> Flow:
    return Ending("rejected")


async def _redirect(run: Run, verb: Verb) -> Flow:
    return Fetch(run.resolve(verb.text), verb.get("method", "POST").upper())


_HANDLERS: dict[str, Handler] = {
    "Connect": connect,
    "Dial": dial,
    "Gather": gather,
    "Hangup": _hang_up,
    "Redirect": _redirect,
    "Reject": _reject,
    **PROMPTS,
}
