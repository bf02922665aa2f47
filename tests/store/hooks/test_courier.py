"""Webhooks on their way: real requests to real servers on loopback."""

import asyncio
import contextlib
import json
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import RedirectResponse, Response, StreamingResponse
from structlog.testing import capture_logs

from gateway import __version__
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.store.database import open_database
from gateway.store.hooks import courier as module
from gateway.store.hooks.courier import AT_A_TIME, Courier, word
from gateway.store.hooks.deliveries import LEASE_S
from gateway.store.hooks.reach import AddressRefused
from gateway.store.tables import metadata
from tests.store.databases import made, settings_in
from tests.store.outboxes import SECRET, Clock, put, rows, states
from tests.store.receivers import LIMIT_S, Receiver, Told, receiving, rude

PAGE = (Path(__file__).parents[3] / "docs" / "hooks.md").read_text(encoding="utf-8")


class Office:
    """A database, a clock, and couriers that deliver to one address."""

    def __init__(self, engine: AsyncEngine, folder: Path, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock
        self._folder = folder
        self.url = "http://127.0.0.1:1/"
        self.outcomes: Counter[str] = Counter()
        """What came of the attempts of all rounds."""

    @property
    def settings(self) -> Settings:
        """Those of all couriers."""
        return settings_in(self._folder, hook_url=self.url, hook_secret=SECRET)

    def courier(self, **changes: Any) -> Courier:
        """Another courier; chance is always in the middle."""
        ours = {"clock": self.clock, "chance": lambda: 0.5, **changes}
        return Courier(self.engine, self.settings, **ours)

    async def put(self, *ids: str) -> None:
        """Deliveries that are due now."""
        await put(self.engine, self.settings, self.clock, *ids)

    async def round(self) -> None:
        """Everything that is due is tried once; what came of it is written."""
        courier = self.courier()
        courier.stop()
        async with asyncio.timeout(LIMIT_S):
            await courier.run()
        self.outcomes += courier.outcomes

    async def row(self, delivery_id: str = "CA1:1") -> dict[str, Any]:
        """What the database knows of a delivery."""
        return (await rows(self.engine))[delivery_id]

    async def states(self) -> dict[str, str]:
        """What became of every delivery."""
        return await states(self.engine)


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """One with an empty database."""
    engine = await made(settings_in(tmp_path))
    yield Office(engine, tmp_path, Clock())
    await engine.dispose()


@pytest_asyncio.fixture
async def receiver(office: Office) -> AsyncIterator[Receiver]:
    """Who is told by that office."""
    async with receiving() as it:
        office.url = it.url
        yield it


@contextlib.asynccontextmanager
async def running(*couriers: Courier) -> AsyncIterator[None]:
    """Couriers at work; afterwards they end what they have in hand."""
    tasks = [asyncio.create_task(each.run()) for each in couriers]
    yield
    for each in couriers:
        each.stop()
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*tasks)


def documented(language: str) -> str:
    """The code of docs/hooks.md in that language."""
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.mark.asyncio
async def test_a_webhook_arrives_once(office: Office, receiver: Receiver) -> None:
    """As the page on webhooks has it, byte for byte what was committed."""
    await office.put("CA1:1")
    await office.round()
    await office.round()
    (told,) = receiver.told
    row = await office.row()
    assert told.body.decode() == row["body"]
    assert json.loads(told.body)["data"]["reason"] == "caller_hung_up"
    assert {name: told.headers.get(name) for name in told.headers if name != "host"} == {
        "content-type": "application/json",
        "content-length": str(len(told.body)),
        "connection": "close",
        "user-agent": f"gateway/{__version__}",
        "x-gateway-event": "call.ended",
        "x-gateway-delivery": "CA1:1",
        "x-gateway-timestamp": str(int(office.clock.now.timestamp())),
        "x-gateway-signature": told.headers["x-gateway-signature"],
    }
    assert (row["state"], row["attempts"], row["error"]) == ("delivered", 1, None)
    assert row["done_at"] == office.clock.now


