"""Pointing numbers of a twin in another process, and putting them back byte for byte."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from gateway.errors import ConfigError, GatewayError
from gateway.ops.pointing import (
    Plan,
    PointingFailed,
    PointingRefused,
    changes_of,
    differences,
    find,
    planned,
    point,
    restore,
    target,
    undoing,
)
from gateway.ops.rest import CarrierRefused, CarrierUnknown, Number, TwilioRest
from gateway.settings import Settings
from gateway.store.pointed import Pointed
from tests.ops.twin import MAIN, OLD_VOICE, OTHER, THIRD, TwinServer, twin_server

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
APPLICATION, TRUNK = "AP" + "0" * 32, "TK" + "0" * 32


class Desk:
    """The interface, the record of changes and the verbs of one test."""

    def __init__(self, settings: Settings, rest: TwilioRest, pointed: Pointed) -> None:
        self.settings, self.rest, self.pointed = settings, rest, pointed

    async def set(self, number: str = MAIN, **wanted: Any) -> Plan:
        """Points a number here."""
        plan = planned(await find(self.rest, number), self.settings, **wanted)
        await point(self.rest, self.pointed, plan, AT)
        return plan

    async def restore(self, number: str = MAIN, *, force: bool = False) -> Plan:
        """Puts it back."""
        plan, change = await undoing(self.rest, self.pointed, number, force=force)
        await restore(self.rest, self.pointed, plan, change, AT)
        return plan


@asynccontextmanager
async def desk(
    twin: TwinServer, folder: Path, limit_s: float = 5.0, **overrides: Any
) -> AsyncIterator[Desk]:
    """Everything open, closed afterwards."""
    settings = twin.settings(data_dir=folder, **overrides)
    rest = TwilioRest(settings, limit_s=limit_s)
    try:
        async with changes_of(settings) as pointed:
            yield Desk(settings, rest, pointed)
    finally:
        await rest.close()


def posts(twin: TwinServer) -> list[list[list[str]]]:
    """Forms of all requests that change something."""
    return [request["form"] for request in twin.requests() if request["method"] == "POST"]


# Finding one number


@pytest.mark.asyncio
async def test_a_number_is_found_when_it_is_exactly_that(twin: TwinServer, tmp_path: Path) -> None:
    """What the carrier finds besides is not taken."""
    async with desk(twin, tmp_path) as at:
        assert (await find(at.rest, MAIN)).e164 == MAIN


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("+1555000100", f"these contain it: {MAIN}, {OTHER}"),  # a part of two
        ("+1555000100*", f"these contain it: {MAIN}, {OTHER}"),  # a wildcard
        ("15550001001", f"these contain it: {OTHER}"),  # a part of one alone
        ("+19998887777", f"it has {MAIN}, {OTHER}, {THIRD}"),
        ("", f"it has {MAIN}, {OTHER}, {THIRD}"),
    ],
)
async def test_anything_else_is_refused_with_what_there_is(
    twin: TwinServer, tmp_path: Path, wanted: str, told: str
) -> None:
    """Two numbers that match a part, and even one that does, are not guessed at."""
    async with desk(twin, tmp_path) as at:
        with pytest.raises(PointingRefused, match="no number of the account is exactly") as refused:
            await at.set(wanted)
    assert told in str(refused.value)
    assert posts(twin) == []


@pytest.mark.asyncio
async def test_an_account_may_have_many_numbers_or_none(tmp_path: Path) -> None:
    """Not all of many are listed."""
    numbers = [{"e164": f"+1555000{n:04d}"} for n in range(25)]
    with twin_server(numbers=numbers) as twin:
        async with desk(twin, tmp_path) as at:
            with pytest.raises(PointingRefused, match=r"\+15550000019 and 5 more"):
                await find(at.rest, "+1999")
    with twin_server(numbers=[]) as twin:
        async with desk(twin, tmp_path) as at:
            with pytest.raises(PointingRefused, match="it has none"):
                await find(at.rest, MAIN)


# Setting and restoring


@pytest.mark.asyncio
async def test_set_and_restore_leave_the_number_byte_for_byte_as_it_was(
    twin: TwinServer, tmp_path: Path
) -> None:
    """In between it has this gateway's addresses, read back, and nothing else was touched."""
    before = twin.number(MAIN), twin.number(OTHER), twin.number(THIRD)
    async with desk(twin, tmp_path) as at:
        await at.set()
        pointed = json.loads(twin.number(MAIN))
        assert pointed == json.loads(before[0]) | {
            "voice_url": "https://voice.example.com/twilio/voice",
            "voice_method": "POST",
            "status_callback": "https://voice.example.com/twilio/status",
            "status_callback_method": "POST",
        }
        await at.restore()
    assert (twin.number(MAIN), twin.number(OTHER), twin.number(THIRD)) == before
    first, second = posts(twin)
    assert sorted(name for name, _ in first) == sorted(name for name, _ in second)
    assert ["VoiceUrl", OLD_VOICE] in second


