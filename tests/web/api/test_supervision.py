"""What an operator wishes of a live call: what is refused before the call is asked, and by whom it
was, in the audit trail.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.core.callee import Callee, Refusal
from gateway.ops.placing.placing import Placing
from gateway.ops.rest import CarrierAway
from gateway.store.privacy.busy import Busy
from tests.web.api.test_listening import Trail
from tests.web.carrier import new_call_sid
from tests.web.running import Gateway, running

TOKEN = "made-up"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
NUMBER = "+493012345679"


class HandJudge:
    """Answers as the test says; the carrier, too."""

    def __init__(self) -> None:
        self.answer: Callee | Refusal | Exception = Callee(NUMBER, "DE", "fixed_line", ())
        self.ended: list[str] = []
        self.fault: Exception | None = None
        self.judge = self.endings = self

    async def callee(self, number: str) -> Callee | Refusal:
        """Whether it may be rung."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def call(self, call_sid: str, call: object) -> bool:
        """The carrier ends a call."""
        self.ended.append(call_sid)
        if self.fault is not None:
            raise self.fault
        return True


class Desk:
    """A running gateway with one live call, and an operator."""

    def __init__(self, gateway: Gateway, call_sid: str, judge: HandJudge, trail: Trail) -> None:
        self.gateway = gateway
        self.call_sid = call_sid
        self.judge = judge
        self.trail = trail

    async def ask(self, what: str, body: Any = None, call_sid: str = "") -> tuple[int, Any]:
        """A wish, as JSON or as bytes; the status and the answer."""
        path = f"/api/live/calls/{call_sid or self.call_sid}/{what}"
        given = {"content": body} if isinstance(body, bytes) else {"json": body or {}}
        answer = await self.gateway.http.post(path, headers=HEADERS, **given)
        return answer.status_code, answer.json()


@asynccontextmanager
async def desk(folder: Path, *, places: bool = True, **changes: Any) -> AsyncIterator[Desk]:
    """``places`` = calls can be placed from here."""
    judge, trail = HandJudge(), Trail()
    placing = cast(Placing, judge) if places else None
    parts = {"audit": trail}
    async with running(folder, api_token=TOKEN, placing=placing, parts=parts, **changes) as gateway:
        call_sid = new_call_sid()
        await gateway.call(call_sid)
        await gateway.until(lambda: gateway.live(call_sid).state == "live")
        yield Desk(gateway, call_sid, judge, trail)


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["whisper", "take-over", "hang-up"])
async def test_a_call_that_is_not_there_is_nobodys(tmp_path: Path, what: str) -> None:
    """Whatever the body says."""
    async with desk(tmp_path) as it:
        assert await it.ask(what, b"{", call_sid=new_call_sid()) == (
            404,
            {"error": "there is no live call with this ID"},
        )
        assert it.trail.lines == []


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["whisper", "take-over", "hang-up"])
@pytest.mark.parametrize("body", [b"{", b"[]", b'{"force": true}', b"\xff"])
async def test_a_body_that_makes_no_sense_is_refused(
    tmp_path: Path, what: str, body: bytes
) -> None:
    """And nothing happens to the call."""
    async with desk(tmp_path) as it:
        status, said = await it.ask(what, body)
        assert (status, "docs/supervision.md" in said["error"]) == (400, True)
        assert it.gateway.live(it.call_sid).state == "live"
        assert it.trail.lines == []


@pytest.mark.asyncio
async def test_what_was_done_is_written_down_without_words(tmp_path: Path) -> None:
    """Who whispered and who hung up; what was refused was not done."""
    async with desk(tmp_path) as it:
        assert (await it.ask("whisper", {"text": ""}))[0] == 422
        assert (await it.ask("whisper", {"text": "Be kind."}))[0] == 200
        assert (await it.ask("hang-up", b""))[0] == 200
        await it.gateway.ended(it.call_sid)
        assert it.judge.ended == []  # the stream is closed, and the carrier asks what comes next
        assert it.trail.lines == [
            ("token", "whisper", it.call_sid),
            ("token", "hang_up", it.call_sid),
        ]


@pytest.mark.asyncio
async def test_a_caller_whom_the_carrier_has_is_ended_there(tmp_path: Path) -> None:
    """Between two streams; a carrier that cannot be reached is told of."""
    async with desk(tmp_path) as it:
        call = it.gateway.live(it.call_sid)
        call.transfer.away = True
        call.part()
        it.judge.fault = CarrierAway("nobody answers")
        status, said = await it.ask("hang-up")
        assert (status, "the caller may not" in said["error"]) == (502, True)
        assert it.judge.ended == [it.call_sid]
        assert await it.gateway.ended(it.call_sid) == "operator_hung_up"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("verdict", "status", "said"),
    [
        (Refusal("country", "GATEWAY_X", "no"), 422, {"rule": "country", "setting": "GATEWAY_X"}),
        (Refusal("per_day", "GATEWAY_Y", "no", passes=True), 429, {"rule": "per_day"}),
        (Refusal("letters", "", "no"), 422, {"error": "`number`: no", "setting": None}),
        (Busy(), 503, {"error": "the database does not answer: nobody was rung"}),
        (Callee(NUMBER, "DE", "fixed_line", ()), 503, {}),
    ],
)
async def test_who_may_not_be_rung_is_not(
    tmp_path: Path, verdict: Any, status: int, said: dict[str, Any]
) -> None:
    """By the rule, for now, without a database to ask; and there is no carrier here at last."""
    async with desk(tmp_path) as it:
        it.judge.answer = verdict
        given, answer = await it.ask("take-over", {"number": NUMBER})
        assert (given, {**answer, **said}) == (status, answer)
        assert it.gateway.live(it.call_sid).state == "live"
        assert it.trail.lines == []


@pytest.mark.asyncio
async def test_without_a_carrier_no_number_is_judged(tmp_path: Path) -> None:
    """There is nothing to ask, and nobody to ring."""
    async with desk(tmp_path, places=False) as it:
        status, said = await it.ask("take-over", {"number": NUMBER})
        assert (status, "no carrier" in said["error"]) == (503, True)
        status, said = await it.ask("take-over", {"destination": "office"})
        assert (status, "nobody: it is empty" in said["error"]) == (422, True)
