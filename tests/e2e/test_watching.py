"""A whole phone call as viewers see it while it goes on, and as the API shows it afterwards."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect

from gateway.core.events import AgentStopped
from gateway.core.g711 import to_pcm16
from gateway.core.waveform import peaks
from tests.e2e.harness import API_TOKEN, LIMIT_S, House, house
from tests.e2e.test_frontdesk import QUICK
from tests.e2e.test_records import story

pytestmark = pytest.mark.timeout(120)

BEARER = {"Authorization": f"Bearer {API_TOKEN}"}


async def watched(base: str, seen: dict[str, Any]) -> None:
    """Watches all calls, then the first one until its end, as a page would."""
    address = base.replace("http", "ws", 1) + "/api/live"
    async with connect(address, additional_headers=BEARER, proxy=None, max_size=None) as ws:
        await ws.send(json.dumps({"watch": ["calls"]}))
        seen["states"], seen["entries"], sid = [], {}, ""
        while "ended" not in seen:
            told = json.loads(await ws.recv())
            for each in told.get("calls", []):
                seen["states"].append(each["state"])
                if not sid:
                    sid = each["call_sid"]
                    await ws.send(json.dumps({"watch": ["calls", f"call:{sid}"]}))
            whole = told.get("call") or {}
            for entry in [*whole.get("entries", []), *told.get("entries", [])]:
                seen["entries"][entry["n"]] = entry
            seen |= {key: told[key] for key in ("ended",) if key in told}


async def raw(running: House, path: str) -> bytes:
    """The body of an answer."""
    async with httpx2.AsyncClient(base_url=running.base, headers=BEARER, trust_env=False) as http:
        answer = await http.get(path)
        answer.raise_for_status()
        return bytes(answer.content)


@pytest.mark.asyncio
async def test_a_call_is_seen_and_shown_as_it_was(tmp_path: Path) -> None:
    """What a viewer put together is what the record says; its sound is the recording's."""
    async with house(QUICK, kept_in=tmp_path, agent="frontdesk", recordings=True) as running:
        seen: dict[str, Any] = {}
        watching = asyncio.create_task(watched(running.base, seen))
        call, record = await story(running)
        async with asyncio.timeout(LIMIT_S):
            await watching
        caller, agent = running.recording(record)
        path = f"/api/records/{call.sid}"
        assert await running.api("GET", path) == record
        (row,) = await running.api("GET", "/api/records?search=" + call.sid[:8])
        assert row == record["call"]
        sound = await raw(running, f"{path}/audio")
        shown = await running.api("GET", f"{path}/peaks")
        health = await running.api("GET", "/api/health")
    assert seen["ended"] == {"call_sid": call.sid, "reason": "agent_hung_up"}
    assert "live" in seen["states"]
    entries = [seen["entries"][n] for n in sorted(seen["entries"])]
    kinds = [each["kind"] for each in entries]
    assert kinds[0] == "state"
    assert {"caller", "agent", "turn", "tool", "handoff", "approval"} <= set(kinds)
    said = {each["item_id"]: each for each in entries if each["kind"] in ("caller", "agent")}
    for turn in record["turns"]:
        assert said[turn["item_id"]]["text"] == turn["text"]
        if turn["who"] == "agent" and running.of(AgentStopped, call.sid):
            assert said[turn["item_id"]]["heard_text"] == turn["heard_text"]
    (tool, *_) = [each for each in entries if each["kind"] == "tool"]
    assert tool["arguments"] == record["tools"][0]["arguments"]
    assert (sound[-len(caller) * 2 :: 2], sound[-len(caller) * 2 + 1 :: 2]) == (caller, agent)
    assert base64.b64decode(shown["caller"]) == peaks(to_pcm16(caller))
    assert base64.b64decode(shown["agent"]) == peaks(to_pcm16(agent))
    assert (health["calls"], health["model"]["connects"]) == (0, 1)
    assert health["records"]["database_ok"] is True
