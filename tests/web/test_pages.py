"""The pages: files of one folder and nothing else, whatever is asked for."""

import asyncio
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
from starlette.applications import Starlette

from gateway.call.reception import Reception
from gateway.ops.users import Users
from gateway.settings import load_settings
from gateway.web.api.gate import Gate
from gateway.web.pages import FOLDER, KINDS, Pages, dashboard_of
from tests.web.running import running

UP = [
    "../settings.py",
    "..%2fsettings.py",
    "%2e%2e/settings.py",
    "%2e%2e%2fsettings.py",
    "..%252fsettings.py",
    "....//settings.py",
    "..\\settings.py",
    "..%5csettings.py",
    "js/../../settings.py",
    "js/%2e%2e/%2e%2e/settings.py",
    "./../settings.py",
    ".%2e/settings.py",
    "%2e./settings.py",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "../../../../../../etc/passwd",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%c0%ae%c0%ae/settings.py",
    "%e0%80%ae%e0%80%ae/settings.py",
    "..%c0%afsettings.py",
    "index.html%00.js",
    "%00",
    "..;/settings.py",
    "js/",
    "js",
    ".",
    "..",
    "%2e%2e",
    "",
    "index.html/",
    "INDEX.HTML",
    "index.html.bak",
    "file:///etc/passwd",
    "C:%5cWindows%5cwin.ini",
    "~root/.bashrc",
    ".git/config",
    "../../.env",
    "..%u2216settings.py",
    "\u2025/settings.py",
]


def http_of(tmp_path: Path, **settings: Any) -> httpx2.AsyncClient:
    """Somebody on the gateway's own machine, who asks for pages."""
    chosen = load_settings(_env_file=None, data_dir=tmp_path, **settings)
    reception = cast(Reception, SimpleNamespace(rejected=Counter[str]().update))
    pages = Pages(Gate(chosen, reception))
    app = Starlette(routes=pages.routes())
    transport = httpx2.ASGITransport(app, client=("127.0.0.1", 1))
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


@pytest.mark.asyncio
async def test_every_file_is_served_as_what_it_is(tmp_path: Path) -> None:
    """And once a browser has it, it is told so."""
    async with http_of(tmp_path) as http:
        paths = [path for path in FOLDER.rglob("*") if path.suffix in KINDS and path.is_file()]
        assert len(paths) > 20
        for path in paths:
            address = f"/static/{path.relative_to(FOLDER).as_posix()}"
            answer = await http.get(address)
            assert answer.status_code == 200, address
            assert answer.content == path.read_bytes()
            assert answer.headers["content-type"] == KINDS[path.suffix]
            tag = {"If-None-Match": f'"x", W/{answer.headers["etag"]}'}
            again = await http.get(address, headers=tag)
            assert (again.status_code, again.content) == (304, b"")
        assert (await http.get("/")).content == (FOLDER / "index.html").read_bytes()


@pytest.mark.asyncio
async def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    """Asked on a bare socket, where nobody tidies the path before."""
    async with running(tmp_path) as gateway:
        port = gateway.settings.port
        for path in UP:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            request = f"GET /static/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            writer.write(f"{request}Connection: close\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            status = answer.split(b" ", 2)[1]
            assert status in (b"404", b"400"), (path, answer[:200])
            assert b"root:" not in answer


@pytest.mark.asyncio
async def test_where_nobody_may_sign_in_there_is_no_page_for_the_public(tmp_path: Path) -> None:
    """With a password there is, so that one can sign in."""
    public = {"public_url": "https://voice.example.com"}
    async with http_of(tmp_path, **public) as http:
        assert (await http.get("/")).status_code == 404
    async with http_of(tmp_path, **public, admin_password="a made-up password, long") as http:
        assert (await http.get("/")).status_code == 200


def test_where_the_dashboard_is(tmp_path: Path) -> None:
    """Nowhere while nobody may see it."""
    local = load_settings(_env_file=None, data_dir=tmp_path, port=8001)
    assert dashboard_of(local, Users(local)) == "http://127.0.0.1:8001/"
    public = local.model_copy(update={"public_url": "https://voice.example.com"})
    assert dashboard_of(public, Users(public)) is None
