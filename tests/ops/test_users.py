"""Users of a running gateway: whose password is right, and what becomes of the file meanwhile."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.ops import users as module
from gateway.ops.passwords import hashed
from gateway.ops.userfile import User, changed_users
from gateway.ops.users import AT_ONCE, MOST_WAIT, Crowded, Users, open_users
from gateway.settings import Settings, load_settings

PASSWORD = "a made-up password"
ANNA = User("anna", "operator", hashed(PASSWORD))


def settings(folder: Path, **more: Any) -> Settings:
    """Settings of a gateway whose files are there."""
    return load_settings(_env_file=None, data_dir=folder, **more)


def written(file: Path, text: str | None) -> str:
    """What stood in the file; now it is that (None: it is gone)."""
    before = file.read_text()
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    return before


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with one user, which is looked at whenever somebody asks."""
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    path = tmp_path / "users.toml"
    with changed_users(path) as users:
        users["anna"] = ANNA
    return path


@pytest.mark.asyncio
async def test_nobody_can_sign_in_where_there_is_nobody(tmp_path: Path) -> None:
    """Neither with a name nor without."""
    users = open_users(settings(tmp_path))
    assert not users
    for name in ("admin", "anna", ""):
        assert await users.signed_in(name, "") is None
        assert users.proof(name) is None


@pytest.mark.parametrize("kept", [PASSWORD, hashed(PASSWORD)], ids=["plain", "hashed"])
@pytest.mark.asyncio
async def test_the_admin_of_the_settings(tmp_path: Path, kept: str) -> None:
    """With the password or with its hash in the settings; the hash itself opens nothing."""
    users = open_users(settings(tmp_path, admin_password=kept))
    assert users
    found = await users.signed_in("admin", PASSWORD)
    assert found is not None
    assert (found.name, found.role) == ("admin", "admin")
    for wrong in ("", "x", PASSWORD + " ", *([kept] if kept != PASSWORD else [])):
        assert await users.signed_in("admin", wrong) is None
    assert await users.signed_in("anna", PASSWORD) is None


@pytest.mark.asyncio
async def test_users_of_the_file(file: Path) -> None:
    """With their own passwords only."""
    users = open_users(settings(file.parent, admin_password="another password"))
    assert await users.signed_in("anna", PASSWORD) == ANNA
    assert await users.signed_in("anna", "another password") is None
    assert await users.signed_in("ben", PASSWORD) is None


@pytest.mark.asyncio
async def test_a_name_nobody_has_costs_the_same(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hash is checked, whoever it is: the time tells nobody which names there are."""
    users = open_users(settings(file.parent))
    await users.signed_in("anna", "wrong")
    checked: list[str] = []

    def check(password: str, kept: str) -> bool:
        checked.append(kept)
        return True

    monkeypatch.setattr(module, "is_right", check)
    for name in ("anna", "nobody", "admin"):
        await users.signed_in(name, "wrong")
    assert len(checked) == 3
    assert checked[1] == checked[2] != ANNA.password
    costs = {each.split("$")[3] for each in checked}
    assert len(costs) == 1
    assert await users.signed_in("nobody", "right or not") is None


@pytest.mark.asyncio
async def test_the_file_is_read_again(file: Path) -> None:
    """When it was changed; whose password is another now has another proof."""
    users = open_users(settings(file.parent))
    before = users.proof("anna")
    await users.look()
    assert users.proof("anna") == before
    with changed_users(file) as found:
        found["anna"] = User("anna", "operator", hashed("another password"))
        found["ben"] = User("ben", "viewer", hashed(PASSWORD))
    await users.look()
    assert users.proof("anna") not in (None, before)
    assert users.knows("ben")
    assert await users.signed_in("anna", PASSWORD) is None
    assert await users.signed_in("anna", "another password") is not None
    written(file, None)
    await users.look()
    assert not users


@pytest.mark.asyncio
async def test_a_broken_file_lets_nobody_in(file: Path) -> None:
    """And signs nobody out; the admin of the settings can come and mend it."""
    users = open_users(settings(file.parent, admin_password=PASSWORD))
    before = users.proof("anna")
    right = written(file, "[anna")
    await users.look()
    assert await users.signed_in("anna", PASSWORD) is None
    assert users.proof("anna") == before
    assert await users.signed_in("admin", PASSWORD) is not None
    written(file, right)
    await users.look()
    assert await users.signed_in("anna", PASSWORD) is not None


@pytest.mark.asyncio
async def test_a_file_that_breaks_opens_nothing(file: Path) -> None:
    """Whoever was the only one in it: there are users still, as far as the gate is concerned."""
    users = Users(settings(file.parent), file)
    written(file, "[")
    await users.look()
    assert users


def test_a_file_whose_owner_is_put_right_is_another_one(file: Path) -> None:
    """And is read again, although neither its size nor its time nor its rights have changed."""
    before = module._stamp(file)
    os.chown(file, os.getuid(), os.getgid())
    after = module._stamp(file)
    assert before is not None
    assert after is not None
    assert (before[:4], before != after) == (after[:4], True)


@pytest.mark.asyncio
async def test_a_broken_file_at_the_start(file: Path) -> None:
    """Stops it, with the line of what is wrong."""
    written(file, "[anna")
    with pytest.raises(ConfigError, match="GATEWAY_USERS"):
        open_users(settings(file.parent))


@pytest.mark.asyncio
async def test_only_some_are_checked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at a time, some wait, and more are sent away; then there is room again."""
    users = open_users(settings(tmp_path, admin_password=PASSWORD))
    await users.signed_in("admin", PASSWORD)
    go, turn = threading.Event(), threading.Lock()
    now, most = 0, 0

    def check(password: str, kept: str) -> bool:
        nonlocal now, most
        with turn:
            now, most = now + 1, max(most, now + 1)
        go.wait(20)
        with turn:
            now -= 1
        return False

    monkeypatch.setattr(module, "is_right", check)
    waiting = [
        asyncio.ensure_future(users.signed_in("admin", "x")) for _ in range(AT_ONCE + MOST_WAIT)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Crowded):
        await users.signed_in("admin", "x")
    go.set()
    assert await asyncio.gather(*waiting) == [None] * len(waiting)
    assert 1 <= most <= AT_ONCE
    assert await users.signed_in("admin", "x") is None


def test_a_file_others_can_read_is_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody else should have the hashes."""
    file.chmod(0o644)
    open_users(settings(file.parent))
    assert "users.readable_by_others" in capsys.readouterr().out
