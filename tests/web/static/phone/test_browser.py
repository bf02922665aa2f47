"""The softphone in a real browser with a microphone made of a file, against a real gateway process.

Somebody asks the front desk about baggage, interrupts the answer, presses keys and hangs up. What
the browser sent and got is noted at its socket; how long an interruption was still heard, by the
audio clock in its worklet.
"""

import base64
import json
import os
import re
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from gateway.core.events import AgentStarted, CallAnswered, CallEnded, TransferFailed
from gateway.core.g711 import BYTES_PER_MS, audioop, level_dbfs, to_pcm16
from gateway.settings import load_settings
from gateway.store.recordings.audio import read_stereo, recording_path
from gateway.store.recordings.vault import open_vault
from gateway.store.records.reader import open_reader
from tests.cli.test_serve import Process, serving
from tests.e2e.harness import house
from tests.e2e.scenes import agents_in, scene
from tests.e2e.test_control import CONNECT, ROUTES
from tests.ports import free_port
from tests.web.browser import CHROMIUM, Tab

pytestmark = [pytest.mark.system, pytest.mark.asyncio, pytest.mark.timeout(180)]

CALLS = Path(__file__).parents[3] / "fixtures" / "calls"
QUESTION_MS, INTERRUPTION_MS, LONG_MS = 6000, 16_000, 60_000
"""When the caller speaks, from when the microphone is open. The greeting has ended, and the long
answer has begun and lasts for another 8 s, however slow the machine is."""
SPEECH_BEGINS_MS = 300
"""Of both recordings, as their descriptions say."""
QUESTION, INTERRUPTION = "question_baggage", "interruption_heavy"
NOTES = """
window.sent = []; window.got = []; window.silent = [];
for (const [name, list] of [["send", window.sent]]) {
  const original = WebSocket.prototype[name];
  WebSocket.prototype[name] = function (text) {
    if (this.url.endsWith("/api/phone")) {
      if (!this.noted) {
        this.noted = true;
        this.addEventListener("message", (event) => window.got.push(JSON.parse(event.data)));
      }
      list.push(JSON.parse(text));
    }
    return original.call(this, text);
  };
}
"""
"""Notes what goes over the socket of the call."""


def microphone(path: Path) -> Path:
    """What the caller says, as a file Chromium takes for its microphone."""
    pcm = bytearray(2 * LONG_MS * BYTES_PER_MS)
    for at_ms, name in ((QUESTION_MS, QUESTION), (INTERRUPTION_MS, INTERRUPTION)):
        speech = to_pcm16((CALLS / f"{name}.ulaw").read_bytes())
        at = 2 * at_ms * BYTES_PER_MS
        pcm[at : at + len(speech)] = speech
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(audioop.ratecv(bytes(pcm), 2, 1, 8000, 48_000, None)[0])
    return path


@asynccontextmanager
async def talking_to(
    folder: Path, *flags: str, refused: bool = False, **variables: str
) -> AsyncIterator[tuple[Tab, Process]]:
    """A page with the softphone, and the gateway behind it."""
    port = free_port()
    async with serving(folder, "--offline", "--port", str(port), **variables) as gateway:
        await gateway.told("gateway.ready")
        usual = [] if refused else ["--use-fake-ui-for-media-stream"]
        async with softphone(f"http://127.0.0.1:{port}", *usual, *flags) as opened:
            yield opened, gateway


@asynccontextmanager
async def softphone(base: str, *flags: str) -> AsyncIterator[Tab]:
    """The page of a gateway in a browser with these flags; it has nothing to complain of."""
    args = ["--no-sandbox", "--autoplay-policy=user-gesture-required", *flags]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        opened = Tab(page, base)
        page.on("console", opened.complain)
        page.on("pageerror", lambda error: opened.problems.append(str(error)))
        await page.add_init_script(NOTES)
        await opened.go("#/phone")
        yield opened
        assert opened.problems == []
        await browser.close()


async def call(page: Page, agent: str = "frontdesk") -> None:
    """Presses Call, and is on the line."""
    await page.get_by_label("Agent", exact=True).select_option(agent)
    await page.get_by_role("button", name="Call", exact=True).click()
    await page.get_by_text("On the line.").wait_for()


