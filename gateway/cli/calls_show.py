"""``gateway calls show``: one call whole, as text, as JSON or as a page of its own."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli.calls import record_of
from gateway.cli.calls_audio import stereo_of
from gateway.cli.calls_files import exports, make_folder
from gateway.cli.calls_list import ended, parties, responses
from gateway.cli.calls_text import (
    console,
    inert,
    length,
    local,
    offset,
    or_none,
    plural,
    usd,
)
from gateway.cli.calls_timeline import Moment, timeline
from gateway.errors import GatewayError
from gateway.settings import Settings, load_settings
from gateway.store.recordings.tapefile import wav_header

View = Mapping[str, Any]

_STYLES = {"words": "", "unheard": "strike dim", "mark": "yellow", "quiet": "dim"}
_WHO_AT_MOST = 20


def run_show(call_id: str, *, as_json: bool, as_page: bool, out: Path | None) -> int:
    """Prints a call, or writes its page and prints where. GatewayError when there is no such."""
    if out is not None and not as_page:
        raise typer.BadParameter("a file is for --html only", param_hint="FILE")
    settings = load_settings()
    record = record_of(settings, call_id)
    if as_page:
        typer.echo(str(_write_page(settings, record, out)))
    elif as_json:
        typer.echo(json.dumps(record))
    else:
        print_call(console(), record)
    return 0


def _write_page(settings: Settings, record: View, out: Path | None) -> Path:
    from gateway.cli.calls_page import write_page

    path = out or exports(settings) / f"{record['call_sid']}.html"
    make_folder(path.parent)
    write_page(record, _sound(settings, record["call"]), path)
    return path


def _sound(settings: Settings, call: View) -> bytes | None:
    """The recording, if there is one; a page without it is better than no page, but says so."""
    if not call["recording"]:
        return None
    try:
        return sound(stereo_of(settings, call))
    except GatewayError as error:
        typer.echo(f"gateway: the page has no sound: {error}", err=True)
        return None


def sound(stereo: bytes) -> bytes:
    """A WAV file of interleaved mu-law: half the size of one with linear samples."""
    return wav_header(len(stereo)) + stereo


def print_call(out: Console, record: View) -> None:
    """What is known of a call, then what happened in it."""
    for label, text in [*_facts(record["call"]), *_costs(record)]:
        _print(out, f"{label:<10}  ", Text(text))
    out.print()
    moments = timeline(record)
    names = min(max((len(moment.who) for moment in moments), default=0), _WHO_AT_MOST)
    for moment in moments:
        _print_moment(out, moment, names)
    if record["state"] == "ended":
        at_ms = offset(record["call"]["duration_ms"])
        _print(out, f"{at_ms:>8}  {'ended':<{names}}  ", Text(or_none(record["reason"])))


def _print_moment(out: Console, moment: Moment, names: int) -> None:
    who = inert(moment.who)[:_WHO_AT_MOST]
    first = f"{offset(moment.at_ms):>8}  {who:<{names}}  "
    for number, line in enumerate(moment.lines):
        pieces = ((inert(piece.text), _STYLES[piece.kind]) for piece in line)
        _print(out, " " * len(first) if number else first, Text(" ").join(_texts(pieces)))


def _texts(pieces: Iterator[tuple[str, str]]) -> Iterator[Text]:
    return (Text(text, style) for text, style in pieces)


def _print(out: Console, first: str, text: Text) -> None:
    """A text behind what stands before it; on a terminal its further lines begin below it."""
    width = out.width - len(first)
    lines = text.wrap(out, width) if out.is_terminal and width > len(first) else [text]
    for number, line in enumerate(lines):
        before = Text(" " * len(first) if number else first, "cyan")
        out.print(Text.assemble(before, line), soft_wrap=True)


def _facts(call: View) -> Iterator[tuple[str, str]]:
    yield "call", inert(call["call_sid"])
    yield "ended" if call["state"] == "ended" else "state", ended(call)
    begun = local(call["offered_at"], "seconds")
    answered = "" if call["answered_at"] else ", never answered"
    yield "time", f"{begun}, {length(call['duration_ms'])} long{answered}"
    yield "from → to", ", ".join([parties(call), *_told(call, "direction", "campaign", "stir")])
    yield "agent", ", ".join([or_none(call["agent"]), *_told(call, "route")])
    cuts = plural(call["interruptions"], "interruption")
    heard = f"{length(call['heard_ms'])} of the agent heard"
    yield "turns", f"{plural(call['turns'], 'turn')}, {cuts}, {heard}"
    yield "waited", f"{responses(call)} ms (median/p95/worst)"
    yield "recording", _recording(call)
    if call["text_purged_at"]:
        yield "words", f"deleted {local(call['text_purged_at'])}"


def _told(call: View, *names: str) -> Iterator[str]:
    return (f"{name} {inert(call[name])}" for name in names if call[name])


def _recording(call: View) -> str:
    consent = f", consent {inert(call['consent'])}" if call["consent"] else ""
    if call["recording_purged_at"]:
        return f"deleted {local(call['recording_purged_at'])}{consent}"
    if not call["recording"]:
        return f"none{consent}"
    missing = call["recording_incomplete"]
    incomplete = f", incomplete: {inert(missing)}" if missing else ""
    begins = offset(call["recording_from_ms"])
    lasts = length(call["recording_ms"])
    return f"{inert(call['recording'])}, {lasts} from {begins}{incomplete}{consent}"


def _costs(record: View) -> Iterator[tuple[str, str]]:
    """The sum, then what it is made of."""
    call = record["call"]
    parts = f"model {usd(call['model_usd'])}, carrier {usd(call['carrier_usd'])}"
    unpriced = "; not everything has a known price" if call["unpriced"] else ""
    yield "cost", f"{usd(call['cost_usd'])} ({parts}{unpriced})"
    used: dict[tuple[str, str], list[View]] = defaultdict(list)
    for row in record["usage"]:
        used[row["model"] or "", row["source"] or ""].append(row)
    for (model, source), rows in used.items():
        yield "", f"{inert(model)}, {plural(len(rows), inert(source))}: {_used(rows)}"


def _used(rows: list[View]) -> str:
    classes = ("text_in", "text_cached", "audio_in", "audio_cached", "image_in", "image_cached")
    parts = []
    for name in (*classes, "text_out", "audio_out"):
        count = sum(row[name] or 0 for row in rows)
        if count:
            parts.append(f"{count} {name.replace('_', ' ')}")
    billed_s = sum(row["billed_s"] or 0.0 for row in rows)
    if billed_s:
        parts.append(f"{billed_s:.1f} s of audio")
    costs = [row["cost_usd"] for row in rows if row["cost_usd"] is not None]
    return ", ".join([*parts, usd(sum(costs)) if costs else "price not known"])
