"""A call as one HTML file: what is in it, what can never get out of it, and who may read it."""

import base64
import hashlib
import json
import math
import re
import stat
import struct
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli import calls_page
from gateway.cli.calls_page import MODULES, page_of, tracks_of, write_page
from gateway.core.g711 import from_pcm16, silence
from gateway.core.waveform import peaks
from gateway.errors import GatewayError
from tests.cli.sample_call import SID, sample, stereo_wav

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>--><!--<script>${data}$source"
)
WORDS = st.text(st.sampled_from("</script>!-&'\"$data{}\u2028\u2029\ud800\0a "))


class Reader(HTMLParser):
    """The elements of a page, as a browser would find them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.elements.append((tag, dict(attrs)))
        kind = dict(attrs).get("type")
        self._inside = "data" if kind == "application/json" else tag

    def handle_endtag(self, tag: str) -> None:
        """What follows is not in it."""
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Text of the element that began last."""
        self.texts[self._inside] = self.texts.get(self._inside, "") + data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a kind."""
        return [attributes for each, attributes in self.elements if each == tag]


def data_of(page: str) -> dict[str, Any]:
    """What the page's script is given."""
    data: dict[str, Any] = json.loads(Reader(page).texts["data"])
    return data


def pcm(*samples: int) -> bytes:
    """Samples as PCM16."""
    return struct.pack(f"<{len(samples)}h", *samples)


def pcm_wav(interleaved: bytes, channels: int = 2, rate: int = 8000) -> bytes:
    """A WAV file of PCM16."""
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    body = b"WAVE" + struct.pack("<4sI", b"fmt ", 16) + form
    body += struct.pack("<4sI", b"data", len(interleaved)) + interleaved
    return struct.pack("<4sI", b"RIFF", len(body)) + body


# The file