async def hang_up(page: Page) -> None:
    """Presses Hang up, and has."""
    await page.get_by_role("button", name="Hang up").click()
    await page.get_by_text("You hung up.").wait_for()


def events_of(gateway: Process, name: str) -> list[dict[str, Any]]:
    """The log's lines of one event."""
    return [each for each in map(json.loads, gateway.lines) if each["event"] == name]


def onsets_ms(audio: bytes, *, gap_ms: int = 1500) -> list[float]:
    """Where something is heard after at least so long a silence."""
    found, quiet = [], gap_ms
    for frame in range(0, len(audio) - 79, 80):  # of 10 ms
        if level_dbfs(audio[frame : frame + 80]) < -45:
            quiet += 10
        else:
            if quiet >= gap_ms:
                found.append(frame / BYTES_PER_MS)
            quiet = 0
    return found


async def sent_audio(opened: Tab) -> bytes:
    """The caller's voice as the browser sent it."""
    payloads = await opened.run(
        "sent.filter((m) => m.event === 'media').map((m) => m.media.payload).join(',')"
    )
    return b"".join(map(base64.b64decode, payloads.split(",")))


async def test_somebody_talks_with_the_front_desk(tmp_path: Path) -> None:
    """Is heard to the millisecond, interrupts, presses keys, hangs up; the record has it all."""
    wav = microphone(tmp_path / "microphone.wav")
    fake = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={wav}%noloop")
    async with talking_to(tmp_path, *fake, GATEWAY_RECORDINGS="on") as (opened, gateway):
        page = opened.page
        await call(page)
        await opened.see("Hello, how much baggage can I take with me?", ".talk", 60)
        await opened.see("you waited", ".talk")
        await opened.see("frontdesk handed over to faq", ".talk")
        await opened.see("faq lookup", ".talk")
        await opened.see("interrupted: you spoke", ".talk", 60)
        await opened.see("cut off after", ".talk")
        await opened.see("twenty-three kilograms", ".talk", 60)
        await keep(page, "talking")
        for key in "42":
            await page.keyboard.press(key)
        await page.get_by_role("button", name="hash").click()
        await opened.see("2 keys pressed", ".talk")  # the hash ends them
        # By the audio clock: from when the worklet was told to when nothing was heard any more.
        silent_ms = float(
            await opened.run("document.querySelector('.phone').dataset.silentAfterMs")
        )
        assert 0 < silent_ms < 20
        call_sid = await opened.run("document.querySelector('.phone').dataset.callSid")
        await hang_up(page)
        link = page.get_by_role("link", name="The call’s page")
        assert await link.get_attribute("href") == f"#/calls/{call_sid}"
        await keep(page, "over")
        await gateway.told("call.ended")
        audio, sent = await sent_audio(opened), await opened.run("sent")
        got = await opened.run("got")
        cuts = len(events_of(gateway, "barge_in"))
        check_messages(sent, got, cuts)
        check_onsets(gateway, audio)
        (ended,) = events_of(gateway, "call.ended")
        assert (ended["reason"], ended["interruptions"]) == ("caller_hung_up", cuts)
        assert [each["count"] for each in events_of(gateway, "dtmf")] == [2]
        assert events_of(gateway, "carrier.oddity") == []
        await page.goto("about:blank")  # or the page asks for a gateway that has ended
        gateway.signal(15)
        assert await gateway.exited() == 0
    await check_record(tmp_path, call_sid, audio)


def check_messages(sent: list[dict[str, Any]], got: list[dict[str, Any]], cuts: int) -> None:
    """They are Twilio's; each mark came back once and in order, but for words cut by hanging up."""
    assert [each["event"] for each in sent[:2]] == ["connected", "start"]
    assert sent[-1]["event"] == "stop"
    numbers = [int(each["sequenceNumber"]) for each in sent[1:]]
    assert numbers == list(range(1, len(sent)))
    media = [each["media"] for each in sent if each["event"] == "media"]
    assert [int(each["chunk"]) for each in media] == list(range(1, len(media) + 1))
    assert [int(each["timestamp"]) for each in media] == list(range(0, 20 * len(media), 20))
    assert [each["event"] for each in got].count("clear") == cuts
    asked = [each["mark"]["name"] for each in got if each["event"] == "mark"]
    answered = [each["mark"]["name"] for each in sent if each["event"] == "mark"]
    assert answered == asked[: len(answered)]
    until_cut = got[: max(at for at, each in enumerate(got) if each["event"] == "clear")]
    assert len(answered) >= [each["event"] for each in until_cut].count("mark")
    assert [each["dtmf"]["digit"] for each in sent if each["event"] == "dtmf"] == ["4", "2", "#"]