@pytest.mark.asyncio
async def test_the_documented_check_knows_it_as_genuine(office: Office, receiver: Receiver) -> None:
    """And nothing that was changed, or signed with another secret, or is old."""
    await office.put("CA1:1")
    await office.round()
    (told,) = receiver.told
    names: dict[str, Any] = {}
    exec(documented("python"), names)
    headers = httpx2.Headers(told.headers)
    old = httpx2.Headers({**told.headers, "x-gateway-timestamp": str(int(time.time()) - 301)})
    assert names["is_genuine"](SECRET, headers, told.body)
    assert not names["is_genuine"]("another secret", headers, told.body)
    assert not names["is_genuine"](SECRET, headers, told.body + b" ")
    assert not names["is_genuine"](SECRET, old, told.body)


@pytest.mark.system
@pytest.mark.asyncio
async def test_so_does_the_one_for_node(office: Office, receiver: Receiver) -> None:
    """The same, in the other language."""
    await office.put("CA1:1")
    await office.round()
    (told,) = receiver.told
    old = {**told.headers, "x-gateway-timestamp": str(int(time.time()) - 301)}
    cases = [
        [SECRET, told.headers, told.body.decode()],
        ["another secret", told.headers, told.body.decode()],
        [SECRET, told.headers, told.body.decode() + " "],
        [SECRET, old, told.body.decode()],
    ]
    code = documented("js") + (
        f"const cases = {json.dumps(cases)};"
        "console.log(JSON.stringify(cases.map(([s, h, b]) => isGenuine(s, h, Buffer.from(b)))));"
    )
    done = await asyncio.to_thread(
        subprocess.run, ["node", "-e", code], capture_output=True, timeout=30, check=True
    )
    assert json.loads(done.stdout) == [True, False, False, False]


@pytest.mark.asyncio
async def test_it_is_tried_again_until_it_is_taken(office: Office, receiver: Receiver) -> None:
    """Later each time, under the same ID, with a fresh signature; the waits are the documented."""
    receiver.answers.extend(Response(status_code=status) for status in (500, 404, 100 + 200))
    await office.put("CA1:1")
    for wait in (1, 4, 15):
        await office.round()
        row = await office.row()
        assert (row["next_at"] - office.clock.now).total_seconds() == wait
        office.clock.move(wait - 0.1)
        await office.round()
        office.clock.move(0.1)
    await office.round()
    assert receiver.ids == ["CA1:1"] * 4
    assert len({each.headers["x-gateway-signature"] for each in receiver.told}) > 1
    row = await office.row()
    assert (row["state"], row["attempts"], row["error"]) == ("delivered", 4, None)
    assert office.outcomes == {"failed": 3, "delivered": 1}


@pytest.mark.asyncio
async def test_after_the_last_attempt_it_is_dead(office: Office, receiver: Receiver) -> None:
    """Nine of them in five and a half hours; the log names it, and nothing it says."""
    receiver.otherwise = Response("a secret answer", status_code=503)
    await office.put("CA1:1")
    with capture_logs() as logs:
        for _ in range(12):
            await office.round()
            office.clock.move(14400)
    assert receiver.ids == ["CA1:1"] * 9
    row = await office.row()
    assert (row["state"], row["attempts"], row["error"]) == ("dead", 9, "http_503")
    assert office.outcomes == {"failed": 8, "dead": 1}
    assert [line["event"] for line in logs] == ["hook.failed"] * 8 + ["hook.dead"]
    assert logs[-1] == {
        "event": "hook.dead",
        "log_level": "error",
        "call_sid": "CA1",
        "id": "CA1:1",
        "error": "http_503",
        "attempts": 9,
    }
    assert "caller_hung_up" not in str(logs)


@pytest.mark.asyncio
async def test_whoever_is_gone_is_not_asked_again(office: Office, receiver: Receiver) -> None:
    """410: dead at once, and the next of the call is tried."""
    receiver.answers.append(Response(status_code=410))
    await office.put("CA1:1", "CA1:2")
    await office.round()
    await office.round()
    assert await office.states() == {"CA1:1": "dead", "CA1:2": "delivered"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "header", "wait"),
    [(429, "120", 120), (503, "7200", 3600), (429, "0", 1), (503, "soon", 1), (500, "120", 1)],
)
async def test_a_receiver_may_ask_for_time(
    office: Office, receiver: Receiver, status: int, header: str, wait: float
) -> None:
    """An hour at most, and never less than it would have got anyway."""
    receiver.answers.append(Response(status_code=status, headers={"Retry-After": header}))
    await office.put("CA1:1")
    await office.round()
    assert ((await office.row())["next_at"] - office.clock.now).total_seconds() == wait