@pytest.mark.asyncio
async def test_an_empty_number_is_empty_again(twin: TwinServer, tmp_path: Path) -> None:
    """Only what changes is sent, and an empty value clears."""
    before = twin.number(OTHER)
    async with desk(twin, tmp_path) as at:
        await at.set(OTHER)
        await at.restore(OTHER)
    assert twin.number(OTHER) == before
    assert posts(twin) == [
        [
            ["StatusCallback", "https://voice.example.com/twilio/status"],
            ["VoiceUrl", "https://voice.example.com/twilio/voice"],
        ],
        [["StatusCallback", ""], ["VoiceUrl", ""]],
    ]


@pytest.mark.asyncio
async def test_what_was_there_is_written_down_first(
    twin: TwinServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that cannot be written keeps the number as it is."""

    async def away(*_: object) -> int:
        raise OperationalError("INSERT", {}, OSError("away"))

    monkeypatch.setattr(Pointed, "add", away)
    before = twin.number(MAIN)
    with pytest.raises(GatewayError, match="GATEWAY_DATABASE_URL: "):
        async with desk(twin, tmp_path) as at:
            await at.set()
    assert (twin.number(MAIN), posts(twin)) == (before, [])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "place", ["sqlite:///{}/no/such/calls.db", "postgresql://u:canary@127.0.0.1:9/x"]
)
async def test_a_database_that_is_away_is_told_and_nothing_is_changed(
    twin: TwinServer, tmp_path: Path, place: str
) -> None:
    """By the name of its setting, without its password."""
    with pytest.raises(GatewayError, match="GATEWAY_DATABASE_URL: ") as refused:
        async with desk(twin, tmp_path, database_url=place.format(tmp_path)) as at:
            await at.set()
    assert "canary" not in str(refused.value)
    assert posts(twin) == []


@pytest.mark.asyncio
async def test_restoring_goes_back_one_change_at_a_time(twin: TwinServer, tmp_path: Path) -> None:
    """To what was there before the last one, then before that, and then there is nothing left."""
    before = twin.number(MAIN)
    async with desk(twin, tmp_path) as at:
        await at.set()
        first = twin.number(MAIN)
        at.settings = twin.settings(data_dir=tmp_path, public_url="https://two.example.com/x")
        await at.set()
        assert (
            json.loads(twin.number(MAIN))["voice_url"] == "https://two.example.com/x/twilio/voice"
        )
        await at.restore()
        assert twin.number(MAIN) == first
        await at.restore()
        assert twin.number(MAIN) == before
        with pytest.raises(PointingRefused, match="nothing of"):
            await at.restore()
        await at.set()
        await at.restore()
    assert twin.number(MAIN) == before


@pytest.mark.asyncio
async def test_a_fallback_is_set_when_it_is_asked_for(twin: TwinServer, tmp_path: Path) -> None:
    """On another host than the gateway's."""
    before = twin.number(MAIN)
    async with desk(twin, tmp_path) as at:
        for wrong in ("https://voice.example.com:8443/x", "http://else.example.com/", "nonsense"):
            with pytest.raises(PointingRefused, match="--fallback: "):
                await at.set(fallback=wrong)
        assert posts(twin) == []
        await at.set(fallback="https://handler.twilio.com/twiml/EH1?x=1")
        pointed = json.loads(twin.number(MAIN))
        assert pointed["voice_fallback_url"] == "https://handler.twilio.com/twiml/EH1?x=1"
        assert pointed["voice_fallback_method"] == "POST"
        await at.restore()
    assert twin.number(MAIN) == before


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("field", "sid", "word"),
    [("voice_application_sid", APPLICATION, "application"), ("trunk_sid", TRUNK, "trunk")],
)
async def test_an_override_is_refused_or_taken_off_and_put_back(
    tmp_path: Path, field: str, sid: str, word: str
) -> None:
    """With an application or a trunk no voice URL is ever asked."""
    with twin_server(numbers=[{"e164": MAIN, field: sid}]) as twin:
        before = twin.number(MAIN)
        async with desk(twin, tmp_path) as at:
            with pytest.raises(PointingRefused, match=f"{word} {sid}.*--clear-overrides"):
                await at.set()
            assert posts(twin) == []
            await at.set(clear_overrides=True)
            assert not json.loads(twin.number(MAIN))[field]
            await at.restore()
        assert twin.number(MAIN) == before