def check_onsets(gateway: Process, audio: bytes) -> None:
    """The caller began to speak when the file has it, for the browser and for the model."""
    spoke = onsets_ms(audio)
    assert len(spoke) == 2
    apart = INTERRUPTION_MS - QUESTION_MS
    assert abs(spoke[1] - spoke[0] - apart) <= 40
    heard = events_of(gateway, "caller.started")
    # The model's own offset is 300 ms before what it heard (`prefix_padding_ms`); a busy machine's
    # microphone is behind its clock.
    for begun, event in zip(spoke, heard, strict=True):
        assert abs(event["from_ms"] + 300 - begun) <= 400
    # The microphone was open within a second of the stream, before it or (a busy machine) behind.
    assert abs(QUESTION_MS + SPEECH_BEGINS_MS - spoke[0]) < 1000


async def check_record(folder: Path, call_sid: str, audio: bytes) -> None:
    """The call is kept, and its recording has each side on its channel."""
    settings = load_settings(_env_file=None, data_dir=folder / "data")
    async with open_reader(settings) as reader:
        assert reader is not None
        record = await reader.record(call_sid)
    assert record is not None
    kept = record["call"]
    assert (kept["direction"], kept["caller"]) == ("softphone", "client:local")
    assert kept["carrier_usd"] == 0
    path = recording_path(folder / "data" / "recordings", kept["recording"])
    stereo = read_stereo(path, open_vault(settings))
    caller, agent = stereo[0::2], stereo[1::2]
    for ours, theirs in zip(onsets_ms(caller), onsets_ms(audio), strict=True):
        assert abs(ours - theirs) <= 60
    greeting, question = agent[: 5 * 8000], agent[6500 * 8 : 8500 * 8]
    assert level_dbfs(greeting) > -35
    assert level_dbfs(question) < -60  # the agent is silent while the caller asks
    assert level_dbfs(caller[: 5 * 8000]) < -60


async def keep(page: Page, name: str) -> None:
    """A picture, where TEST_PICTURES says."""
    if folder := os.environ.get("TEST_PICTURES"):
        await page.screenshot(path=str(Path(folder) / f"softphone-{name}.png"))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "There is no microphone."),
        (
            ("--use-fake-device-for-media-stream", "--deny-permission-prompts"),
            "The microphone is not allowed here.",
        ),
    ],
    ids=["absent", "refused"],
)
async def test_without_a_microphone_the_call_goes_on(
    tmp_path: Path, flags: tuple[str, ...], words: str
) -> None:
    """None there, or not allowed: that is said, the agent hears silence, and is heard."""
    async with talking_to(tmp_path, *flags, refused=True) as (opened, gateway):
        await call(opened.page)
        await opened.see(words, ".phone-trouble")
        await opened.see("The agent hears silence meanwhile.", ".phone-trouble")
        await opened.see("Welcome to Example Air", ".talk")
        await gateway.told("turn.done")
        frames = "() => sent.filter((m) => m.event === 'media').length > 50"
        await opened.until(frames)
        assert set(await sent_audio(opened)) == {0xFF}
        await keep(opened.page, "no-microphone")
        await hang_up(opened.page)
        await gateway.told("call.ended")


