"""Whether a number may be rung beside a call: the rules of calls out, and nothing let in."""

from pathlib import Path

import pytest

from gateway.core.callee import Callee, Refusal
from gateway.store.donotcall import DoNotCall
from tests.ops.placing.room import CALLEE
from tests.ops.placing.test_callbacks import NOON, stage


@pytest.mark.asyncio
async def test_a_number_within_policy_may_be_rung(tmp_path: Path) -> None:
    """As often as somebody likes: asking counts for nothing."""
    async with stage(tmp_path, outbound_per_number=1, outbound_quiet="off") as here:
        for _ in range(3):
            callee = await here.placing.judge.callee(CALLEE)
            assert isinstance(callee, Callee)
            assert callee.number == CALLEE
        assert await here.waiting() == []


@pytest.mark.asyncio
async def test_the_rule_that_forbids_it_is_named(tmp_path: Path) -> None:
    """What is no number, a country, the do-not-call list, the hour."""
    async with stage(tmp_path, outbound_quiet="00:00-23:59") as here:
        await DoNotCall(here.here.engine).add("+12025550177", None, NOON)
        asked = ["110", "+493012345678", "+12025550177", CALLEE]
        found = [await here.placing.judge.callee(each) for each in asked]
    assert [each.rule for each in found if isinstance(each, Refusal)] == [
        "short_code",
        "country",
        "do_not_call",
        "quiet_hours",
    ]
