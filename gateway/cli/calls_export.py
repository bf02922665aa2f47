"""``gateway calls export``: a call as JSON, as a transcript, as sound, as test material."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import typer

from gateway.cli.calls import record_of
from gateway.cli.calls_audio import stereo_of
from gateway.cli.calls_files import exports, write_private
from gateway.cli.calls_fixture import fixture_of
from gateway.cli.calls_text import take_everything
from gateway.core.transcript import as_text, as_vtt
from gateway.settings import Settings, load_settings
from gateway.store.recordings.audio import caller_fixture, wav
from gateway.store.records.views import lines_of

Form = Literal["json", "text", "vtt", "audio", "fixture"]
View = Mapping[str, Any]

_ENDINGS = {"json": ".json", "text": ".txt", "vtt": ".vtt", "audio": ".wav", "fixture": ".ulaw"}
_SIDE = ".caller"
"""Before the ending of a fixture's files, so that ``.json`` means one thing per name."""


def run_export(call_id: str, asked_for: Collection[Form], out: str | None) -> int:
    """Prints a call in one form, or writes files of it and prints where they are.

    ``out`` is a file, or a folder for several. Raises GatewayError when a call or its sound is not
    there, typer.BadParameter when several forms are to go into one file.
    """
    settings = load_settings()
    wanted = [form for form in _ENDINGS if form in asked_for]
    if len(wanted) > 1 and out is not None and Path(out).is_file():
        raise typer.BadParameter("several forms need a folder", param_hint="--out")
    record = record_of(settings, call_id)
    if out is None and wanted in (["json"], ["text"], ["vtt"]):
        take_everything()
        typer.echo(_text_of(record, wanted[0]), nl=False)
        return 0
    for form in wanted:
        path = _place(settings, record, form, out, alone=len(wanted) == 1)
        for written in _written(settings, record, form, path):
            typer.echo(str(written))
    return 0


def forms(form: Form | None, **flags: bool) -> set[Form]:
    """The forms that were asked for, by name and by flags; ``json`` when none was."""
    named: set[Form] = {each for each in get_args(Form) if flags.get(each)}
    return named | ({form} if form else set()) or {"json"}


def _text_of(record: View, form: str) -> str:
    if form == "json":
        return json.dumps(record) + "\n"
    return (as_text if form == "text" else as_vtt)(lines_of(record))


def _place(settings: Settings, record: View, form: str, out: str | None, *, alone: bool) -> Path:
    side = _SIDE if form == "fixture" else ""
    name = f"{record['call_sid']}{side}{_ENDINGS[form]}"
    if out is None:
        return exports(settings) / name
    given = Path(out)
    return given / name if not alone or given.is_dir() or out.endswith("/") else given


def _written(settings: Settings, record: View, form: str, path: Path) -> Iterator[Path]:
    if form in ("json", "text", "vtt"):
        yield write_private(path, _text_of(record, form).encode())
        return
    stereo = stereo_of(settings, record["call"])
    if form == "audio":
        yield write_private(path, wav(stereo))
        return
    payload = caller_fixture(stereo)
    yield write_private(path, payload)
    truth = fixture_of(record, payload, path.name)
    yield write_private(path.with_suffix(".json"), json.dumps(truth, indent=2).encode())
