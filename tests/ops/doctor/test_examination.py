"""The examination: side by side, in order, within limits; what rests on something wrong is left."""

import asyncio

import pytest

from gateway.errors import ConfigError
from gateway.ops.doctor.examination import Check, Look, examine
from gateway.ops.doctor.finding import Finding, Skipped, Wrong


def saying(detail: str) -> Look:
    """A check that is content."""

    async def look() -> str:
        return detail

    return look


def raising(error: Exception) -> Look:
    """A check that is not."""

    async def look() -> str:
        raise error

    return look


async def examined(*checks: Check) -> dict[str, Finding]:
    """What was found, by name, in the order of the list."""
    return {each.name: each for each in await examine(checks, lambda _: None)}


@pytest.mark.asyncio
async def test_findings_come_in_the_order_of_the_list() -> None:
    """Whichever was done first."""
    done: list[str] = []
    gate = asyncio.Event()

    async def late() -> str:
        await gate.wait()
        return "at last"

    async def early() -> str:
        gate.set()
        return "at once"

    found = await examine([Check("a", late), Check("b", early)], lambda f: done.append(f.name))
    assert [(each.name, each.state, each.detail) for each in found] == [
        ("a", "ok", "at last"),
        ("b", "ok", "at once"),
    ]
    assert done == ["b", "a"]


@pytest.mark.asyncio
async def test_what_needs_nothing_of_each_other_runs_at_once() -> None:
    """Two checks that wait for each other are both done."""
    there, back = asyncio.Event(), asyncio.Event()

    async def one() -> str:
        there.set()
        await back.wait()
        return "met"

    async def other() -> str:
        await there.wait()
        back.set()
        return "met"

    found = await examined(Check("one", one, limit_s=5), Check("other", other, limit_s=5))
    assert {each.state for each in found.values()} == {"ok"}


@pytest.mark.asyncio
async def test_what_needs_something_wrong_is_not_tried() -> None:
    """Nor what needs that in turn; each says which one it is about."""
    tried: list[str] = []

    async def look() -> str:
        tried.append("b")
        return "fine"

    found = await examined(
        Check("a", raising(Wrong("no", "do so"))),
        Check("b", look, ("a",)),
        Check("c", saying("fine"), ("b",)),
        Check("d", saying("fine")),
    )
    assert tried == []
    assert [each.state for each in found.values()] == ["wrong", "skipped", "skipped", "ok"]
    assert found["b"].detail == "not tried: a is wrong"
    assert found["c"].detail == "not tried: b could not be tried"
    assert found["a"].fix == "do so"


@pytest.mark.asyncio
@pytest.mark.parametrize(("blocks", "state"), [(True, "skipped"), (False, "ok")])
async def test_what_is_skipped_may_let_others_go_on(blocks: bool, state: str) -> None:
    """It depends on what it was skipped for."""
    found = await examined(
        Check("a", raising(Skipped("not set", blocks=blocks))), Check("b", saying("ok"), ("a",))
    )
    assert (found["a"].state, found["a"].detail) == ("skipped", "not set")
    assert found["b"].state == state


@pytest.mark.asyncio
async def test_a_check_that_hangs_is_wrong_after_its_limit() -> None:
    """And says what to do about it."""

    async def hang() -> str:
        await asyncio.Event().wait()
        return "never"

    found = await examined(Check("a", hang, limit_s=0.05, slow="pull the plug"))
    assert found["a"].state == "wrong"
    assert found["a"].detail == "no result within 0.05 s"
    assert found["a"].fix == "pull the plug"


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ConfigError("GATEWAY_X: no")])
async def test_what_nobody_foresaw_does_not_cost_the_others(error: Exception) -> None:
    """Its own words are shown."""
    found = await examined(Check("a", raising(error)), Check("b", saying("fine")))
    assert found["a"].state == "wrong"
    assert found["a"].detail == str(error)
    assert found["b"].state == "ok"


@pytest.mark.asyncio
async def test_a_look_that_fails_is_named_without_its_words() -> None:
    """Where it failed is; what an agent's own code says may hold anything."""
    found = await examined(Check("a", raising(KeyError("a secret"))), Check("b", saying("fine")))
    assert found["a"].state == "wrong"
    assert found["a"].detail.startswith("the look itself failed: KeyError at test_examination.py:")
    assert found["b"].state == "ok"


@pytest.mark.asyncio
async def test_everything_that_is_shown_is_made_clean() -> None:
    """Details and fixes, of every state."""
    checks = [
        Check("a", saying("secret")),
        Check("b", raising(Wrong("a secret", "hide the secret"))),
        Check("c", raising(Skipped("secret", blocks=False))),
    ]
    found = await examine(checks, lambda _: None, lambda text: text.replace("secret", "…"))
    assert "secret" not in " ".join(f"{each.detail} {each.fix}" for each in found)
