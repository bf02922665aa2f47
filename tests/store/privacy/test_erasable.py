"""Which calls are meant when somebody is to be erased."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.settings import Settings
from gateway.store.journal.segments import Segments
from gateway.store.privacy import erasable
from gateway.store.privacy.erasable import Found, find_call, find_number, is_number, size_of
from gateway.store.tables import calls, erased
from tests.store.asks import write_down
from tests.store.canaries import NOW, WHOLE, Canary, fill, sid
from tests.store.databases import made
from tests.store.journal.test_waiting import DEAD, entry, journal

NUMBER = "+4930100200"


@pytest_asyncio.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """An empty database, and room for journals."""
    engine = await made(settings)
    (settings.data_dir / "journal").mkdir()
    yield engine
    await engine.dispose()


@pytest.mark.parametrize(
    "address",
    [
        NUMBER,
        f"sip:{NUMBER}@voice.example.com",
        f"sip:{NUMBER};npdi@voice.example.com:5060;transport=tls",
        "sip:4930100200@voice.example.com",
        "sip:%2B4930100200@voice.example.com",
        f"client:{NUMBER}",
        "client:desk-4930100200",
        f"whatsapp:{NUMBER}",
    ],
)
def test_an_address_may_contain_the_number(address: str) -> None:
    """As the carrier writes it, as SIP does, as an app named itself."""
    assert is_number(address, NUMBER)


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "+493010020",
        "+49301002000",
        "4930100200",
        "sip:+49301002001@voice.example.com",
        "sip:14930100200@voice.example.com",
        "client:alice",
        "anonymous",
    ],
)
def test_another_address_is_another(address: str | None) -> None:
    """Whoever has one digit more or fewer is somebody else."""
    assert not is_number(address, NUMBER)


@given(st.text(max_size=20), st.text(min_size=1, max_size=20))
def test_without_a_scheme_only_the_same_text_will_do(address: str, number: str) -> None:
    """And a number that is no number is found as it is written."""
    assert is_number(number, number)
    if ":" not in address:
        assert is_number(address, number) is (address == number)


@pytest.mark.asyncio
async def test_a_number_is_found_as_caller_and_as_called(
    engine: AsyncEngine, settings: Settings
) -> None:
    """In all spellings, whatever else LIKE would find; the live ones apart."""
    await fill(
        engine,
        settings.data_dir,
        Canary(1, caller=NUMBER),
        Canary(2, caller="+15550000001", called=NUMBER),
        Canary(3, caller=f"sip:{NUMBER}@voice.example.com"),
        Canary(4, caller=NUMBER, state="live"),
        Canary(5, caller=NUMBER + "1"),
        Canary(6, caller="+15550000001"),
    )
    found = await find_number(engine, settings, NUMBER)
    assert found == Found(ended=(sid(1), sid(2), sid(3)), live=(sid(4),))
    assert await find_number(engine, settings, "%") == Found()
    assert await find_number(engine, settings, "_4930100200") == Found()


@pytest.mark.asyncio
async def test_a_call_is_found_by_its_id(engine: AsyncEngine, settings: Settings) -> None:
    """The whole of it only: what cannot be undone takes no abbreviations."""
    await fill(engine, settings.data_dir, Canary(1), Canary(2, state="away"))
    assert await find_call(engine, settings, sid(1)) == Found(ended=(sid(1),))
    assert await find_call(engine, settings, sid(2)) == Found(live=(sid(2),))
    assert await find_call(engine, settings, sid(3)) == Found()
    assert await find_call(engine, settings, sid(1)[:-1]) == Found()


@pytest.mark.asyncio
async def test_an_erased_call_can_be_gone_over_again(
    engine: AsyncEngine, settings: Settings
) -> None:
    """Its tombstone is enough to find it."""
    async with engine.begin() as connection:
        await connection.execute(insert(erased).values(call_sid=sid(1), at=NOW))
    assert await find_call(engine, settings, sid(1)) == Found(ended=(sid(1),), again=True)


@pytest.mark.asyncio
async def test_what_only_a_journal_knows_is_found(engine: AsyncEngine, settings: Settings) -> None:
    """Its process is gone, so the call is over, even if nothing says so."""
    lines = entry(sid(1), caller=NUMBER), entry(sid(1), 2, recording="a.wav"), entry(sid(2))
    journal(settings.data_dir / "journal", *lines)
    expected = Found(ended=(sid(1),), entries=2, recordings=("a.wav",))
    assert await find_number(engine, settings, NUMBER) == expected
    assert await find_call(engine, settings, sid(1)) == expected
    assert await size_of(engine, settings, expected) == {"entries": 2}


@pytest.mark.asyncio
async def test_a_journal_knows_more_of_a_call(engine: AsyncEngine, settings: Settings) -> None:
    """The number is in the database by now, the recording is not yet."""
    await fill(engine, settings.data_dir, Canary(1, caller=NUMBER, recorded=False))
    journal(settings.data_dir / "journal", entry(sid(1), 7, recording="a.wav"), entry(sid(2)))
    expected = Found(ended=(sid(1),), entries=1, recordings=("a.wav",))
    assert await find_number(engine, settings, NUMBER) == expected


@pytest.mark.asyncio
async def test_a_call_in_the_journal_of_a_living_process_is_live(
    engine: AsyncEngine, settings: Settings
) -> None:
    """Until its end is in there, too."""
    living = Segments(settings.data_dir / "journal" / DEAD)
    living.open()
    living.append(entry(sid(1), caller=NUMBER))
    assert (await find_number(engine, settings, NUMBER)).live == (sid(1),)
    living.append(entry(sid(1), 2, state="ended"))
    assert (await find_number(engine, settings, NUMBER)).ended == (sid(1),)
    living.close()


@pytest.mark.asyncio
async def test_a_call_whose_gateway_died_is_over(engine: AsyncEngine, settings: Settings) -> None:
    """The database does not know it yet; its journal shows that nobody has it any more."""
    values = {"call_sid": sid(1), "caller": NUMBER, "state": "live", "owner": DEAD}
    async with engine.begin() as connection:
        await connection.execute(insert(calls).values(values))
    assert (await find_call(engine, settings, sid(1))).live == (sid(1),)
    journal(settings.data_dir / "journal")
    assert (await find_call(engine, settings, sid(1))).ended == (sid(1),)


@pytest.mark.asyncio
async def test_an_owner_is_no_path(engine: AsyncEngine, settings: Settings) -> None:
    """Whatever a row says, no other folder is looked at."""
    values = {"call_sid": sid(1), "state": "live", "owner": f"../journal/{DEAD}"}
    async with engine.begin() as connection:
        await connection.execute(insert(calls).values(values))
    journal(settings.data_dir / "journal")
    assert (await find_call(engine, settings, sid(1))).live == (sid(1),)


@pytest.mark.asyncio
async def test_the_size_of_it(
    engine: AsyncEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows, recordings, exports, over all batches."""
    monkeypatch.setattr(erasable, "BATCH", 1)
    await fill(engine, settings.data_dir, Canary(1), Canary(2, recorded=False), Canary(3))
    exports = settings.data_dir / "exports"
    exports.mkdir()
    (exports / f"{sid(1)}.wav").touch()
    (exports / f"{sid(3)}.wav").touch()
    found = Found(ended=(sid(1), sid(2)))
    assert [list(batch) for batch in found.batches()] == [[sid(1)], [sid(2)]]
    twice = {name: 2 * count for name, count in WHOLE.items()}
    assert await size_of(engine, settings, found) == {"recordings": 1, **twice, "exports": 1}


