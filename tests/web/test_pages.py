"""The pages: which files are served, to whom, as what, and that no name leads anywhere else."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from starlette.applications import Starlette

from gateway.ops.users import Users
from gateway.settings import load_settings
from gateway.web.pages import FOLDER, KINDS, Pages, dashboard_of
from tests.web.running import Gateway, running

SECRET = b"what nobody may read"
TRAVERSALS = [
    "../secret.txt",
    "../../secret.txt",
    "../../../../../../../../etc/passwd",
    "..%2fsecret.txt",
    "..%2Fsecret.txt",
    "%2e%2e/secret.txt",
    "%2e%2e%2fsecret.txt",
    "%2E%2E%2Fsecret.txt",
    "..%252fsecret.txt",
    "%252e%252e%252fsecret.txt",
    "..%5csecret.txt",
    "..\\secret.txt",
    "%5c..%5csecret.txt",
    "....//secret.txt",
    "..../secret.txt",
    ".../secret.txt",
    "./../secret.txt",
    "js/../../secret.txt",
    "js/..%2f..%2fsecret.txt",
    "js/%2e%2e/%2e%2e/secret.txt",
    "/../secret.txt",
    "//../secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "%00",
    "%00../secret.txt",
    "../secret.txt%00.js",
    "..%00/secret.txt",
    "..%c0%afsecret.txt",
    "%c0%ae%c0%ae/secret.txt",
    "..%ef%bc%8fsecret.txt",
    "%uff0e%uff0e/secret.txt",
    "..;/secret.txt",
    "..%3b/secret.txt",
    "file:///etc/passwd",
    "http://127.0.0.1/secret.txt",
    "~/secret.txt",
    "C:/secret.txt",
    "link.txt/../../secret.txt",
    "js",
    "js/",
    ".",
    "..",
    "",
    "js/app.js/",
    "js//app.js",
    "./js/app.js",
    "JS/APP.JS",
    "notes.md",
    ".env",
    "hidden.py",
]
"""What people try, and what is near to what is there."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pages, with a secret beside it and files in it that are none of anybody's."""
    around = tmp_path_factory.mktemp("around")
    (around / "secret.txt").write_bytes(SECRET)
    found = around / "static"
    (found / "js").mkdir(parents=True)
    (found / "index.html").write_text("<!doctype html>")
    (found / "js" / "app.js").write_text("export {};")
    (found / "page.css").write_text("p {}")
    (found / "sign.svg").write_text("<svg/>")
    for hidden in ("notes.md", ".env", "hidden.py"):
        (found / hidden).write_bytes(SECRET)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> AsyncIterator[Gateway]:
    """A gateway with these pages in place of its own."""

    def extend(app: Starlette) -> None:
        ours = Pages(app.state.gate, folder).routes()
        paths = {getattr(each, "path", "") for each in ours}
        kept = [each for each in app.routes if getattr(each, "path", "") not in paths]
        app.router.routes[:] = [*kept, *ours]

    async with running(tmp_path_factory.mktemp("gateway"), extend=extend) as found:
        yield found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", TRAVERSALS)
async def test_no_name_leads_anywhere_else(gateway: Gateway, name: str) -> None:
    """Sent as it is, byte for byte; not even where something is, is told."""
    for path in (f"/static/{name}", f"/{name}"):
        if path == "/":
            continue
        line = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nConnection: close\r\n\r\n"
        answer = await gateway.raw(line.encode("latin-1"))
        status = int(answer.split()[1])
        assert status in (400, 404), (path, answer)
        assert SECRET not in answer
        assert b"root:" not in answer


@pytest.mark.asyncio(loop_scope="module")
async def test_files_are_what_they_are(gateway: Gateway, folder: Path) -> None:
    """Each of its kind, never guessed, asked for again every time."""
    kinds = {
        "/": ("index.html", "text/html; charset=utf-8"),
        "/static/index.html": ("index.html", "text/html; charset=utf-8"),
        "/static/js/app.js": ("js/app.js", "text/javascript; charset=utf-8"),
        "/static/page.css": ("page.css", "text/css; charset=utf-8"),
        "/static/sign.svg": ("sign.svg", "image/svg+xml"),
    }
    for path, (name, kind) in kinds.items():
        answer = await gateway.http.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.headers.get_list("content-type") == [kind]
        assert answer.content == (folder / name).read_bytes()
        assert answer.headers["cache-control"] == "no-cache"
        head = await gateway.http.head(path)
        assert (head.status_code, head.content) == (200, b"")


@pytest.mark.asyncio(loop_scope="module")
async def test_what_a_browser_has_is_not_sent_again(gateway: Gateway) -> None:
    """As long as it is the same."""
    tag = (await gateway.http.get("/")).headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = await gateway.http.get("/", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    for other in ('"other"', tag.strip('"'), ""):
        answer = await gateway.http.get("/", headers={"If-None-Match": other})
        assert answer.status_code == 200


def ours() -> list[Path]:
    """The files of the dashboard."""
    return [path for path in sorted(FOLDER.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("path", ours(), ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_our_own_files_keep_to_the_policy(path: Path) -> None:
    """Of a kind that is served; no script or style inline, no address elsewhere, no evaluation."""
    assert path.suffix in KINDS or path.name == "LICENSE"
    if path.suffix == ".html":
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
        assert not re.search(r"<script(?![^>]*\ssrc=)", text)
        assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", text)
    elif path.suffix == ".js" and "vendor" not in path.parts:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write", text)
        assert not re.search(r"\beval\(|new Function\(|\.setAttribute\([\"']style", text)


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({}, "http://127.0.0.1:8000/"),
        ({"host": "::1", "port": 9000}, "http://[::1]:9000/"),
        ({"admin_password": "a made-up one"}, "http://127.0.0.1:8000/"),
        ({"public_url": "http://127.0.0.1:8000"}, "http://127.0.0.1:8000/"),
        ({"public_url": "https://voice.example.com/a"}, None),
        (
            {"public_url": "https://voice.example.com/a", "admin_password": "a made-up one"},
            "https://voice.example.com/a/",
        ),
    ],
)
def test_where_the_dashboard_is(settings: dict[str, str], where: str | None) -> None:
    """For those who may see it; nowhere when nobody may."""
    found = load_settings(_env_file=None, **settings)
    assert dashboard_of(found, Users(found)) == where
