"""Names, numbers and secrets of a call are found nowhere they must not be: not before erasing, not
after it. Every byte of every file is looked at, and what can be heard on the recording.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.cli.calls_erase import run_erase
from gateway.core.blanking import has_tone
from gateway.observe.logs import event_log
from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import HangUp, Pause, WaitForAgent
from gateway.sim.twilio import WaitForSilence as Quiet
from tests.e2e.harness import NUMBER, house
from tests.e2e.test_blind_capture import ASKED, PIN, agents, options, typed

pytestmark = pytest.mark.timeout(120)

THEIRS, OTHERS = "+14155550111", "+14155550199"
CARD, CVV, NAME, PHONE = "4111 1111 1111 1111", "737", "Zebulon Quagmire", "+1 415 555 0177"
NOTED = f"{NAME} paid with {CARD}, CVV {CVV}, call back {PHONE}, customer K-5521"
SCRIPT = f"""
name = "secrets"
voice = "assistant"
[greeting]
say = "greeting"
[[turn]]
say = "order_question_ack"
call = {{ name = "collect_digits", arguments = {{ purpose = "the PIN", count = 10 }} }}
[[after_tool.collect_digits]]
say = "transfer_ack"
call = {{ name = "note", arguments = {{ text = {json.dumps(NOTED)} }} }}
[otherwise]
say = "anything_else"
"""


def files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below a folder, with its bytes."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()


def found(folder: Path, canary: str) -> list[str]:
    """The files in which a text stands, however it is encoded, spaces or not."""
    spellings = {canary, canary.replace(" ", "")}
    encoded = {each.encode(code) for each in spellings for code in ("utf-8", "utf-16-le")}
    return [path.name for path, content in files(folder) if any(e in content for e in encoded)]


def staged(folder: Path) -> tuple[RealtimeOptions, Path]:
    """A model that asks for a PIN blindly and notes secrets, and its agent."""
    made = options(folder)
    (folder / "secrets.toml").write_text(SCRIPT)
    there = agents(folder / "agents")
    (there / "assistant.toml").write_text('greeting = "Hi."\ntools = ["collect_digits", "note"]\n')
    return made, there


@dataclass(frozen=True)
class Scene:
    """Two calls that were kept, and what the log had of them."""

    kept: Path
    call_sid: str
    record: dict[str, Any]
    caller: bytes
    """The caller's side of the recording."""
    logged: str


async def played(folder: Path) -> Scene:
    """A caller who types a PIN, and another one."""
    model, there = staged(folder)
    (folder / "patterns.toml").write_text("customer = 'K-\\d{4}'\n")
    typing = (Pause(ms=300), *typed(f"{PIN}#"), WaitForAgent(heard_ms=300), Quiet(ms=900))
    with capture_logs() as lines:
        async with house(
            model,
            kept_in=folder / "kept",
            agents_dir=there,
            recordings=True,
            redact=folder / "patterns.toml",
            redact_numbers=True,
        ) as running:
            steps = (*ASKED, *typing, HangUp())
            call = running.twin.place_call(NUMBER, from_=THEIRS, caller=steps)
            await running.ended(call)
            record = await running.record(call)
            caller, _ = running.recording(record)
            other = running.twin.place_call(
                NUMBER, from_=OTHERS, caller=(WaitForAgent(heard_ms=100), HangUp())
            )
            await running.ended(other)
            await running.record(other)
            for call_sid, event in running.events:
                event_log()(call_sid, event)
    return Scene(folder / "kept", call.sid, record, caller, json.dumps(lines, default=str))


@pytest.mark.asyncio
async def test_no_secret_is_kept_and_nothing_is_left_of_who_is_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redacted: card, CVV, phone number, the operator's pattern, and the PIN typed blindly, tones
    included. Erased: everything else of that caller, while another caller's call stays.
    """
    scene = await played(tmp_path)
    kept, record = scene.kept, scene.record
    # Before erasing: the secrets are nowhere, what is no secret is there.
    (note,) = record["notes"]
    for gone in (CARD, PHONE, "K-5521", PIN):
        assert found(kept, gone) == [], gone
        assert gone not in scene.logged
    assert re.search(rf"\b{CVV}\b", note["text"]) is None
    assert "[customer]" in note["text"]
    assert found(kept, NAME) != []
    assert NAME not in scene.logged
    assert scene.call_sid in scene.logged
    behind = scene.caller[len(scene.caller) // 4 :]
    assert not any(has_tone(behind[at : at + 160]) for at in range(0, len(behind) - 159, 80))
    # Erasing.
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(kept))
    monkeypatch.chdir(tmp_path)
    erased = await asyncio.to_thread(run_erase, THEIRS, "", yes=True, dry_run=False, as_json=True)
    assert erased == 0
    for gone in (NAME, THEIRS, "[customer]"):
        assert found(kept, gone) == [], gone
    assert found(kept, scene.call_sid) == ["calls.db"]  # that it was erased, and nothing else
    assert not (kept / "recordings" / record["call"]["recording"]).exists()
    assert found(kept, OTHERS) != []
