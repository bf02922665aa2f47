"""Set-ups that are right but for one thing: the doctor names that thing, and nothing else.

Each runs against the real gateway behind a real TLS proxy, with the Twilio twin and the offline
model as real servers.
"""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text

from gateway.call.call import Offer
from gateway.call.session import AgentPlan
from gateway.core.events import CallEnded, CallOffered
from gateway.core.g711 import silence
from gateway.ops.doctor.carrier import CALLER
from gateway.ops.doctor.checks import NAMES
from gateway.ops.doctor.finding import Finding
from gateway.sim.twilio import PhoneNumber, TwilioOptions, TwilioTwin
from gateway.store.database import open_database
from gateway.store.migrations import REVISIONS
from gateway.store.upgrade import upgrade
from tests.e2e.harness import ACCOUNT, NUMBER, TOKEN, house
from tests.ops.doctor.front import Faults, front
from tests.ops.doctor.world import SECOND_TOKEN, World, world
from tests.ports import free_port
from tests.store.certificates import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")

Changes = dict[str, Any]
"""Settings the doctor is given in place of the gateway's."""
Spoil = Callable[[World], AbstractAsyncContextManager[Changes]]

OTHER_ACCOUNT = "AC" + "1" * 32


@dataclass(frozen=True)
class Case:
    """One broken set-up: the check that must name it, and words of what it says."""

    check: str
    says: str
    fix: str
    spoil: Spoil


CASES: dict[str, Case] = {}
NEEDS_ROOT = {"a disk that is full"}
"""Those that are for `make test-system`."""


