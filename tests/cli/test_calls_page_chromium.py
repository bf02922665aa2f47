"""The page of a call in a real browser: it plays, moves, fits, and lets nothing run or out."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.cli import calls_page
from gateway.cli.calls_page import write_page
from tests.cli.chromium import Chromium, Page
from tests.cli.sample_call import RECORDED_FROM_MS, SID, sample

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

HOSTILE = (
    "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=1'>-->"
    "<!--<script>\u2028window.pwned=1\u2029${window.pwned=1} $source {{7*7}} javascript:pwned=1"
)
SCHEMES = ("light", "dark")
CONTRAST = """
(() => {
  const probe = document.body.appendChild(document.createElement("span"));
  const paint = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const light = (name) => {
    probe.style.color = `var(--${name})`;
    paint.fillStyle = getComputedStyle(probe).color;
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [dark, bright] = [light(a), light(b)].sort((x, y) => x - y);
    return (bright + 0.05) / (dark + 0.05);
  };
  return (pairs) => pairs.map(([a, b]) => ratio(a, b));
})()
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chromium]:
    """One browser for all tests here."""
    async with Chromium(tmp_path_factory.mktemp("chromium")) as chromium:
        yield chromium


async def shown(
    browser: Chromium, folder: Path, record: dict[str, Any], audio: bytes | None
) -> Page:
    """The page of a record in a window of usual size."""
    out = folder / "call.html"
    write_page(record, audio, out)
    page = await browser.open(out)
    await page.look(1440, 1000)
    return page


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Chromium, tmp_path: Path) -> AsyncIterator[Page]:
    """The page of the sample, which has nothing to complain of whatever was done with it."""
    page = await shown(browser, tmp_path, *sample())
    yield page
    assert page.problems == []
    assert await page.run("violations") == []
    assert {address.partition(":")[0] for address in page.requests} <= {"file", "data", "blob"}