def test_a_public_address_is_needed_and_must_be_one(twin: TwinServer) -> None:
    """A loopback address is for a twin on this machine."""
    with pytest.raises(ConfigError, match="GATEWAY_PUBLIC_URL"):
        target(twin.settings(public_url=""))
    with pytest.raises(ConfigError, match=r"GATEWAY_PUBLIC_URL: .*loopback"):
        target(twin.settings(public_url="http://127.0.0.1:8000", twilio_api_url=""))
    here = target(twin.settings(public_url="http://127.0.0.1:8000"))
    assert here["voice_url"] == "http://127.0.0.1:8000/twilio/voice"


# Others who change it, too


@pytest.mark.asyncio
async def test_what_others_changed_is_not_overwritten(twin: TwinServer, tmp_path: Path) -> None:
    """Without force it is told; with force it is kept, and can be restored in its turn."""
    before = twin.number(MAIN)
    async with desk(twin, tmp_path) as at:
        await at.set()
        twin.change(MAIN, VoiceUrl="https://theirs.example.com/")
        theirs, sent = twin.number(MAIN), len(posts(twin))
        with pytest.raises(PointingRefused, match=r"voice_url is 'https://theirs.*--force"):
            await at.restore()
        assert (twin.number(MAIN), len(posts(twin))) == (theirs, sent)
        await at.restore(force=True)
        assert twin.number(MAIN) == before
        await at.restore()
        assert twin.number(MAIN) == theirs
        with pytest.raises(PointingRefused, match="nothing of"):
            await at.restore()


@pytest.mark.asyncio
async def test_what_others_put_back_is_put_back(twin: TwinServer, tmp_path: Path) -> None:
    """Nothing is to be done then, and the next restore does not stumble over it."""
    before = twin.number(OTHER)
    async with desk(twin, tmp_path) as at:
        await at.set(OTHER)
        twin.change(OTHER, VoiceUrl="", StatusCallback="")
        sent = len(posts(twin))
        assert (await at.restore(OTHER)).changes == {}
        assert (twin.number(OTHER), len(posts(twin))) == (before, sent)
        with pytest.raises(PointingRefused, match="nothing of"):
            await at.restore(OTHER)


@pytest.mark.asyncio
async def test_a_change_between_the_plan_and_its_doing_stops_it(
    twin: TwinServer, tmp_path: Path
) -> None:
    """What the person agreed to is not what is there any more."""
    async with desk(twin, tmp_path) as at:
        plan = planned(await find(at.rest, MAIN), at.settings)
        twin.change(MAIN, VoiceUrl="https://theirs.example.com/")
        theirs = twin.number(MAIN)
        with pytest.raises(PointingRefused, match="this very moment"):
            await point(at.rest, at.pointed, plan, AT)
        assert twin.number(MAIN) == theirs
        with pytest.raises(PointingRefused, match="nothing of"):
            await at.restore()


