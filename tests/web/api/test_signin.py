"""Signing in and out, over a real socket: who gets in, how often one may try, what ends with it."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

from gateway.ops.passwords import hashed
from gateway.ops.userfile import User, changed_users
from gateway.web.api.gate import SIGNED_OUT
from gateway.web.api.sessions import LONGEST_S, RENEW_S, Session
from tests.web.api.people import PASSWORD, Manned, manned
from tests.web.carrier import LIMIT_S

pytestmark = pytest.mark.asyncio

PATH = "/api/session"


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[Manned]:
    """A gateway with people."""
    async with manned(tmp_path) as found:
        yield found


def only(house: Manned) -> Session:
    """The one session there is."""
    (session,) = house.gate.sessions.all()
    return session


async def test_signing_in(house: Manned) -> None:
    """A session with a cookie; who one is; signing out, after which it is nobody's."""
    answer = await house.sign_in("otto")
    assert (answer.status_code, answer.json()) == (
        200,
        {"name": "otto", "role": "operator", "via": "session"},
    )
    assert answer.headers["cache-control"] == "no-store"
    assert PASSWORD not in answer.text
    sent = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert (await house.ask("GET", PATH, headers=sent)).json()["name"] == "otto"
    ours = {**sent, "Origin": house.origin}
    gone = await house.ask("DELETE", PATH, headers=ours)
    assert (gone.status_code, gone.content) == (204, b"")
    assert 'gateway=""' in gone.headers["set-cookie"]
    assert (await house.ask("GET", PATH, headers=sent)).status_code == 401
    assert house.actions() == [("otto", "signed_in"), ("otto", "signed_out")]
    assert house.noted[0]["detail"] == "from 127.0.0.1"


WRONG = [("otto", "wrong"), ("otto", ""), ("otto", PASSWORD + " "), ("nobody", PASSWORD)]


@pytest.mark.parametrize(("name", "password"), WRONG)
async def test_what_is_wrong_is_wrong(house: Manned, name: str, password: str) -> None:
    """The same answer whatever was wrong, and a line of it; made-up names are not written down."""
    answer = await house.sign_in(name, password)
    if not password:
        assert (answer.status_code, house.noted) == (400, [])
        return
    assert (answer.status_code, answer.json()) == (
        401,
        {"error": "the name or the password is wrong"},
    )
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-gateway-refused"] == "sign_in"
    assert house.actions() == [("otto" if name == "otto" else "unknown", "sign_in_failed")]
    assert name == "otto" or name not in repr(house.noted)


BAD: list[Any] = [b"", b"{", [], {}, {"name": "otto"}, {"name": "otto", "password": 5}]
BAD += [{"name": "", "password": "x"}, {"name": "x" * 65, "password": "x"}]
BAD += [
    {"name": "otto", "password": "x" * 1025},
    {"name": "otto", "password": "x", "role": "admin"},
]


@pytest.mark.parametrize("body", BAD, ids=lambda body: str(body)[:40])
async def test_a_wrong_body(house: Manned, body: Any) -> None:
    """400, and nothing of what was typed comes back."""
    sent = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = await house.ask("POST", PATH, headers={"Origin": house.origin}, **sent)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("expected")
    assert house.noted == []


async def test_nobody_is_signed_in_from_elsewhere(house: Manned) -> None:
    """Another page, or no page, cannot; whatever the password."""
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        answer = await house.sign_in(Origin=origin)
        assert (answer.status_code, answer.headers["x-gateway-refused"]) == (403, "foreign_origin")
    body = {"name": "anna", "password": PASSWORD}
    assert (await house.ask("POST", PATH, json=body)).status_code == 403
    assert house.noted == []


async def test_where_nobody_can_sign_in(tmp_path: Path) -> None:
    """It says so to whoever is on the machine."""
    from tests.web.running import running

    async with running(tmp_path) as gateway:
        answer = await gateway.http.post(PATH, json={"name": "admin", "password": "x"})
        assert answer.status_code == 409
        assert "GATEWAY_ADMIN_PASSWORD" in answer.json()["error"]


async def test_the_admin_of_the_settings_signs_in(tmp_path: Path) -> None:
    """Beside the people of the file."""
    async with manned(tmp_path, admin_password="another made-up one") as house:
        assert (await house.sign_in("admin", "another made-up one")).json()["role"] == "admin"
        assert (await house.sign_in("admin", PASSWORD)).status_code == 401
        assert (await house.sign_in("anna")).status_code == 200


async def test_guessing_takes_longer_and_longer(house: Manned) -> None:
    """After ten tries 429 with the seconds to wait, for any name from there; nothing is checked."""
    with house.gateway.refuses(sign_in=10):
        for _ in range(10):
            assert (await house.sign_in("anna", "wrong")).status_code == 401
    lines = len(house.noted)
    for name, password in (("anna", PASSWORD), ("anna", "wrong"), ("nobody", "wrong")):
        answer = await house.sign_in(name, password)
        assert answer.status_code == 429
        assert answer.headers["x-gateway-refused"] == "sign_in_limit"
        assert int(answer.headers["retry-after"]) >= 1
    assert len(house.noted) == lines


async def test_tries_are_counted_by_name_and_by_address(house: Manned) -> None:
    """Many addresses do not guess one name, and one address does not guess many names."""
    answers = [
        await house.sign_in("anna", "wrong", X_Forwarded_For=f"9.9.9.{n}") for n in range(11)
    ]
    assert Counter(each.status_code for each in answers) == {401: 10, 429: 1}
    answers = [
        await house.sign_in(f"user{n}", "wrong", X_Forwarded_For="8.8.8.8") for n in range(11)
    ]
    assert Counter(each.status_code for each in answers) == {401: 10, 429: 1}
    assert (await house.sign_in("otto", X_Forwarded_For="7.7.7.7")).status_code == 200