def hostile(value: Any) -> Any:
    """The same record with a text in every place that would like to be markup or code."""
    if isinstance(value, dict):
        return {key: hostile(each) for key, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return f"{value}{HOSTILE}" if isinstance(value, str) else value


# Nothing runs, nothing gets out


async def test_words_are_shown_and_never_run(browser: Chromium, tmp_path: Path) -> None:
    """Whatever people, tools, models or carriers wrote stands there letter by letter."""
    record, audio = sample()
    spoken = [row["who"] for row in record["turns"]]
    record = hostile(record)
    for row, who in zip(record["turns"], spoken, strict=True):
        row["who"] = who
    page = await shown(browser, tmp_path, record, audio)
    await page.run("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    await page.look(1200, 900)
    await page.click_at(300, 500)
    words = await page.run("document.querySelector('.line .words').textContent")
    assert words == record["turns"][0]["heard_text"]
    title = await page.run("document.title")
    assert " ".join(HOSTILE.split()) in " ".join(title.split())
    assert await page.run("typeof pwned") == "undefined"
    assert await page.run("document.querySelectorAll('img, iframe, object, [onerror]').length") == 0
    assert await page.run("document.querySelectorAll('script').length") == 2
    assert (page.problems, await page.run("violations")) == ([], [])


async def test_names_of_the_language_are_only_names(browser: Chromium, tmp_path: Path) -> None:
    """A record may say what JavaScript means something by."""
    for name in ("constructor", "__proto__", "toString"):
        record: dict[str, Any] = {
            "call": {"outcome": name, "reason": name, "consent": name, "duration_ms": 1e15},
            "turns": [
                {"number": 1, "cause": name, "interrupted": True, "kind": name, "model_ms": 5}
            ],
            "usage": [{"number": 1, "source": name, "model": name}],
            "events": [{"seq": 1, "at_ms": 5.0, "name": name, "fields": {name: 1}}],
        }
        page = await shown(browser, tmp_path, record, None)
        assert page.problems == []
        assert "native code" not in await page.run("document.body.textContent")


async def test_the_policy_bites(browser: Chromium, tmp_path: Path) -> None:
    """Text cannot become markup or code, and nothing can be fetched or sent."""
    page = await shown(browser, tmp_path, *sample())
    tried = """
    (async () => {
      const script = document.createElement("script");
      let code = "allowed", markup = "allowed", sent = "allowed";
      try { script.text = "window.pwned = 1"; } catch { code = "refused"; }
      try { document.body.innerHTML = "<b>x</b>"; } catch { markup = "refused"; }
      try { await fetch("https://example.com/"); } catch { sent = "refused"; }
      const image = new Image();
      const failed = new Promise((done) => (image.onerror = () => done("refused")));
      image.src = "https://example.com/x.png";
      return [code, markup, sent, await failed];
    })()
    """
    assert await page.run(tried) == ["refused"] * 4
    violations = set(await page.run("violations"))
    assert {"require-trusted-types-for", "connect-src", "img-src"} <= violations


async def test_code_that_got_in_would_not_run(browser: Chromium, tmp_path: Path) -> None:
    """Only the scripts and styles the page was made with do."""
    out = tmp_path / "call.html"
    write_page(*sample(), out)
    strange = "<script>pwned=1</script><style>body{display:none}</style><p onclick='pwned=1'>x"
    out.write_text(out.read_text(encoding="utf-8").replace("</body>", strange), encoding="utf-8")
    page = await browser.open(out)
    await page.run("document.body.lastElementChild.click()")
    assert await page.run("[typeof pwned, getComputedStyle(document.body).display]") == [
        "undefined",
        "block",
    ]
    expected = {"script-src-elem", "style-src-elem", "script-src-attr"}
    assert expected <= set(await page.run("violations"))


# It plays and moves


async def test_space_plays_and_stops(page: Page) -> None:
    """The playhead and the current line move with the sound."""
    before = await page.run("playhead.getBoundingClientRect().x")
    await page.press(" ", "Space")
    await page.run(
        "new Promise((r) => audio.addEventListener('timeupdate', () => "
        "audio.currentTime > 0.9 && r()))"
    )
    assert await page.run("play.getAttribute('aria-label')") == "Pause"
    assert await page.run("playhead.getBoundingClientRect().x") > before
    words = "document.querySelector('[aria-current] .words').textContent"
    assert await page.run(words) == "Welcome to Example Air. How can I help you?"
    assert await page.run("caption.textContent") == f"Agent {await page.run(words)}"
    await page.press(" ", "Space")
    await page.drawn()
    assert await page.run("[audio.paused, play.getAttribute('aria-label')]") == [True, "Play"]


async def test_arrows_move_the_sound(page: Page) -> None:
    """By five seconds; the recording began a little after the call's clock did."""
    await page.press("ArrowRight")
    await page.press("ArrowRight")
    await page.press("ArrowLeft")
    assert await page.run("view.player.ms") == 5000
    assert await page.run("audio.currentTime") == pytest.approx(5 - RECORDED_FROM_MS / 1000)
    assert await page.run("now.textContent") == "0:05.0"


async def test_a_click_on_the_drawing_goes_there(page: Page) -> None:
    """To the very millisecond that is drawn there."""
    await page.run("view.strip.root.scrollIntoView()")
    x, y = await page.run(
        "(() => { const b = canvas.getBoundingClientRect();"
        "return [b.x + view.strip.xAt(20000), b.y + 100]; })()"
    )
    await page.click_at(round(x), round(y))
    assert await page.run("view.player.ms") == pytest.approx(20_000, abs=100)
    assert await page.run("view.strip.root.getAttribute('aria-valuetext')") == "0:19, caller speaks"


async def test_a_click_on_a_line_goes_there(page: Page) -> None:
    """To where the line begins."""
    await page.click(".line:nth-child(5) .words, .line:nth-child(4) .words")
    begin = await page.run("view.call.turns_said[2].begin")
    assert await page.run("view.player.ms") == begin
    assert (
        await page.run("document.querySelector('[aria-current] .at').textContent.slice(6)")
        == "0:08"
    )


async def test_the_drawing_can_be_zoomed(page: Page) -> None:
    """With buttons, the wheel and keys; what is pointed at stays where it is."""
    await page.click("#zoom-in")
    wide = "view.strip.span.offsetWidth / view.strip.width"
    assert await page.run(wide) == pytest.approx(1.6, rel=0.01)
    x, y = await page.run(
        "(() => { const b = canvas.getBoundingClientRect(); return [b.x + 400, b.y + 100]; })()"
    )
    under = "view.strip.msAt(view.strip.root.scrollLeft + 400)"
    before = await page.run(under)
    await page.wheel(x, y, -200, control=True)
    await page.drawn()
    assert await page.run(wide) > 2.5
    assert await page.run(under) == pytest.approx(before, abs=60)
    await page.run("view.strip.root.focus()")
    await page.press("End")
    assert await page.run("view.strip.root.scrollLeft") > 0
    await page.press("0", "Digit0")
    assert await page.run(wide) == 1


async def test_keys_go_from_turn_to_turn(page: Page) -> None:
    """N and P while the drawing has the focus."""
    await page.run("view.strip.root.focus()")
    await page.press("n", "KeyN")
    await page.press("n", "KeyN")
    assert await page.run("view.player.ms === view.call.turns_said[1].begin")
    await page.press("p", "KeyP")
    assert await page.run("view.player.ms === view.call.turns_said[0].begin")


async def test_the_pointer_is_told_what_is_there(page: Page) -> None:
    """The words under it, heard or not."""
    told = "((ms, y) => view.strip.under(view.strip.xAt(ms), y, ms))"
    cut = await page.run("view.call.turns_said.find((turn) => turn.cut).end")
    assert await page.run(f"{told}(1000, view.strip.lanes.agent + 5)") == (
        "Welcome to Example Air. How can I help you?"
    )
    assert (await page.run(f"{told}({cut + 500}, view.strip.lanes.agent + 5)")).startswith(
        "not heard: "
    )
    assert await page.run(f"{told}({cut}, 30)") == "the agent was interrupted"
    assert await page.run(f"{told}(view.call.tools[0].begin, view.strip.lanes.tools + 5)") == (
        "faq_lookup 1.24\u00a0s"
    )


# What it says


async def test_words_nobody_heard_are_struck_out(page: Page) -> None:
    """And say so, for those who do not see a line through them."""
    line = "document.querySelector('.line:has(s)')"
    turn = next(row for row in sample()[0]["turns"] if row.get("unheard_text"))
    assert await page.run(f"{line}.querySelector('s').textContent") == turn["unheard_text"]
    assert await page.run(f"{line}.querySelector('.words').textContent") == (
        f"{turn['heard_text']} interrupted: the caller spoke  not heard {turn['unheard_text']}"
    )


async def test_tools_show_what_they_were_told(page: Page) -> None:
    """Closed at first; JSON in lines."""
    tool = "document.querySelector('.line.tool details')"
    assert await page.run(f"{tool}.open") is False
    await page.click(".line.tool summary")
    assert await page.run(f"{tool}.open") is True
    texts = await page.run(f"[...{tool}.querySelectorAll('pre')].map((each) => each.textContent)")
    assert texts[0] == '{\n  "topic": "baggage"\n}'


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('{"id":12345678901234567890,"x":1.0}', '{\n  "id": 12345678901234567890,\n  "x": 1.0\n}'),
        ('{"a":[],"b":"c, \\"d\\": {e"}', '{\n  "a": [],\n  "b": "c, \\"d\\": {e"\n}'),
        ("[1,[ ]]", "[\n  1,\n  []\n]"),
        ("not {json}", "not {json}"),
        ("[" * 30 + "]" * 30, "[" * 30 + "]" * 30),
    ],
)
async def test_json_is_shown_as_it_was_written(page: Page, text: str, lines: str) -> None:
    """No number is rounded, no name is changed; what is no JSON stays as it is."""
    assert await page.run(f"pretty({json.dumps(text)})") == lines