@pytest.mark.asyncio
async def test_redirects_are_not_followed(office: Office, receiver: Receiver) -> None:
    """Least of all to an address that may not be reached."""
    async with receiving() as private:
        receiver.otherwise = RedirectResponse(private.url, status_code=307)
        await office.put("CA1:1")
        await office.round()
        assert private.told == []
    assert ((await office.row())["state"], (await office.row())["error"]) == (
        "pending",
        "http_307",
    )


@pytest.mark.asyncio
async def test_a_slow_receiver_is_not_waited_for(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt has failed, whatever it answers later."""
    monkeypatch.setattr(module, "TOTAL_S", 0.3)
    over = asyncio.Event()

    async def hang(_told: Told) -> Response:
        await over.wait()
        return Response(status_code=204)

    receiver.otherwise = hang
    await office.put("CA1:1")
    await office.round()
    over.set()
    assert (await office.row())["error"] == "timeout"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "state", "error"),
    [
        (b"", "pending", "broken"),
        (b"HTTP/1.1 200 O", "pending", "broken"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "pending", "broken"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnine", "delivered", None),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\nnine", "pending", "http_500"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz", "delivered", None),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "pending", "broken"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", "pending", "broken"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 202 OK\r\n\r\n", "delivered", None),
    ],
    ids=range(9),
)
async def test_an_answer_that_breaks_off(
    office: Office, answer: bytes, state: str, error: str | None
) -> None:
    """The status decides, once it was read; without one nothing was taken."""
    async with rude(answer) as office.url:
        await office.put("CA1:1")
        await office.round()
    row = await office.row()
    assert (row["state"], row["error"]) == (state, error)


@pytest.mark.asyncio
async def test_a_huge_answer_is_not_read(office: Office, receiver: Receiver) -> None:
    """Its beginning is enough."""
    written = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal written
        while True:
            written += 65536
            yield b"x" * 65536
            await asyncio.sleep(0)  # the receiver lives on this loop, too

    receiver.otherwise = StreamingResponse(endless())
    await office.put("CA1:1")
    await office.round()
    assert (await office.row())["state"] == "delivered"
    assert written < 2**26


@pytest.mark.asyncio
async def test_nobody_listens(office: Office) -> None:
    """A port that is closed is a failure like any other."""
    await office.put("CA1:1")
    await office.round()
    assert (await office.row())["error"] == "connect"


@pytest.mark.asyncio
async def test_receivers_are_asked_for_nothing_they_said_before(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No cookies, and no proxy of the environment."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    receiver.otherwise = Response(status_code=204, headers={"Set-Cookie": "a=b"})
    await office.put("CA1:1", "CA1:2")
    async with running(office.courier()):
        await receiver.until(lambda: len(receiver.told) == 2)
    assert [each.headers.get("cookie") for each in receiver.told] == [None, None]


@pytest.mark.asyncio
async def test_a_call_is_told_in_order_whatever_fails(office: Office, receiver: Receiver) -> None:
    """Later ones wait for earlier ones to be taken; other calls do not wait."""

    async def refuse_first(told: Told) -> Response:
        failing = told.id == "CA1:1" and receiver.ids.count("CA1:1") < 3
        return Response(status_code=500 if failing else 204)

    receiver.otherwise = refuse_first
    await office.put("CA1:1", "CA1:2", "CA1:3", "CA2:1", "CA2:2")
    await office.round()
    await office.round()
    assert sorted(receiver.ids) == ["CA1:1", "CA2:1", "CA2:2"]
    for _ in range(2):
        office.clock.move(60)
        await office.round()
    async with running(office.courier()):
        await receiver.until(lambda: "CA1:3" in receiver.ids)
    ours = [each for each in receiver.ids if each.startswith("CA1")]
    assert ours == ["CA1:1", "CA1:1", "CA1:1", "CA1:2", "CA1:3"]
    assert set((await office.states()).values()) == {"delivered"}


@pytest.mark.asyncio
async def test_so_many_are_under_way_at_a_time(office: Office, receiver: Receiver) -> None:
    """Not one more, however many are due."""
    over = asyncio.Event()

    async def hold(_told: Told) -> Response:
        await over.wait()
        return Response(status_code=204)

    receiver.otherwise = hold
    await office.put(*(f"CA{number}:1" for number in range(20)))
    courier = office.courier()
    async with running(courier):
        await receiver.until(lambda: len(receiver.told) == AT_A_TIME)
        courier.wake()
        pending = [row for row in (await rows(office.engine)).values() if row["attempts"]]
        assert len(pending) == AT_A_TIME
        over.set()
        await receiver.until(lambda: len(receiver.told) == 20)


@pytest.mark.asyncio
async def test_two_couriers_share_the_work(office: Office, receiver: Receiver) -> None:
    """Each webhook is sent by one of them, and each call in order."""
    ids = [f"CA{call}:{seq}" for call in range(12) for seq in (1, 2, 3)]
    await office.put(*random.sample(ids, len(ids)))
    other = open_database(office.settings)
    second = Courier(other, office.settings, clock=office.clock)
    async with running(office.courier(), second):
        await receiver.until(lambda: len(set(receiver.ids)) == len(ids))
    await other.dispose()
    assert sorted(receiver.ids) == sorted(ids)
    for call in range(12):
        assert [each for each in receiver.ids if each.startswith(f"CA{call}:")] == [
            f"CA{call}:{seq}" for seq in (1, 2, 3)
        ]
    assert set((await office.states()).values()) == {"delivered"}


@pytest.mark.asyncio
async def test_what_was_under_way_at_the_end_comes_again(
    office: Office, receiver: Receiver
) -> None:
    """Under the same ID, after the lease: at least once, whatever becomes of the gateway."""
    over = asyncio.Event()

    async def hold(_told: Told) -> Response:
        await over.wait()
        return Response(status_code=204)

    receiver.answers.append(hold)
    await office.put("CA1:1")
    task = asyncio.create_task(office.courier().run())
    await receiver.until(lambda: len(receiver.told) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    over.set()
    await office.round()
    assert receiver.ids == ["CA1:1"]
    office.clock.move(LEASE_S)
    await office.round()
    assert receiver.ids == ["CA1:1"] * 2
    assert await office.states() == {"CA1:1": "delivered"}


CHILD = """
import asyncio, sys
from pathlib import Path
from gateway.store.hooks.courier import Courier
from gateway.store.database import open_database
from tests.store.databases import settings_in

settings = settings_in(Path(sys.argv[1]), hook_url=sys.argv[2], hook_secret=sys.argv[3])
asyncio.run(Courier(open_database(settings), settings).run())
"""


@pytest.mark.asyncio
async def test_a_gateway_that_is_killed_loses_nothing(
    office: Office, receiver: Receiver, tmp_path: Path
) -> None:
    """`kill -9` during an attempt: it comes again after the lease, and what is behind it, too."""

    async def die(_told: Told) -> Response:
        child.kill()
        await child.wait()
        return Response(status_code=204)

    receiver.answers.append(die)
    await office.put("CA1:1", "CA1:2")
    words = [sys.executable, "-c", CHILD, str(tmp_path), office.url, SECRET]
    child = await asyncio.create_subprocess_exec(*words)
    await child.wait()
    await office.round()
    assert receiver.ids == ["CA1:1"]
    office.clock.now = datetime.now(UTC)
    office.clock.move(LEASE_S)
    await office.round()
    await office.round()
    assert receiver.ids == ["CA1:1", "CA1:1", "CA1:2"]
    assert set((await office.states()).values()) == {"delivered"}


@pytest.mark.asyncio
async def test_stopping_ends_what_is_under_way(office: Office, receiver: Receiver) -> None:
    """And begins nothing more."""
    over = asyncio.Event()

    async def hold(_told: Told) -> Response:
        await over.wait()
        return Response(status_code=204)

    receiver.otherwise = hold
    await office.put("CA1:1", "CA1:2")
    courier = office.courier()
    task = asyncio.create_task(courier.run())
    await receiver.until(lambda: len(receiver.told) == 1)
    courier.stop()
    over.set()
    await task
    courier.wake()
    assert await office.states() == {"CA1:1": "delivered", "CA1:2": "pending"}


@pytest.mark.asyncio
async def test_news_from_another_thread_is_looked_at_at_once(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, the database is asked every so often."""
    monkeypatch.setattr(module, "POLL_S", 3600.0)
    courier = office.courier()
    async with running(courier):
        await office.put("CA1:1")
        await asyncio.to_thread(courier.wake)
        await receiver.until(lambda: len(receiver.told) == 1)


@pytest.mark.asyncio
async def test_without_news_it_looks_every_so_often(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process put there, or made pending again, is found."""
    monkeypatch.setattr(module, "POLL_S", 0.01)
    async with running(office.courier()):
        await office.put("CA1:1")
        await receiver.until(lambda: len(receiver.told) == 1)


@pytest.mark.asyncio
async def test_a_database_that_is_gone_is_waited_for(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log says so once, and all is delivered when it is back."""
    monkeypatch.setattr(module, "POLL_S", 0.01)
    rounds = 0
    looked = asyncio.Event()

    def counting() -> Any:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            looked.set()
        return office.clock.now

    async with office.engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
    with capture_logs() as logs:
        theirs = open_database(office.settings)
        async with running(Courier(theirs, office.settings, clock=counting)):
            await looked.wait()
            async with office.engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
            await office.put("CA1:1")
            await receiver.until(lambda: len(receiver.told) == 1)
    stalled = {"event": "hook.stalled", "log_level": "error", "error": "OperationalError"}
    assert logs == [stalled]
    assert await office.states() == {"CA1:1": "delivered"}
    await theirs.dispose()


@pytest.mark.asyncio
async def test_a_result_that_cannot_be_written_is_made_again(
    office: Office, receiver: Receiver
) -> None:
    """The webhook stays in hand until its lease is over, and comes a second time."""

    async def rename(name: str, to: str) -> None:
        async with office.engine.begin() as connection:
            await connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {to}")

    async def take_away(_told: Told) -> Response:
        await rename("deliveries", "elsewhere")
        return Response(status_code=204)

    receiver.answers.append(take_away)
    await office.put("CA1:1")
    with capture_logs() as logs:
        await office.round()
    assert [line["event"] for line in logs] == ["hook.stalled"]
    await rename("elsewhere", "deliveries")
    office.clock.move(LEASE_S)
    await office.round()
    assert receiver.ids == ["CA1:1"] * 2
    assert await office.states() == {"CA1:1": "delivered"}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AddressRefused("private"), "address_private"),
        (TimeoutError(), "timeout"),
        (httpx2.ReadTimeout("slow"), "timeout"),
        (httpx2.ConnectTimeout("slow"), "timeout"),
        (socket.gaierror(-2, "Name or service not known"), "no_such_name"),
        (UnicodeError("label too long"), "no_such_name"),
        (httpx2.ConnectError("refused"), "connect"),
        (httpx2.RemoteProtocolError("a secret answer"), "broken"),
        (ConnectionResetError(), "broken"),
    ],
)
def test_why_there_was_no_answer_is_one_word(error: Exception, said: str) -> None:
    """Nothing of what the other side said is in it."""
    assert word(error) == said