async def test_many_tries_at_once_are_no_way_around(house: Manned) -> None:
    """No more get through together than one after the other."""
    begin, allowed = time.monotonic(), 10
    answers = await asyncio.gather(*(house.sign_in("anna", "wrong") for _ in range(40)))
    took_s, wait_s = time.monotonic() - begin, 1.0
    while took_s >= wait_s:  # a busy machine: some of the waits are over by then
        took_s, wait_s, allowed = took_s - wait_s, 2 * wait_s, allowed + 1
    assert Counter(each.status_code for each in answers)[401] <= allowed


async def test_who_signs_in_often_is_not_guessing(house: Manned) -> None:
    """Right passwords cost nothing."""
    for _ in range(15):
        assert (await house.sign_in("anna")).status_code == 200


async def test_signing_in_makes_another_session(house: Manned) -> None:
    """The one before ends: a secret somebody slipped in is worth nothing afterwards."""
    first = await house.cookie("vera")
    body = {"name": "anna", "password": PASSWORD}
    sent = {**first, "Origin": house.origin}
    answer = await house.ask("POST", PATH, json=body, headers=sent)
    assert answer.headers["set-cookie"].partition(";")[0] != first["Cookie"]
    assert (await house.ask("GET", PATH, headers=first)).status_code == 401
    assert only(house).who.name == "anna"


async def test_a_made_up_secret_is_not_taken(house: Manned) -> None:
    """Nobody can choose the secret of a session."""
    sent = {"Cookie": "gateway=chosen-by-somebody", "Origin": house.origin}
    body = {"name": "anna", "password": PASSWORD}
    answer = await house.ask("POST", PATH, json=body, headers=sent)
    assert "chosen" not in answer.headers["set-cookie"]
    assert (await house.ask("GET", PATH, headers=sent)).status_code == 401


async def test_the_secret_is_changed(house: Manned) -> None:
    """With the first answer after a quarter of an hour; a socket hands out none."""
    sent = await house.cookie()
    assert "set-cookie" not in (await house.ask("GET", PATH, headers=sent)).headers
    only(house).renewed -= RENEW_S
    answer = await house.ask("GET", PATH, headers=sent)
    head, *attributes = answer.headers["set-cookie"].split("; ")
    assert head != sent["Cookie"]
    assert {each.lower() for each in attributes} == {"httponly", "path=/", "samesite=strict"}
    assert (await house.ask("GET", PATH, headers={"Cookie": head})).json()["name"] == "anna"


async def test_signing_out_closes_sockets(house: Manned) -> None:
    """Those of that session with their own code, what is behind them tidies up; others go on."""
    sent = {**await house.cookie("otto"), "Origin": house.origin}
    other = {**await house.cookie("otto"), "Origin": house.origin}
    mine, theirs = await house.open(sent), await house.open(other)
    assert await mine.recv() == await theirs.recv() == "otto"
    await house.ask("DELETE", PATH, headers=sent)
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(ConnectionClosed) as closed:
            await mine.recv()
        await house.talk.tidied.wait()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (SIGNED_OUT, "signed out")
    await theirs.send("still here")
    assert await theirs.recv() == "still here"
    await theirs.close()


async def test_the_end_of_a_session_closes_sockets(
    house: Manned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is over, and nobody asked for anything."""
    monkeypatch.setattr("gateway.web.api.sessions.SWEEP_S", 0.01)
    socket = await house.open({**await house.cookie("otto"), "Origin": house.origin})
    assert await socket.recv() == "otto"
    only(house).began -= LONGEST_S
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert socket.close_code == SIGNED_OUT


async def test_who_is_removed_is_signed_out(house: Manned) -> None:
    """Their sockets with them; somebody whose password changed as well."""
    gone, changed = [
        await house.open({**await house.cookie(name), "Origin": house.origin})
        for name in ("otto", "anna")
    ]
    with changed_users(house.file) as users:
        del users["otto"]
        users["anna"] = User("anna", "admin", hashed("another one"))
    for socket in (gone, changed):
        async with asyncio.timeout(LIMIT_S):
            await socket.wait_closed()
        assert socket.close_code == SIGNED_OUT


async def test_a_socket_that_ends_leaves_nothing(house: Manned) -> None:
    """Whoever goes by themselves is gone, and the session goes on."""
    sent = {**await house.cookie("otto"), "Origin": house.origin}
    before = len(asyncio.all_tasks())
    for _ in range(5):
        socket = await house.open(sent)
        await socket.recv()
        await socket.close()
    await house.talk.tidied.wait()
    async with asyncio.timeout(LIMIT_S):
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110 tasks tell nobody
            await asyncio.sleep(0)
    assert (await house.ask("GET", PATH, headers=sent)).status_code == 200


async def test_sockets_of_this_machine_end_when_somebody_can_sign_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as anybody asks for anything: what was open to all is open no more."""
    monkeypatch.setattr("gateway.ops.users.LOOK_S", 0.0)
    async with manned(tmp_path) as house:
        with changed_users(house.file) as users:
            before = dict(users)
            users.clear()
        assert (await house.ask("GET", PATH)).json()["name"] == "local"
        socket = await house.open({})
        assert await socket.recv() == "local"
        with changed_users(house.file) as users:
            users.update(before)
        assert (await house.ask("GET", PATH)).status_code == 401
        async with asyncio.timeout(LIMIT_S):
            await socket.wait_closed()
        assert socket.close_code == SIGNED_OUT