async def test_a_microphone_may_be_lost(tmp_path: Path) -> None:
    """In the middle of a call: that is said, and another device can be chosen."""
    fake = ("--use-fake-device-for-media-stream",)
    async with talking_to(tmp_path, *fake) as (opened, gateway):
        await opened.page.add_init_script(
            "const devices = navigator.mediaDevices, usual = devices?.getUserMedia.bind(devices);"
            "if (usual) devices.getUserMedia = async (wish) => window.given = await usual(wish);"
        )
        await opened.go("#/phone")
        await call(opened.page)
        await opened.until("() => window.given !== undefined")
        await opened.run("given.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
        await opened.see("The microphone was lost.", ".phone-trouble")
        devices = opened.page.get_by_label("Microphone")
        await opened.until("() => document.querySelectorAll('#phone-input option').length > 1")
        await devices.select_option(index=1)
        await opened.until("() => document.querySelector('.phone-trouble').hidden")
        await hang_up(opened.page)
        await gateway.told("call.ended")


async def test_keys_mute_and_the_way_around_without_a_mouse(tmp_path: Path) -> None:
    """Everything can be reached and done with the keyboard, and has a name."""
    fake = ("--use-fake-device-for-media-stream",)
    async with talking_to(tmp_path, *fake) as (opened, gateway):
        page = opened.page
        await page.get_by_role("button", name="Call", exact=True).focus()
        await page.keyboard.press("Enter")
        await page.get_by_text("On the line.").wait_for()
        assert await opened.run("document.activeElement.innerText") == "Hang up"
        await page.keyboard.press("m")
        muted = page.get_by_role("button", name="Muted")
        assert await muted.get_attribute("aria-pressed") == "true"
        before = await opened.run("sent.length")
        await opened.until("(n) => sent.length > n + 60", before)
        later = await opened.run(
            "sent.slice(-20).filter((m) => m.event === 'media').map((m) => m.media.payload).join()"
        )
        assert set(b"".join(map(base64.b64decode, later.split(",")))) == {0xFF}
        unnamed = await opened.run(
            "[...document.querySelectorAll('.phone button, .phone select, .phone input')]"
            ".filter((e) => !(e.labels?.length || e.ariaLabel || e.innerText.trim())).length"
        )
        assert unnamed == 0
        await page.keyboard.press("h")
        await page.get_by_text("You hung up.").wait_for()
        await gateway.told("call.ended")
        assert re.fullmatch(r"CA[0-9a-f]{32}", events_of(gateway, "call.ended")[0]["call_sid"])


async def test_leaving_the_page_hangs_up(tmp_path: Path) -> None:
    """Nobody talks on behind a page that is gone."""
    fake = ("--use-fake-device-for-media-stream",)
    async with talking_to(tmp_path, *fake) as (opened, gateway):
        await call(opened.page)
        await opened.page.get_by_role("link", name="Agents").click()
        await gateway.told("call.ended")
        (ended,) = events_of(gateway, "call.ended")
        assert ended["reason"] == "caller_hung_up"


@pytest.mark.parametrize(("pressed", "reason"), [("They talked", "transferred"), ("Busy", "")])
async def test_a_transfer_is_decided_by_the_person(
    tmp_path: Path, pressed: str, reason: str
) -> None:
    """Nobody is rung: they talked, and that is the end; or the caller is back with the agent."""
    agents = agents_in(tmp_path, a_toml='tools = ["transfer_call"]', routes_toml=ROUTES)
    fake = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    async with (
        house(scene(tmp_path, CONNECT), agents_dir=agents, agent="a") as running,
        softphone(running.base, *fake) as opened,
    ):
        page = opened.page
        await call(page, "a")
        await page.keyboard.press("m")  # the microphone of this browser beeps
        await page.keyboard.press("1")
        await page.keyboard.press("#")
        await opened.see("would be connected to office (The office)", ".phone-onward")
        await keep(page, "transfer")
        assert await opened.run("document.activeElement.innerText") == "They talked"
        await page.get_by_role("button", name=pressed).click()
        if reason:
            await page.get_by_text("You were connected; the call is over.").wait_for()
        else:
            await opened.until("() => document.querySelector('.phone').dataset.state === 'talking'")
            await opened.until("() => sent.filter((m) => m.event === 'start').length === 2")
            await running.until(lambda: len(running.of(CallAnswered)) == 2)
            await running.until(lambda: len(running.of(AgentStarted)) == 2)
            await hang_up(page)
        await running.until(lambda: bool(running.of(CallEnded)))
        assert running.of(CallEnded)[0].reason == (reason or "caller_hung_up")
        assert [each.status for each in running.of(TransferFailed)] == ([] if reason else ["busy"])
        assert len(running.model.sessions) == 1