@pytest.mark.asyncio
async def test_the_loop_it_runs_on_may_be_any(office: Office, receiver: Receiver) -> None:
    """A thread with a loop of its own, as the records' writer has one."""
    await office.put("CA1:1")
    engine = open_database(office.settings, pooled=False)
    courier = Courier(engine, office.settings, clock=office.clock)
    thread = threading.Thread(target=lambda: asyncio.run(courier.run()))
    thread.start()
    await receiver.until(lambda: len(receiver.told) == 1)
    courier.stop()
    await asyncio.to_thread(thread.join)
    courier.wake()
    assert await office.states() == {"CA1:1": "delivered"}


@pytest.mark.parametrize("secret", [None, ""])
def test_a_secret_is_needed(tmp_path: Path, secret: str | None) -> None:
    """Nothing is ever sent that nobody can check."""
    settings = settings_in(tmp_path, hook_url="https://hooks.example.com", hook_secret=secret)
    with pytest.raises(ConfigError, match=r"^GATEWAY_HOOK_SECRET: is needed "):
        Courier(open_database(settings), settings)


def test_an_address_that_is_refused_is_told_at_start(tmp_path: Path) -> None:
    """Before anything is put off for hours."""
    settings = settings_in(tmp_path, hook_url="https://10.0.0.1/", hook_secret=SECRET)
    with pytest.raises(ConfigError, match=r"^GATEWAY_HOOK_URL: .* private$"):
        Courier(open_database(settings), settings)