async def test_the_slowest_answer_is_marked(page: Page) -> None:
    """And the gateway's own share has a figure of its own."""
    slowest = "document.querySelector('.latency .worst').textContent"
    assert "slowest 1.81\u00a0s" in await page.run(slowest)
    share = await page.run("document.querySelector('.share').textContent")
    assert "0.05\u00a0ms per answer (median), 0.05\u00a0ms at most" in share


async def test_costs_are_added_up(page: Page) -> None:
    """By model and use, with the carrier's; the sum is the call's."""
    rows = await page.run(
        "[...document.querySelectorAll('.usage tbody tr')].map((row) =>"
        " [row.querySelector('th').firstChild.textContent, row.lastChild.textContent])"
    )
    assert rows == [
        ["gpt-realtime-2.1", "$0.0968"],
        ["gpt-4o-mini-transcribe", "$0.0010"],
        ["Model", "$0.0978"],
        ["Carrier", "$0.0171"],
        ["Together", "$0.1149"],
    ]


async def test_all_events_are_there(page: Page) -> None:
    """When somebody asks for them."""
    assert await page.run("document.querySelectorAll('.events tr').length") == 0
    await page.click("#events-summary")
    await page.drawn()
    assert await page.run("document.querySelectorAll('.events tr').length") == 5


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({"recording": None}, "This call was not recorded."),
        (
            {"recording": None, "consent": "declined"},
            "There is no recording: the caller did not want to be recorded.",
        ),
        (
            {"recording": None, "recording_purged_at": "2026-04-02T03:00:00+00:00"},
            "The recording was deleted on 2 Apr 2026.",
        ),
        ({"recording": "a.wav"}, "The recording a.wav was not at hand when this page was made."),
    ],
)
async def test_a_page_without_sound_says_why(
    browser: Chromium, tmp_path: Path, changed: dict[str, Any], note: str
) -> None:
    """Everything else is there, and the playhead still moves."""
    record, _ = sample()
    record["call"] |= changed
    page = await shown(browser, tmp_path, record, None)
    assert await page.run("document.getElementById('sound-note').textContent") == note
    assert await page.run("play.disabled") is True
    await page.press(" ", "Space")
    await page.press("ArrowRight")
    assert await page.run("view.player.ms") == 5000
    assert await page.run("document.querySelectorAll('.line').length") > 20
    assert page.problems == []


