"""Sessions: how long they go on, what ends them, and the secrets by which they are known."""

import asyncio
from pathlib import Path

import pytest

from gateway.ops.passwords import hashed
from gateway.ops.userfile import User, changed_users
from gateway.ops.users import Users
from gateway.settings import load_settings
from gateway.web.api.sessions import (
    IDLE_S,
    LONGEST_S,
    MOST_SESSIONS,
    OVERLAP_S,
    RENEW_S,
    Session,
    Sessions,
)
from tests.web.api.test_limits import Clock

pytestmark = pytest.mark.asyncio

ANNA = User("anna", "operator", "hashed")
BEN = User("ben", "viewer", "hashed")


class House:
    """Sessions of two users, with a clock by hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.users = Users(load_settings(_env_file=None))
        self.users._of_file = {"anna": ANNA, "ben": BEN}
        self.sessions = Sessions(self.users, self.clock)

    def begin(self, user: User = ANNA) -> tuple[str, Session]:
        """A session and its secret."""
        secret = self.sessions.begin(user)
        session = self.sessions.of(secret)
        assert session is not None
        return secret, session

    def use(self, secret: str, for_s: float) -> Session | None:
        """Uses a session all the time."""
        until = self.clock.now + for_s
        while self.clock.now < until:
            self.clock.now = min(until, self.clock.now + IDLE_S / 2)
            session = self.sessions.of(secret)
        return session


async def test_a_session_is_known_by_its_secret() -> None:
    """And by nothing else; the secret itself is nowhere in it."""
    house = House()
    secret, session = house.begin()
    assert (session.who.name, session.who.role, session.who.via) == ("anna", "operator", "session")
    assert len(secret) >= 43  # 256 bits
    for wrong in ("", "x", secret[:-1], secret + "x", secret.swapcase(), "é", "\ud800"):
        assert house.sessions.of(wrong) is None
    assert secret not in repr([session, house.sessions._known])


async def test_no_two_secrets_are_alike() -> None:
    """However many there are."""
    house = House()
    assert len({house.sessions.begin(ANNA) for _ in range(100)}) == 100


async def test_a_session_ends_without_use() -> None:
    """Two hours."""
    house = House()
    secret, session = house.begin()
    house.clock.now += IDLE_S - 1
    assert house.sessions.of(secret) is session
    house.clock.now += IDLE_S
    assert house.sessions.of(secret) is None
    assert session.over.is_set()
    assert len(house.sessions) == 0


async def test_what_comes_on_a_socket_is_use() -> None:
    """Nobody is signed out in the middle of a call."""
    house = House()
    secret, session = house.begin()
    for _ in range(3):
        house.clock.now += IDLE_S - 1
        house.sessions.touch(session)
        house.sessions.sweep()
    assert house.sessions.of(secret) is session


async def test_a_session_ends_after_all() -> None:
    """Twelve hours, however much it is used."""
    house = House()
    secret, session = house.begin()
    assert house.use(secret, LONGEST_S - 1) is session
    house.clock.now += 1
    assert house.sessions.of(secret) is None
    assert session.over.is_set()


async def test_a_secret_is_changed() -> None:
    """Every quarter of an hour; the old one is taken until the new one was seen, and 30 s more."""
    house = House()
    old, session = house.begin()
    assert house.sessions.renewed(session) is None
    house.clock.now += RENEW_S
    new = house.sessions.renewed(session)
    assert new is not None
    assert new != old
    assert house.sessions.renewed(session) is None
    house.clock.now += OVERLAP_S * 2
    assert house.sessions.of(old) is session  # the answer with the new one may have been lost
    assert house.sessions.of(new) is session
    house.clock.now += OVERLAP_S - 1
    assert house.sessions.of(old) is session
    house.clock.now += 1
    assert house.sessions.of(old) is None
    assert house.sessions.of(new) is session


async def test_secrets_nobody_has_seen_do_not_pile_up() -> None:
    """Three of a session at most."""
    house = House()
    secret, session = house.begin()
    secrets = [secret]
    for _ in range(10):
        house.clock.now += RENEW_S
        house.sessions.touch(session)
        secrets.append(house.sessions.renewed(session) or "")
    assert len(session.secrets) == len(house.sessions._known) == 3
    assert house.sessions.of(secrets[0]) is None
    assert house.sessions.of(secrets[-1]) is session


async def test_signing_out_ends_every_secret() -> None:
    """The old ones, too; others' sessions go on."""
    house = House()
    old, session = house.begin()
    other, _ = house.begin(BEN)
    house.clock.now += RENEW_S
    new = house.sessions.renewed(session) or ""
    house.sessions.end(session)
    assert house.sessions.of(old) is house.sessions.of(new) is None
    assert house.sessions.renewed(session) is None
    assert house.sessions.of(other) is not None


async def test_somebody_has_so_many_sessions() -> None:
    """The oldest goes; nobody else's does."""
    house = House()
    bens, _ = house.begin(BEN)
    made = [house.begin() for _ in range(MOST_SESSIONS + 3)]
    alive = [house.sessions.of(secret) is not None for secret, _ in made]
    assert alive == [False] * 3 + [True] * MOST_SESSIONS
    assert made[0][1].over.is_set()
    assert house.sessions.of(bens) is not None


@pytest.mark.parametrize(
    "now",
    [None, User("anna", "operator", "another hash"), User("anna", "admin", "hashed")],
    ids=["gone", "password", "role"],
)
async def test_a_user_who_changed_is_signed_out(now: User | None) -> None:
    """Removed, with another password, with another role; the others stay."""
    house = House()
    secret, session = house.begin()
    bens, _ = house.begin(BEN)
    house.users._of_file = {"ben": BEN} if now is None else {"anna": now, "ben": BEN}
    house.sessions.sweep()
    assert session.over.is_set()
    assert house.sessions.of(secret) is None
    assert house.sessions.of(bens) is not None


async def test_who_was_changed_while_they_signed_in_is_not_signed_in() -> None:
    """Their old password was right when it was looked at; the file is another one by now."""
    house = House()
    house.users._of_file = {"anna": User("anna", "viewer", "another hash")}
    assert house.sessions.of(house.sessions.begin(ANNA)) is None


async def test_a_session_ends_with_nobody_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is looked at as long as there are sessions: sockets that are open hear of it."""
    monkeypatch.setattr("gateway.web.api.sessions.SWEEP_S", 0.01)
    monkeypatch.setattr("gateway.ops.users.LOOK_S", 0.0)
    file = tmp_path / "users.toml"
    user = User("anna", "operator", hashed("a made-up password"))
    with changed_users(file) as users:
        users["anna"] = user
    known = Users(load_settings(_env_file=None), file)
    known.read()
    sessions = Sessions(known)
    session = sessions.of(sessions.begin(user))
    assert session is not None
    with changed_users(file) as users:
        del users["anna"]
    async with asyncio.timeout(20):
        await session.over.wait()
        assert sessions._sweeping is not None
        await sessions._sweeping  # nothing looks any more when nobody is there
    assert not known
