"""Does the gateway run, and does it take calls?"""

import json
from collections.abc import Mapping
from typing import Any

from gateway.ops.doctor.carrier import Answer, Carrier, NoAnswer
from gateway.ops.doctor.finding import Wrong

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def local_base(carrier: Carrier) -> str:
    """Where a gateway of these settings listens, as this machine reaches it."""
    host = _ANY.get(carrier.settings.host, carrier.settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{carrier.settings.port}"


async def gateway_runs(carrier: Carrier) -> str:
    """Where it is ready. Raises Wrong when it is nowhere, draining, full, or overloaded.

    It may run on another machine: then it is asked under its public address.
    """
    here = local_base(carrier)
    answers = [await _asked(carrier, here)]
    if readiness(answers[0]) is None and carrier.base:
        answers.append(await _asked(carrier, carrier.base))
    for base, answer in zip((here, carrier.base), answers, strict=False):
        if state := readiness(answer):
            return _judged(state, base)
    raise _nowhere(here, carrier.base, answers)


def readiness(answer: Answer | NoAnswer) -> str | None:
    """What `/readyz` of a gateway said; None for what is no gateway."""
    if isinstance(answer, NoAnswer):
        return None
    said = json_object(answer.body).get("status")
    return said if said in ("ready", "draining", "full", "overloaded") else None


def json_object(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a body; an empty one for anything else."""
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


async def _asked(carrier: Carrier, base: str) -> Answer | NoAnswer:
    try:
        return await carrier.get(f"{base}/readyz")
    except NoAnswer as error:
        return error


def _judged(state: str, base: str) -> str:
    if state == "draining":
        raise Wrong(
            f"the gateway at {base} is draining: it takes no new calls",
            "it ends by itself when its calls are over; then start `gateway serve` again",
        )
    if state == "full":
        raise Wrong(
            f"the gateway at {base} is full: new callers hear busy",
            "raise GATEWAY_MAX_CALLS, or wait until calls have ended",
        )
    if state == "overloaded":
        raise Wrong(
            f"the gateway at {base} has more to do than it can: new callers hear busy",
            "a faster machine, fewer calls (GATEWAY_MAX_CALLS), or `tool.blocking` in its log",
        )
    return f"ready at {base}"


def _nowhere(here: str, public: str, answers: list[Answer | NoAnswer]) -> Wrong:
    local = answers[0]
    also = ""
    if len(answers) > 1:
        answer = answers[1]
        told = f"answers HTTP {answer.status}" if isinstance(answer, Answer) else str(answer)
        also = f", and {public}: {told}"
    if isinstance(local, Answer):
        return Wrong(
            f"{here} is answered by something else ({local.who}, HTTP {local.status}){also}",
            "stop it, or set GATEWAY_PORT to a free port; then start `gateway serve`",
        )
    return Wrong(f"nothing listens at {here}{also}", "start `gateway serve`")