def test_only_the_owner_reads_the_page(tmp_path: Path) -> None:
    """An older file that everybody could read is replaced, and nothing else is left behind."""
    out = tmp_path / "call.html"
    out.write_text("old")
    out.chmod(0o644)
    write_page(*sample(), out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == [out]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """It names the file."""
    out = tmp_path / "nowhere" / "call.html"
    with pytest.raises(GatewayError, match=r"nowhere/call\.html: No such file or directory"):
        write_page(*sample(), out)


def test_a_page_that_cannot_be_put_in_place_leaves_nothing(tmp_path: Path) -> None:
    """No half page, no draft."""
    out = tmp_path / "folder"
    out.mkdir()
    with pytest.raises(GatewayError, match="folder: "):
        write_page(*sample(), out)
    assert list(tmp_path.iterdir()) == [out]


# What may run and what may be fetched


def policy_of(page: str) -> dict[str, str]:
    """The page's own policy by directive."""
    (meta,) = [each for each in Reader(page).named("meta") if "http-equiv" in each]
    assert meta["http-equiv"] == "Content-Security-Policy"
    parts = (each.strip().partition(" ") for each in str(meta["content"]).split(";"))
    return {name: value for name, _, value in parts}


def hash_of(text: str) -> str:
    """As a policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_only_what_the_page_came_with_may_run() -> None:
    """Its script and its style, each by its hash, and no text becomes markup."""
    page = page_of(*sample())
    policy, texts = policy_of(page), Reader(page).texts
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == hash_of(texts["script"])
    assert policy["style-src"] == hash_of(texts["style"])
    assert policy["media-src"] == "data: blob:"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "'none'"


def test_nothing_is_fetched() -> None:
    """Neither from the network nor from beside the page."""
    page = page_of(*sample())
    outside = re.findall(r"\w+://[^\s\"'<>]+", page)
    assert set(outside) == {"http://www.w3.org/2000/svg"}, "a namespace, which is a name"
    places = [
        v for _, each in Reader(page).elements for k, v in each.items() if k in ("src", "href")
    ]
    assert {str(place)[:5] for place in places if not str(place).startswith("#")} == {"data:"}


@pytest.mark.parametrize("name", MODULES)
def test_the_script_makes_text_of_text(name: str) -> None:
    """Nothing in it takes a text for markup or code, and it can stand in a page."""
    script = (files("gateway.web") / "static" / "call" / f"{name}.js").read_text(encoding="utf-8")
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|</|<!--"
    )
    assert re.findall(forbidden, script) == []


def test_modules_stand_behind_what_they_import() -> None:
    """In one script a name is there once, and before whatever is built on it at once."""
    folder = files("gateway.web") / "static" / "call"
    names: list[str] = []
    for at, name in enumerate(MODULES):
        module = (folder / f"{name}.js").read_text(encoding="utf-8")
        imported = re.findall(r'^import .* from "\./(\w+)\.js";$', module, re.MULTILINE)
        assert set(imported) <= set(MODULES[:at]), name
        names += re.findall(
            r"^(?:export )?(?:const|let|function|class) (\w+)", module, re.MULTILINE
        )
        assert re.findall(r"^(?:import|export)\b.*", calls_page.unbound(module), re.MULTILINE) == []
    assert len(names) == len(set(names))
    assert {each.name for each in folder.iterdir()} == {f"{name}.js" for name in MODULES}


# What people said


def test_the_record_arrives_as_it_is() -> None:
    """Every row with every column."""
    record, audio = sample()
    data = data_of(page_of(record, audio))
    assert {name: data[name] for name in record} == record


def test_words_never_end_the_block_they_are_in() -> None:
    """Not by a tag, not by a comment, not by looking like a place to be filled in."""
    record, audio = sample()
    record["turns"][0]["text"] = HOSTILE
    page = Reader(page_of(record, audio))
    assert json.loads(page.texts["data"])["turns"][0]["text"] == HOSTILE
    assert page.named("script") == [{"type": "application/json", "id": "data"}, {}]
    assert page.named("img") == []


@settings(max_examples=60)
@given(WORDS)
def test_any_words_come_back_the_same(words: str) -> None:
    """Whatever it is, line ends of other alphabets and halves of letters too."""
    page = page_of({"call": {"call_sid": SID, "caller": words}, "turns": [{"text": words}]}, None)
    data = data_of(page)
    assert (data["call"]["caller"], data["turns"][0]["text"]) == (words, words)
    assert len(Reader(page).named("script")) == 2
    assert page.encode().decode() == page


def test_what_json_has_no_word_for_is_missing() -> None:
    """A figure that is no number does not spoil the page; moments are ISO texts."""
    call = {
        "duration_ms": math.nan,
        "heard_ms": math.inf,
        "ended_at": datetime(2026, 3, 3, tzinfo=UTC),
    }
    data = data_of(page_of({"call": call, "events": [{"fields": {"at_ms": -math.inf}}]}, None))
    assert data["call"] == {
        "duration_ms": None,
        "heard_ms": None,
        "ended_at": "2026-03-03T00:00:00+00:00",
    }
    assert data["events"] == [{"fields": {"at_ms": None}}]


# The recording


def test_the_recording_is_in_the_page() -> None:
    """Byte by byte, with a column of the waveform for every 20 ms of both tracks."""
    record, audio = sample()
    page = page_of(record, audio)
    (player,) = Reader(page).named("audio")
    head, _, content = str(player["src"]).partition(",")
    assert head == "data:audio/wav;base64"
    assert base64.b64decode(content) == audio
    sound = data_of(page)["sound"]
    columns = math.ceil((len(audio) - 46) / 2 / 160)
    assert [len(base64.b64decode(sound[who])) for who in ("caller", "agent")] == [columns] * 2
    assert (sound["bytes"], sound["step_ms"], sound.get("missing")) == (len(audio), 20, None)


def test_a_call_without_a_recording_has_a_page() -> None:
    """With nothing to play in it."""
    record, _ = sample()
    page = page_of(record, None)
    assert Reader(page).named("audio") == [{"id": "audio", "preload": "auto"}]
    assert data_of(page)["sound"] == {"missing": "none"}


def test_a_large_recording_stays_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waveform is in the page all the same."""
    record, audio = sample()
    monkeypatch.setattr(calls_page, "MOST_AUDIO_BYTES", len(audio) - 1)
    page = page_of(record, audio)
    sound = data_of(page)["sound"]
    assert (sound["missing"], sound["bytes"]) == ("large", len(audio))
    assert sound["caller"]
    assert "src" not in Reader(page).named("audio")[0]


@pytest.mark.parametrize(
    "audio",
    [
        b"",
        b"RIFF",
        b"ID3" + bytes(400),
        stereo_wav(silence(20), silence(20))[:46].replace(b"data", b"junk"),
        pcm_wav(pcm(0, 0), channels=1),
        pcm_wav(pcm(0, 0), rate=44100),
        stereo_wav(b"", b"").replace(struct.pack("<H", 7), struct.pack("<H", 6), 1),
    ],
)
def test_other_audio_is_said_to_be_unreadable(audio: bytes) -> None:
    """No audio, no stereo, another rate, another format: the page comes without a wave."""
    sound = data_of(page_of({"call": {}}, audio))["sound"]
    assert sound == {"missing": "unreadable", "bytes": len(audio), "step_ms": 20}


def test_the_tracks_are_told_apart() -> None:
    """The caller is left; mu-law and PCM16 say the same."""
    left, right = from_pcm16(pcm(*[8031] * 160)), from_pcm16(pcm(*[-104] * 160))
    assert tracks_of(stereo_wav(left, right)) == (pcm(*[7932] * 160), pcm(*[-104] * 160))
    assert tracks_of(pcm_wav(pcm(*[7932, -104] * 160))) == (pcm(*[7932] * 160), pcm(*[-104] * 160))


def test_an_unfinished_file_counts_as_far_as_it_goes() -> None:
    """Its header says nothing, or too much, of its length; the last sample may be half there."""
    whole = pcm_wav(pcm(1, 2, 3, 4))
    at = whole.index(b"data") + 4
    for size in (0, 0xFFFFFFFF):
        cut = whole[:at] + struct.pack("<I", size) + whole[at + 4 :] + b"\x05"
        assert tracks_of(cut) == (pcm(1, 3), pcm(2, 4))


def test_other_chunks_are_passed_over() -> None:
    """Those with an odd length have a byte behind them that does not count."""
    whole = pcm_wav(pcm(1, 2))
    at = whole.index(b"data")
    more = struct.pack("<4sI", b"LIST", 3) + b"abc\0"
    assert tracks_of(whole[:at] + more + whole[at:]) == (pcm(1), pcm(2))


@given(st.binary(max_size=700), st.integers(1, 2))
def test_any_file_is_read_or_refused(audio: bytes, whole: int) -> None:
    """Nothing that is behind a proper beginning breaks the page."""
    start = stereo_wav(b"", b"")[: 38 if whole == 1 else 46]
    tracks = tracks_of(start + audio)
    assert tracks is None or all(len(peaks(track)) <= len(audio) for track in tracks)