def broken(name: str, check: str, says: str, fix: str) -> Callable[[Any], Any]:
    """Puts a function that spoils something into the table."""

    def put(spoil: Any) -> Any:
        assert name not in CASES
        CASES[name] = Case(check, says, fix, asynccontextmanager(spoil))
        return spoil

    return put


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def right(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Everything is right; whoever spoils it puts it right again."""
    async with world(tmp_path_factory.mktemp("world")) as found:
        yield found


# Settings


@broken("no account", "settings", "TWILIO_ACCOUNT_SID", ".env")
async def _(_: World) -> AsyncIterator[Changes]:
    yield {"twilio_account_sid": ""}


@broken("no auth token", "settings", "TWILIO_AUTH_TOKEN", ".env")
async def _(_: World) -> AsyncIterator[Changes]:
    yield {"twilio_auth_token": ()}


@broken("no key for the model", "settings", "OPENAI_API_KEY", ".env")
async def _(_: World) -> AsyncIterator[Changes]:
    yield {"openai_api_key": None}


@broken("no public address", "settings", "GATEWAY_PUBLIC_URL", ".env")
async def _(_: World) -> AsyncIterator[Changes]:
    yield {"public_url": ""}


@broken("an API key for an account", "settings", "SK", "Account SID")
async def _(_: World) -> AsyncIterator[Changes]:
    yield {"twilio_account_sid": "SK" + "0" * 32}


@broken("recording keys that are gone", "settings", "GATEWAY_RECORDING_KEYS", "correct")
async def _(right: World) -> AsyncIterator[Changes]:
    yield {"recording_keys": right.folder / "nowhere"}


# Agents and files


@broken("an agent with a mistake", "agents", "greating", "gateway agents check")
async def _(right: World) -> AsyncIterator[Changes]:
    folder = fresh(right, "agents")
    (folder / "assistant.toml").write_text('greating = "hello"\n')
    (folder / "assistant.md").write_text("Be brief.")
    yield {"agents_dir": folder}


@broken("a file where the data dir should be", "data-dir", "in the way", "GATEWAY_DATA_DIR")
async def _(right: World) -> AsyncIterator[Changes]:
    place = fresh(right, "taken") / "data"
    place.write_text("I was here first")
    yield {"data_dir": place}


@broken("a file where the journal should be", "data-dir", "journal is in the way", "move")
async def _(right: World) -> AsyncIterator[Changes]:
    place = fresh(right, "journal")
    (place / "journal").write_text("I was here first")
    yield {"data_dir": place}


@broken("recordings that others may read", "data-dir", "others may read", "chmod")
async def _(right: World) -> AsyncIterator[Changes]:
    place = fresh(right, "open")
    (place / "recordings").mkdir(mode=0o755)
    yield {"data_dir": place}


@broken("a disk that is full", "disk", "are free at", "make room")
async def _(right: World) -> AsyncIterator[Changes]:
    place = fresh(right, "full")
    with small_disk(place):
        yield {"data_dir": place}


# The database


@broken("a database of a newer gateway", "database", "newer gateway", "install that version")
async def _(right: World) -> AsyncIterator[Changes]:
    async with revision(right, "newer", "9999") as changes:
        yield changes


@broken("a database of an older gateway", "database", "0001", "gateway db upgrade")
async def _(right: World) -> AsyncIterator[Changes]:
    async with revision(right, "older", "0001") as changes:
        yield changes


@broken("a database that is away", "database", "ConnectionRefusedError", "start the database")
async def _(_: World) -> AsyncIterator[Changes]:
    url = f"postgresql://gateway:a-secret-password@127.0.0.1:{free_port()}/calls"
    yield {"database_url": SecretStr(url)}


@broken("a database that is none", "database", "SQLITE_NOTADB", "move it away")
async def _(right: World) -> AsyncIterator[Changes]:
    place = fresh(right, "nonsense") / "some.db"
    place.write_bytes(b"this is no database " * 100)
    yield {"database_url": SecretStr(f"sqlite:///{place}")}


@broken("a database somebody keeps locked", "database", "SQLITE_BUSY", "locked")
async def _(right: World) -> AsyncIterator[Changes]:
    async with revision(right, "locked", REVISIONS[-1]) as changes:
        engine = open_database(right.settings.model_copy(update=changes))
        async with engine.connect() as connection:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield changes
            await connection.rollback()
        await engine.dispose()


# The model


@broken("a key the model refuses", "model", "does not accept the key", "OPENAI_API_KEY")
async def _(right: World) -> AsyncIterator[Changes]:
    with options(right, api_key="sk-another"):
        yield {}


@broken("a key that is refused by HTTP", "model", "HTTP 401", "OPENAI_API_KEY")
async def _(right: World) -> AsyncIterator[Changes]:
    with options(right, http_status=401):
        yield {}


@broken("a model nobody knows", "model", "does not know the model gpt-realtime", "model_name")
async def _(right: World) -> AsyncIterator[Changes]:
    with options(right, models=("gpt-realtime-9",)):
        yield {}


@broken("an address of nothing", "model", "HTTP 404", "GATEWAY_REALTIME_URL")
async def _(right: World) -> AsyncIterator[Changes]:
    yield {"realtime_url": right.settings.realtime_url.replace("/v1/realtime", "/realtime")}


@broken("a model server that is gone", "model", "nothing listens there", "GATEWAY_REALTIME_URL")
async def _(_: World) -> AsyncIterator[Changes]:
    yield {"realtime_url": f"ws://127.0.0.1:{free_port()}/v1/realtime"}


@broken("a model server that says nothing", "model", "said nothing within 1 s", "GATEWAY_REALTIME")
async def _(right: World) -> AsyncIterator[Changes]:
    with options(right, session_delay_ms=4000):
        yield {"connect_timeout_s": 1.0}


# Account and number


@broken("a wrong auth token", "account", "does not accept TWILIO_AUTH_TOKEN", "console.twilio.com")
async def _(_: World) -> AsyncIterator[Changes]:
    async with twin(ACCOUNT, "what it really is") as url:
        yield {"twilio_api_url": url}


@broken("a wrong account", "account", f"for {ACCOUNT}", "of the same account")
async def _(_: World) -> AsyncIterator[Changes]:
    async with twin(OTHER_ACCOUNT, TOKEN) as url:
        yield {"twilio_api_url": url}


@broken("a first token that was revoked", "account", "but token 2", "put token 2 first")
async def _(_: World) -> AsyncIterator[Changes]:
    async with twin(ACCOUNT, SECOND_TOKEN) as url:
        yield {"twilio_api_url": url}


@broken("a suspended account", "account", "is suspended", "bills")
async def _(_: World) -> AsyncIterator[Changes]:
    async with twin(ACCOUNT, TOKEN, account_status="suspended") as url:
        yield {"twilio_api_url": url}


@broken("a carrier that is away", "account", "nothing was sent", "status.twilio.com")
async def _(_: World) -> AsyncIterator[Changes]:
    yield {"twilio_api_url": f"http://127.0.0.1:{free_port()}"}


@broken("a number of somebody else's", "number", f"it has {NUMBER}", "TWILIO_PHONE_NUMBER")
async def _(_: World) -> AsyncIterator[Changes]:
    yield {"twilio_phone_number": "+15550009999"}


@broken("a webhook elsewhere", "webhook", "asks https://old.example.com/voice", "webhook set")
async def _(right: World) -> AsyncIterator[Changes]:
    async with right.number(voice_url="https://old.example.com/voice"):
        yield {}


@broken("a webhook over http", "webhook", "asks http://localhost", "webhook set +1555")
async def _(right: World) -> AsyncIterator[Changes]:
    url = right.front.url.replace("https", "http")
    async with right.number(voice_url=f"{url}/twilio/voice"):
        yield {}


@broken("a webhook by GET", "webhook", "by GET; it must be POST", "webhook set")
async def _(right: World) -> AsyncIterator[Changes]:
    async with right.number(voice_method="GET"):
        yield {}


@broken("no webhook", "webhook", "asks nobody", "webhook set")
async def _(right: World) -> AsyncIterator[Changes]:
    async with right.number(voice_url=""):
        yield {}


@broken("an application that overrides", "webhook", "the application AP", "--clear-overrides")
async def _(right: World) -> AsyncIterator[Changes]:
    async with right.number(voice_application_sid="AP" + "0" * 32):
        yield {}


@broken("a trunk that overrides", "webhook", "the trunk TK", "--clear-overrides")
async def _(right: World) -> AsyncIterator[Changes]:
    async with right.number(trunk_sid="TK" + "0" * 32):
        yield {}


@broken("no number, and none that asks us", "webhook", "none of the account's numbers", "set +E164")
async def _(right: World) -> AsyncIterator[Changes]:
    async with right.number(voice_url="https://old.example.com/voice"):
        yield {"twilio_phone_number": ""}


# The clock


@broken("a clock that is behind", "clock", "s behind that of localhost", "NTP")
async def _(right: World) -> AsyncIterator[Changes]:
    later = datetime.now(UTC) + timedelta(minutes=5)
    with faults(right, Faults(date=format_datetime(later, usegmt=True))):
        yield {}


@broken("a clock that is ahead of the carrier's", "clock", "s ahead of that of 127.0.0.1", "NTP")
async def _(right: World) -> AsyncIterator[Changes]:
    earlier = datetime.now(UTC) - timedelta(hours=1)
    date = format_datetime(earlier, usegmt=True)
    async with front(None, right.house.twin.url, Faults(date=date)) as carrier:
        yield {"twilio_api_url": f"http://127.0.0.1:{carrier.port}"}


# The gateway


@broken("a gateway that does not run", "gateway", "nothing listens at", "gateway serve")
async def _(right: World) -> AsyncIterator[Changes]:
    target, port = right.front.target, free_port()
    right.front.target = ("127.0.0.1", port)
    yield {"port": port}
    right.front.target = target


@broken("a port that is somebody else's", "gateway", "answered by something else", "GATEWAY_PORT")
async def _(right: World) -> AsyncIterator[Changes]:
    target = right.front.target
    async with front(None, "http://127.0.0.1:1", Faults(answers=404)) as other:
        right.front.target = ("127.0.0.1", other.port)
        yield {"port": other.port}
    right.front.target = target


@broken("a gateway that drains", "gateway", "is draining", "start `gateway serve` again")
async def _(right: World) -> AsyncIterator[Changes]:
    right.house.reception.registry.draining = True
    yield {}
    right.house.reception.registry.draining = False


@broken("a gateway that is full", "gateway", "is full", "GATEWAY_MAX_CALLS")
async def _(right: World) -> AsyncIterator[Changes]:
    capacity = right.house.reception.registry.capacity
    right.house.reception.registry.capacity = 0
    yield {}
    right.house.reception.registry.capacity = capacity


# The certificate


@broken("a certificate that has expired", "certificate", "has expired", "renew it")
async def _(right: World) -> AsyncIterator[Changes]:
    tls = right.authority.server(
        "localhost", begins=timedelta(days=-90), ends=timedelta(minutes=-5)
    )
    async with behind(right, tls) as changes:
        yield changes


@broken("a certificate that begins tomorrow", "certificate", "not yet valid", "clock")
async def _(right: World) -> AsyncIterator[Changes]:
    tls = right.authority.server("localhost", begins=timedelta(days=1), ends=timedelta(days=90))
    async with behind(right, tls) as changes:
        yield changes


@broken("a certificate that ends soon", "certificate", "lasts only", "renew it")
async def _(right: World) -> AsyncIterator[Changes]:
    tls = right.authority.server("localhost", begins=timedelta(days=-87), ends=timedelta(days=3))
    async with behind(right, tls) as changes:
        yield changes


@broken("a certificate of another host", "certificate", "voice.example.com", "for this name")
async def _(right: World) -> AsyncIterator[Changes]:
    async with behind(right, right.authority.server("voice.example.com")) as changes:
        yield changes


@broken("a certificate nobody vouches for", "certificate", "issuer", "whole chain")
async def _(right: World) -> AsyncIterator[Changes]:
    async with behind(right, Authority(fresh(right, "stranger")).server("localhost")) as changes:
        yield changes


@broken("no TLS", "certificate", "does not speak TLS", "TLS proxy")
async def _(right: World) -> AsyncIterator[Changes]:
    async with front(None, right.house.base) as plain:
        url = f"https://localhost:{plain.port}"
        async with right.known_as(url) as changes:
            yield changes


@broken("a port that says nothing to TLS", "certificate", "says nothing to TLS", "wrong port")
async def _(right: World) -> AsyncIterator[Changes]:
    async with front(None, right.house.base, Faults(silent=True)) as plain:
        url = f"https://localhost:{plain.port}"
        async with right.known_as(url) as changes:
            yield changes


# The public address


@broken("a public address with a wrong port", "public-url", "cannot be reached", "port")
async def _(right: World) -> AsyncIterator[Changes]:
    async with right.known_as(f"https://localhost:{free_port()}") as changes:
        yield changes


@broken("a public address without a name", "public-url", "cannot be reached", "GATEWAY_PUBLIC_URL")
async def _(right: World) -> AsyncIterator[Changes]:
    async with right.known_as("https://nowhere.invalid") as changes:
        yield changes


@broken("a public address that is not ours", "public-url", "something else: HTTP 404", "GATEWAY_")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(answers=404, says="<h1>It works!</h1>")):
        yield {}


@broken("a proxy that reaches nobody", "public-url", "HTTP 502 (front/1.0)", "pass requests on to")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(elsewhere=("127.0.0.1", free_port()))):
        yield {}


@broken("a proxy that redirects", "public-url", "redirects (HTTP 301)", "https://www.example.com")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(answers=301, location="https://www.example.com/healthz")):
        yield {}


@broken("a prefix that is not taken off", "public-url", "the prefix /voice", "take /voice off")
async def _(right: World) -> AsyncIterator[Changes]:
    async with right.known_as(f"{right.front.url}/voice") as changes:
        yield changes


@broken("a proxy that never answers", "public-url", "no answer within 5 s", "docs/doctor.md")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(silent=True)):
        yield {}


# Signatures


@broken("a proxy that drops the signature", "signature", "X-Twilio-Signature", "all headers")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(drops="x-twilio-signature")):
        yield {}


@broken("a proxy that changes the path", "signature", "HTTP 404", "unchanged")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(moves=("/twilio/", "/"))):
        yield {}


@broken("a proxy that adds a query", "signature", "not through the proxy", "unchanged")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(adds="from=proxy")):
        yield {}


@broken("a firewall", "signature", "HTTP 403 to a signed webhook comes from front/1.0", "firewall")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(only="/twilio/", answers=403, says="<h1>Blocked</h1>")):
        yield {}


@broken("a login", "signature", "HTTP 401", "no login")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(only="/twilio/", answers=401, says="Log in")):
        yield {}


@broken("a gateway of another token", "signature", "another TWILIO_AUTH_TOKEN", "restart")
async def _(right: World) -> AsyncIterator[Changes]:
    async with twin(ACCOUNT, "a third made-up token", right=right) as url:
        yield {
            "twilio_api_url": url,
            "twilio_auth_token": (SecretStr("a third made-up token"),),
        }


@broken("a gateway of another account", "signature", "another TWILIO_ACCOUNT_SID", "restart")
async def _(right: World) -> AsyncIterator[Changes]:
    async with twin(OTHER_ACCOUNT, TOKEN, right=right) as url:
        yield {"twilio_api_url": url, "twilio_account_sid": OTHER_ACCOUNT}


@broken("a gateway that was told http", "signature", "checks signatures for http://", "restart")
async def _(right: World) -> AsyncIterator[Changes]:
    http = right.front.url.replace("https", "http")
    async with house(public_url=http) as other:
        with passed_on(right, other.base):
            yield {"port": right.front.target[1]}


# The media socket


@broken("a proxy that eats the upgrade", "upgrade", "HTTP 404 in place of 101", "Upgrade")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(eats_upgrade=True)):
        yield {}


@broken("a proxy that takes no WebSocket", "upgrade", "HTTP 400 in place of 101", "Upgrade")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(only="/twilio/media", answers=400)):
        yield {}


@broken("a proxy that knows no media path", "upgrade", "HTTP 403 in place of 101", "very path")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(moves=("/twilio/media", "/media"))):
        yield {}


@broken("a signature lost with upgrades only", "upgrade", "does not arrive", "with upgrades, too")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(only="/twilio/media", drops="x-twilio-signature")):
        yield {}


# The call


@broken("two gateways behind one address", "call", "refused the stream (1008)", "GATEWAY_SECRET")
async def _(right: World) -> AsyncIterator[Changes]:
    async with house(public_url=right.front.url) as other:
        port = int(other.base.rpartition(":")[2])
        with faults(right, Faults(only="/twilio/media", elsewhere=("127.0.0.1", port))):
            yield {}


@broken("a route that takes no call", "call", "callers hear busy", "max_calls")
async def _(right: World) -> AsyncIterator[Changes]:
    reception = right.house.reception
    plan_for = reception._plan_for

    def closed(offer: Offer) -> AgentPlan:
        plan = plan_for(offer)
        return replace(plan, route=replace(plan.route, max_calls=0))

    reception._plan_for = closed
    yield {}
    reception._plan_for = plan_for


@broken("answers that are no TwiML any more", "call", "text/html", "unchanged")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(only="/twilio/voice", kind="text/html")):
        yield {}


@broken("a proxy that mangles frames", "call", "31950", "unchanged")
async def _(right: World) -> AsyncIterator[Changes]:
    with faults(right, Faults(only="/twilio/media", binary=True)):
        yield {}


# What is heard


@broken("a model that never speaks", "greeting", "nothing was heard within 2 s", "calls show")
async def _(right: World) -> AsyncIterator[Changes]:
    with options(right, never_respond=True):
        yield {"greeting_s": 2.0}


@broken("a greeting of silence", "greeting", "it is silence", "greeting_audio")
async def _(right: World) -> AsyncIterator[Changes]:
    folder = fresh(right, "silent")
    (folder / "hush.toml").write_text(HUSH)
    (folder / "hush").mkdir()
    (folder / "hush" / "lines.toml").write_text('hush = "(nothing)"\n')
    (folder / "hush" / "hush.ulaw").write_bytes(silence(1000))
    with options(right, script="hush", scripts_dir=folder, speech_dir=folder):
        yield {"greeting_s": 3.0}


@broken("a model of another codec", "greeting", "the gateway's own apology", "calls show")
async def _(right: World) -> AsyncIterator[Changes]:
    with options(right, lie_about_format=True):
        yield {}


# The tests


async def test_nothing_is_wrong_where_nothing_is(right: World) -> None:
    """Every check is done and content, and the call it made was a whole one."""
    before = len(right.house.of(CallOffered))
    found = await right.examined()
    assert {name: each.detail for name, each in found.items() if each.state != "ok"} == {}
    assert tuple(found) == NAMES
    assert not any(each.fix for each in found.values())
    (offered,) = right.house.of(CallOffered)[before:]
    assert (offered.caller, offered.called, offered.direction) == (CALLER, NUMBER, "inbound")
    await all_ended(right)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.system if name in NEEDS_ROOT else ()) for name in CASES],
)
async def test_what_is_broken_is_named_and_nothing_else(right: World, name: str) -> None:
    """One check finds it, says what it is and what to do; what needs it is not tried."""
    case = CASES[name]
    async with case.spoil(right) as changes:
        found = await right.examined(**changes)
    wrong = {each.name: each for each in found.values() if each.state == "wrong"}
    assert set(wrong) == {case.check}, wrong
    assert case.says in wrong[case.check].detail
    assert case.fix in wrong[case.check].fix
    assert all(each.detail for each in found.values())
    keeps_secrets(found)
    await all_ended(right)


async def test_there_are_enough_of_them() -> None:
    """Every check has found something."""
    assert len(CASES) >= 50
    assert {case.check for case in CASES.values()} == set(NAMES)


def keeps_secrets(found: dict[str, Finding]) -> None:
    """Nothing that must not be shown is."""
    shown = " ".join(f"{each.detail} {each.fix}" for each in found.values())
    for secret in (TOKEN, SECOND_TOKEN, "a third made-up token", "a-secret-password"):
        assert secret not in shown


async def all_ended(right: World) -> None:
    """No call of the doctor's is left, neither here nor at the model."""
    async with asyncio.timeout(10):
        await right.house.reception.registry.wait_empty()
    await right.house.until(
        lambda: len(right.house.of(CallOffered)) == len(right.house.of(CallEnded)), 10
    )


# How things are spoiled


HUSH = """
name = "hush"
voice = "hush"
[greeting]
say = "hush"
[otherwise]
say = "hush"
"""


def fresh(right: World, name: str) -> Path:
    """A folder of its own."""
    folder = right.folder / name
    folder.mkdir()
    return folder


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """A folder is a disk of its own, of 1 MB: only root can do that."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(place)]
    subprocess.run(mount, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def options(right: World, **changes: Any) -> Iterator[None]:
    """The model server behaves otherwise for the connections to come."""
    before = right.house.model.options
    right.house.model.options = replace(before, **changes)
    try:
        yield
    finally:
        right.house.model.options = before


@contextmanager
def faults(right: World, wanted: Faults) -> Iterator[None]:
    """The proxy has these faults."""
    right.front.faults = wanted
    try:
        yield
    finally:
        right.front.faults = Faults()


@contextmanager
def passed_on(right: World, base: str) -> Iterator[None]:
    """The proxy passes everything on to somebody else."""
    before = right.front.target
    right.front.point(base)
    try:
        yield
    finally:
        right.front.target = before


@asynccontextmanager
async def behind(right: World, tls: ssl.SSLContext) -> AsyncIterator[Changes]:
    """Another proxy is the public address, with a certificate of its own."""
    async with front(tls, right.house.base) as other, right.known_as(other.url) as changes:
        yield changes


@asynccontextmanager
async def twin(
    account_sid: str, token: str, *, right: World | None = None, **more: Any
) -> AsyncIterator[str]:
    """Another account of the carrier's, with the same number, and where it is asked."""
    url = "" if right is None else f"{right.front.url}/twilio/voice"
    number = PhoneNumber(NUMBER, voice_url=url)
    found = TwilioTwin(TwilioOptions(account_sid, token, (number,), **more))
    await found.start()
    try:
        yield found.url
    finally:
        await found.stop()


@asynccontextmanager
async def revision(right: World, name: str, number: str) -> AsyncIterator[Changes]:
    """A database that says it is at some revision."""
    changes = {"database_url": SecretStr(f"sqlite:///{fresh(right, name) / 'calls.db'}")}
    settings = right.settings.model_copy(update=changes)
    await upgrade(settings)
    engine = open_database(settings)
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE alembic_version SET version_num = :number"), {"number": number}
        )
    await engine.dispose()
    yield changes
