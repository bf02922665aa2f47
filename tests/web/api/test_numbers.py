"""``/api/numbers``: the carrier's numbers, asked of a twin in another process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.agents import AgentFolder, McpServers
from gateway.call.tools import ToolRunner
from gateway.web.api import numbers
from tests.agents.folders import settings as agents_settings
from tests.agents.folders import write
from tests.ops.twin import MAIN, OLD_VOICE, OTHER, THIRD, TwinServer, twin_server
from tests.web.api.desk import TOKEN, desk

pytestmark = pytest.mark.asyncio

PATH = "/api/numbers"
HERE = "https://voice.example.com/twilio/voice"


@pytest.fixture
def twin() -> Iterator[TwinServer]:
    """A Twilio twin in a process of its own."""
    with twin_server() as running:
        yield running


def asked(twin: TwinServer) -> int:
    """How often the twin was asked for its numbers."""
    return sum("IncomingPhoneNumbers" in each["path"] for each in twin.requests())


async def folder_of(path: Path) -> AgentFolder:
    """Agents, one of them for the main number."""
    os.mkdir(path)
    write(path, a_toml="", b_toml="", routes_toml=f'[[route]]\nnumber = "{MAIN}"\nagent = "b"')
    runner = ToolRunner(threads=1, timeout_s=1)
    agents = AgentFolder(path, agents_settings(), runner, McpServers(runner))
    await agents.open()
    return agents


async def test_numbers_are_listed_and_the_carrier_asked_once(
    twin: TwinServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where each leads and who would answer; asked again when that is old."""
    settings = twin.settings(data_dir=tmp_path, api_token=TOKEN)
    async with desk(settings, agents=await folder_of(tmp_path / "agents")) as http:
        before = asked(twin)
        rows = {row["number"]: row for row in (await http.get(PATH)).json()}
        assert set(rows) >= {MAIN, OTHER, THIRD}
        assert rows[MAIN] == {
            "number": MAIN,
            "friendly_name": "the old one",
            "points_here": False,
            "voice_url": OLD_VOICE,
            "overridden_by": {},
            "route": MAIN,
            "agent": "b",
        }
        assert (rows[OTHER]["route"], rows[OTHER]["agent"]) == ("default", "a")
        await http.get(PATH)
        assert asked(twin) == before + 1
        monkeypatch.setattr(numbers, "FRESH_S", 0.0)
        await http.get(PATH)
        assert asked(twin) == before + 2


async def test_a_number_is_pointed_here(twin: TwinServer, tmp_path: Path) -> None:
    """As by `gateway webhook set`: the change is told, and the list knows it at once."""
    settings = twin.settings(data_dir=tmp_path, api_token=TOKEN)
    async with desk(settings) as http:
        await http.get(PATH)
        answer = await http.post(f"{PATH}/{MAIN}/point")
        assert answer.status_code == 200
        assert answer.json()["changed"]["voice_url"] == {"from": OLD_VOICE, "to": HERE}
        assert answer.json()["before"]["voice_url"] == OLD_VOICE
        rows = {row["number"]: row for row in (await http.get(PATH)).json()}
        assert rows[MAIN]["points_here"] is True
        assert (await http.post(f"{PATH}/{MAIN}/point")).json()["changed"] == {}


@pytest.mark.parametrize(
    ("number", "body", "status"),
    [
        ("+15550009999", b"", 409),
        (MAIN, b'{"fallback": "https://voice.example.com/x"}', 409),
        (MAIN, b'{"fallbak": ""}', 400),
        (MAIN, b"[]", 400),
    ],
)
async def test_what_cannot_be_pointed_is_refused(
    twin: TwinServer, tmp_path: Path, number: str, body: bytes, status: int
) -> None:
    """In one line, and nothing is changed."""
    before = twin.number(MAIN)
    async with desk(twin.settings(data_dir=tmp_path, api_token=TOKEN)) as http:
        answer = await http.post(f"{PATH}/{number}/point", content=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert twin.number(MAIN) == before


async def test_a_carrier_that_is_not_there_is_503(tmp_path: Path) -> None:
    """No credentials, or nobody answers."""
    settings = agents_settings(
        api_token=TOKEN, twilio_api_url="http://127.0.0.1:9", data_dir=tmp_path
    )
    async with desk(settings) as http:
        assert (await http.get(PATH)).status_code == 503
        assert (await http.post(f"{PATH}/{MAIN}/point")).status_code == 503
    public = "https://voice.example.com"
    nobodys = agents_settings(api_token=TOKEN, twilio_account_sid="", public_url=public)
    async with desk(nobodys) as http:
        answer = await http.get(PATH)
    assert answer.status_code == 503
    assert "TWILIO_ACCOUNT_SID" in answer.json()["error"]


async def test_offline_no_carrier_is_asked(tmp_path: Path) -> None:
    """Whatever credentials lie about: it is said at once."""
    settings = agents_settings(
        api_token=TOKEN, public_url="http://127.0.0.1:8000", twilio_api_url="", data_dir=tmp_path
    )
    async with desk(settings) as http:
        for answer in (await http.get(PATH), await http.post(f"{PATH}/{MAIN}/point")):
            assert answer.status_code == 503
            assert "offline there is no carrier" in answer.json()["error"]