@pytest.mark.asyncio
async def test_calls_we_placed_are_found(engine: AsyncEngine, settings: Settings) -> None:
    """Those that never became one, too, and those that wait; who is being called is on the line."""
    await fill(engine, settings.data_dir, Canary(1, caller="+1", called=NUMBER))
    await write_down(engine, "busy", to_number=NUMBER)
    await write_down(engine, "waits", to_number=NUMBER, state="waiting")
    await write_down(engine, "its", to_number=NUMBER, call_sid=sid(1))
    await write_down(engine, "theirs", to_number="+4930100201")
    found = await find_number(engine, settings, NUMBER)
    assert (found.ended, found.live) == ((sid(1),), ())
    assert found.dials == ("busy", "its", "waits")
    assert await size_of(engine, settings, found) == {"recordings": 1, **WHOLE, "dials": 3}
    await write_down(engine, "rings", to_number=NUMBER, state="ringing", call_sid=sid(2))
    await write_down(engine, "leaves", to_number=NUMBER, state="sending")
    found = await find_number(engine, settings, NUMBER)
    assert found.live == (sid(2), "leaves")
    assert found.dials == ("busy", "its", "waits")


@pytest.mark.asyncio
async def test_our_own_number_is_one_too(engine: AsyncEngine, settings: Settings) -> None:
    """As it is in calls."""
    await write_down(engine, "busy", from_number=NUMBER)
    assert (await find_number(engine, settings, NUMBER)).dials == ("busy",)


@pytest.mark.asyncio
async def test_a_call_that_never_began_is_found(engine: AsyncEngine, settings: Settings) -> None:
    """By the CallSid the carrier gave it."""
    await write_down(engine, "busy", call_sid=sid(1))
    await write_down(engine, "other", call_sid=sid(2))
    found = await find_call(engine, settings, sid(1))
    assert found == Found(dials=("busy",))