# When the carrier fails


@pytest.mark.asyncio
async def test_a_refused_change_leaves_nothing_to_restore(twin: TwinServer, tmp_path: Path) -> None:
    """Nothing was done, so there is nothing to undo."""
    before = twin.number(MAIN)
    async with desk(twin, tmp_path) as at:
        twin.fault(status=400, code=21402, message="The URL is not valid", method="POST")
        with pytest.raises(CarrierRefused, match="21402"):
            await at.set()
        assert twin.number(MAIN) == before
        with pytest.raises(PointingRefused, match="nothing of"):
            await at.restore()


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [{"status": 500}, {"cut": True}, {"delay_s": 15}])
async def test_an_answer_that_is_lost_is_looked_up(
    twin: TwinServer, tmp_path: Path, fault: dict[str, Any]
) -> None:
    """Done all the same: fine. Not done: told, once, and restoring leaves it as it is."""
    before = twin.number(MAIN)
    async with desk(twin, tmp_path, limit_s=1.0) as at:
        twin.fault(**fault, after=True, method="POST")
        await at.set()
        twin.fault(**fault, after=True, method="POST")
        await at.restore()
        assert twin.number(MAIN) == before
        twin.fault(**fault, method="POST")
        sent = len(posts(twin))
        with pytest.raises(CarrierUnknown):
            await at.set()
        assert len(posts(twin)) == sent + 1
        assert (await at.restore()).changes == {}
    assert twin.number(MAIN) == before


@pytest.mark.asyncio
async def test_a_carrier_that_does_something_else_is_found_out(
    twin: TwinServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read back counts, not what was answered; and it can be restored."""
    before = twin.number(MAIN)
    async with desk(twin, tmp_path) as at:
        send = at.rest.point

        async def half(sid: str, fields: dict[str, str]) -> Number:
            return await send(sid, {**fields, "voice_url": "https://else.example.com/"})

        monkeypatch.setattr(at.rest, "point", half)
        with pytest.raises(PointingFailed, match="does not read as it should: voice_url is"):
            await at.set()
        monkeypatch.undo()
        await at.restore(force=True)
    assert twin.number(MAIN) == before


@pytest.mark.asyncio
async def test_a_change_that_cannot_be_read_back_is_not_forgotten(
    twin: TwinServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was made, so it can be restored."""
    before = twin.number(MAIN)
    async with desk(twin, tmp_path) as at:
        send = at.rest.point

        async def then_locked_out(sid: str, fields: dict[str, str]) -> Number:
            done = await send(sid, fields)
            twin.fault(status=401, code=20003, method="GET")
            return done

        monkeypatch.setattr(at.rest, "point", then_locked_out)
        with pytest.raises(PointingFailed, match="could not be read back"):
            await at.set()
        monkeypatch.undo()
        await at.restore()
    assert twin.number(MAIN) == before


@pytest.mark.asyncio
async def test_a_restore_that_cannot_be_written_down_says_that_it_was_done(
    twin: TwinServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next one finds it so."""
    before = twin.number(MAIN)

    async def away(*_: object) -> None:
        raise OperationalError("UPDATE", {}, OSError("away"))

    async with desk(twin, tmp_path) as at:
        await at.set()
        monkeypatch.setattr(Pointed, "restored", away)
        with pytest.raises(PointingFailed, match="is restored, which could not be written down"):
            await at.restore()
        monkeypatch.undo()
        assert twin.number(MAIN) == before
        assert (await at.restore()).changes == {}


def test_differences_are_of_the_new_settings() -> None:
    """Old and new, where they differ."""
    assert differences({"a": "1", "b": "2"}, {"a": "1", "b": ""}) == {"b": ("2", "")}