async def test_a_large_recording_is_played_from_its_file(
    browser: Chromium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once somebody has chosen it."""
    record, audio = sample()
    monkeypatch.setattr(calls_page, "MOST_AUDIO_BYTES", 1000)
    file = tmp_path / "call.wav"
    file.write_bytes(audio)
    page = await shown(browser, tmp_path, record, audio)
    note = await page.run("document.getElementById('sound-note').textContent")
    assert f"“gateway calls export {SID} --audio” writes it to a file" in note
    assert await page.run("play.disabled") is True
    await page.run("view.seek(9000)")
    await page.choose("#sound-note input", file)
    await page.run(
        "audio.readyState > 0 || new Promise((r) => "
        "audio.addEventListener('loadedmetadata', () => r(1)))"
    )
    assert await page.run("play.disabled") is False
    assert await page.run("audio.duration") == pytest.approx(len(audio) / 16000, abs=0.1)
    assert page.problems == []
    assert await page.run("violations") == []


@pytest.mark.parametrize(
    "record",
    [
        {"call": {}},
        {"call": {"call_sid": "CA1", "state": "live", "caller": None, "turns": None}, "turns": []},
        {
            "call": {"unpriced": True, "text_purged_at": "2026-04-02T03:00:00+00:00"},
            "turns": [
                {"number": 1, "who": "agent", "audio_ms": 900.0, "heard_ms": 0.0, "text": "Hm."},
                {"number": 2, "who": "caller"},
                {"number": 3, "who": "agent", "from_ms": 5.0, "interrupted": True},
            ],
            "tools": [{"number": 1}],
            "handoffs": [{"number": 1}],
            "guardrails": [{"number": 1}],
            "usage": [{"number": 1, "source": "response"}],
            "notes": [{"number": 1}],
            "events": [{"seq": 1, "name": "dtmf", "fields": None}, {"seq": 2}],
        },
    ],
)
async def test_what_is_missing_is_left_out(
    browser: Chromium, tmp_path: Path, record: dict[str, Any]
) -> None:
    """A call that is still going on, or of which little is left, has a page, too."""
    page = await shown(browser, tmp_path, record, None)
    await page.run("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    await page.look(500, 800)
    text = await page.run("document.body.innerText")
    assert page.problems == []
    for nonsense in ("undefined", "null", "NaN", "[object"):
        assert nonsense not in text


async def test_a_missed_call_has_nothing_to_draw(browser: Chromium, tmp_path: Path) -> None:
    """Neither drawing nor player; who called and how it ended is there."""
    record = {"call": {"caller": "+12025550188", "outcome": "missed", "reason": "no_stream"}}
    page = await shown(browser, tmp_path, record, None)
    assert (
        await page.run("[timeline.hidden, document.getElementById('player').hidden]") == [True] * 2
    )
    text = await page.run("document.body.innerText")
    for words in ("+12025550188", "Missed", "No stream", "Nobody said anything."):
        assert words in text
    assert page.problems == []


# Everybody can use it


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [400, 800, 1600])
async def test_it_fits(page: Page, width: int, scheme: str) -> None:
    """Nothing has to be scrolled sideways to be read, and the drawing fills its place."""
    await page.look(width, 900, scheme)
    assert await page.run("document.documentElement.scrollWidth") == width
    assert await page.run(
        "view.strip.span.offsetWidth === view.strip.width && view.strip.width > 300"
    )


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_it_can_be_read(page: Page, scheme: str) -> None:
    """Texts stand out from what is behind them (WCAG AA: 4.5 to 1)."""
    await page.look(1440, 1000, scheme)
    pairs = [(text, "card") for text in ("ink", "soft", "caller", "agent", "cut", "guard", "mark")]
    pairs += [("ink", "paper"), ("soft", "paper"), ("soft", "hover"), ("ink", "tool-tint")]
    pairs += [("soft", "agent-tint"), ("cut", "agent-tint"), ("good", "good-tint")]
    pairs += [("caller", "caller-tint"), ("agent", "agent-tint"), ("bad", "bad-tint")]
    ratios = await page.run(f"{CONTRAST}({json.dumps(pairs)})")
    assert [pair for pair, ratio in zip(pairs, ratios, strict=True) if ratio < 4.5] == []


async def test_light_and_dark_can_be_chosen(page: Page) -> None:
    """Whatever the system prefers; the drawing goes along."""
    colours = "[getComputedStyle(document.body).backgroundColor, view.strip.painter.colours.agent]"
    light = await page.run(colours)
    await page.click("#theme")
    dark = await page.run(colours)
    assert all(a != b for a, b in zip(light, dark, strict=True))
    assert await page.run("theme.getAttribute('aria-pressed')") == "true"
    await page.look(1440, 1000, "dark")
    await page.click("#theme")
    assert await page.run(colours) == light


async def test_everything_to_use_has_a_name(page: Page) -> None:
    """For whoever hears the page instead of seeing it."""
    tree = await page.tell("Accessibility.getFullAXTree")
    used = {"button", "slider", "DisclosureTriangle", "link", "region"}
    nodes = [node for node in tree["nodes"] if node.get("role", {}).get("value") in used]
    assert len(nodes) > 30
    assert [node["role"] for node in nodes if not node["name"].get("value")] == []
    headings = [node for node in tree["nodes"] if node.get("role", {}).get("value") == "heading"]
    assert headings[0]["name"]["value"] == "+12025550123 called +15550001000"


async def test_paper_is_white(page: Page) -> None:
    """What only a screen can do is not printed, and a dark page comes back dark."""
    await page.look(800, 1000, "dark")
    await page.run("dispatchEvent(new Event('beforeprint')), 0")
    await page.tell("Emulation.setEmulatedMedia", media="print")
    assert await page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert await page.run("getComputedStyle(document.querySelector('.player')).display") == "none"
    await page.run("dispatchEvent(new Event('afterprint')), 0")
    assert await page.run("document.documentElement.dataset.theme === undefined")
