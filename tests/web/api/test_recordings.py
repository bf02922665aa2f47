"""The sound of recorded calls over the wire: whole, in parts, and what it looks like."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.core.g711 import to_pcm16
from gateway.core.waveform import peaks
from gateway.settings import Settings
from gateway.store.recordings.tapefile import PartFile, form_of, wav_header
from gateway.store.recordings.vault import Vault, open_vault
from gateway.store.records.readingroom import ReadingRoom
from gateway.web.api.recordings import Part, part_of
from tests.store.databases import settings_in
from tests.store.disks import pattern
from tests.store.sample import Rows, recorded, sample_call
from tests.web.api.desk import BEARER, TOKEN, reading
from tests.web.running import running

STEM = f"2026-11/{'0123456789abcdef' * 2}"
AUDIO = pattern(3210)
WHOLE = wav_header(len(AUDIO)) + AUDIO
SIZE = len(WHOLE)
PATH = "/api/records/CA1/audio"
KEY = base64.b64encode(bytes(range(32))).decode()


def settings_of(folder: Path, *, encrypted: bool = False) -> Settings:
    """Settings of a gateway with a token, and keys if recordings are to be encrypted."""
    more: dict[str, Any] = {}
    if encrypted:
        more["recording_keys"] = folder / "keys"
        more["recording_keys"].touch(0o600)
        more["recording_keys"].write_text(f"a {KEY}\n")
    return settings_in(folder, api_token=TOKEN, public_url="https://voice.example.com", **more)


def tape(folder: Path, vault: Vault | None) -> str:
    """A finished recording in the folder of recordings; its name."""
    form = form_of(vault)
    part = PartFile(folder / "recordings" / STEM, form)
    for start in range(0, len(AUDIO), 8000):
        part.append(AUDIO[start : start + 8000])
    part.finish()
    return f"{STEM}{form.suffix}"


async def taped(settings: Settings, **changed: Any) -> None:
    """The records of a call with a recording."""
    name = tape(settings.data_dir, open_vault(settings))
    await recorded(settings, a_call(**{"recording": name, "recording_ms": 3210.0, **changed}))


def a_call(**changed: Any) -> Rows:
    """The rows of the call."""
    return sample_call("CA1", **changed)


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """The recordings of these settings over a real socket."""
    records = ReadingRoom(settings)
    records.start()
    keys: dict[str, Any] = {"recording_keys": settings.recording_keys}
    try:
        async with running(
            settings.data_dir / "running",
            api_token=TOKEN,
            data_dir=settings.data_dir,
            parts={"records": records},
            **keys,
        ) as gateway:
            gateway.http.headers.update(BEARER)
            yield gateway.http
    finally:
        records.stop()


@pytest.mark.asyncio
@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_recording_is_had_whole_and_in_parts(tmp_path: Path, *, encrypted: bool) -> None:
    """Byte by byte what went over the line; every part is that part; a browser seeks so."""
    settings = settings_of(tmp_path, encrypted=encrypted)
    await taped(settings)
    async with served(settings) as http:
        whole = await http.get(PATH)
        assert (whole.status_code, whole.content) == (200, WHOLE)
        assert whole.headers["content-type"] == "audio/wav"
        assert whole.headers["accept-ranges"] == "bytes"
        assert whole.headers["content-length"] == str(SIZE)
        for asked, begin, end in [
            ("0-", 0, SIZE),
            ("0-0", 0, 1),
            ("50-70", 50, 71),
            ("8050-8070", 8050, 8071),
            ("16000-", 16000, SIZE),
            (f"{SIZE - 1}-", SIZE - 1, SIZE),
            ("-100", SIZE - 100, SIZE),
            (f"-{SIZE * 2}", 0, SIZE),
            (f"10-{SIZE * 2}", 10, SIZE),
        ]:
            part = await http.get(PATH, headers={"Range": f"bytes={asked}"})
            assert (part.status_code, part.content) == (206, WHOLE[begin:end])
            assert part.headers["content-range"] == f"bytes {begin}-{end - 1}/{SIZE}"
        for asked in (f"{SIZE}-", f"{SIZE + 5}-{SIZE + 9}", "-0"):
            none = await http.get(PATH, headers={"Range": f"bytes={asked}"})
            assert (none.status_code, list(none.json())) == (416, ["error"])
            assert none.headers["content-range"] == f"bytes */{SIZE}"
        tag = whole.headers["etag"]
        some = {"Range": "bytes=0-0"}
        same = await http.get(PATH, headers={**some, "If-Range": tag})
        other = await http.get(PATH, headers={**some, "If-Range": '"another"'})
        assert (same.status_code, other.status_code) == (206, 200)
        head = await http.head(PATH)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(SIZE)


@pytest.mark.asyncio
async def test_who_hangs_up_leaves_nothing_open(tmp_path: Path) -> None:
    """A player that seeks breaks off one answer after the other."""
    settings = settings_of(tmp_path)
    await taped(settings)
    async with served(settings) as http:
        for _ in range(5):
            async with http.stream("GET", PATH) as answer:
                async for _piece in answer.aiter_raw(1000):
                    break
        assert (await http.get(PATH)).content == WHOLE
        async with asyncio.timeout(10):
            while is_open(tmp_path / "recordings"):  # noqa: ASYNC110  nobody tells of it
                await asyncio.sleep(0.01)


def is_open(folder: Path) -> bool:
    """True while this process has a file in that folder open."""
    files = Path("/proc/self/fd")
    found = []
    for each in files.iterdir():
        try:
            found.append(str(each.readlink()))
        except OSError:
            continue
    return any(each.startswith(f"{folder}/") for each in found)


@pytest.mark.asyncio
@pytest.mark.parametrize("encrypted", [False, True])
async def test_peaks_are_those_of_the_page(tmp_path: Path, *, encrypted: bool) -> None:
    """One byte for every 20 ms of each side."""
    settings = settings_of(tmp_path, encrypted=encrypted)
    await taped(settings)
    async with reading(settings) as http:
        told = (await http.get("/api/records/CA1/peaks")).json()
    assert told["step_ms"] == 20
    for side, channel in (("caller", AUDIO[0::2]), ("agent", AUDIO[1::2])):
        assert base64.b64decode(told[side]) == peaks(to_pcm16(channel))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"recording": None}, 404, "was not recorded"),
        ({"recording_ms": None, "state": "live"}, 404, "is still being recorded"),
        ({"recording_purged_at": "now"}, 404, "was deleted"),
        ({"recording": f"2026-10/{'0' * 32}.wav"}, 503, "there is no such recording"),
        ({"recording": "../../secret.wav"}, 503, "is not the name of a recording"),
    ],
)
async def test_what_cannot_be_heard_says_why(
    tmp_path: Path, changed: dict[str, Any], status: int, said: str
) -> None:
    """In one line, for the sound and for its looks."""
    settings = settings_of(tmp_path)
    if "recording_purged_at" in changed:
        changed = {"recording_purged_at": a_call()["calls"][0]["ended_at"]}
    await taped(settings, **changed)
    async with reading(settings) as http:
        for path in (PATH, "/api/records/CA1/peaks"):
            answer = await http.get(path)
            assert answer.status_code == status
            assert said in answer.json()["error"]
        assert (await http.get("/api/records/CA9/audio")).status_code == 404


@pytest.mark.asyncio
async def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    """By its name; and a damaged file is not played."""
    await taped(settings_of(tmp_path, encrypted=True))
    async with reading(settings_of(tmp_path)) as http:
        answer = await http.get(PATH)
        assert answer.status_code == 503
        assert "encrypted with the key 'a'" in answer.json()["error"]


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 30 + "-", None),
        ("bytes=2-5", Part(2, 6)),
        (" bytes=2- ", Part(2, 10)),
        ("bytes=-3", Part(7, 10)),
    ],
)
def test_what_is_not_understood_is_all_of_it(header: str | None, part: Part | None) -> None:
    """As the standard wants it."""
    assert part_of(header, 10) == part
