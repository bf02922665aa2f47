"""Makes every recording of the project from its words: espeak-ng, then SoX, then raw 8 kHz mu-law.

    python tools/make_audio.py            make all files again
    python tools/make_audio.py --check    are the committed files, byte for byte, a fresh run?
    python tools/make_audio.py --report   length, level and leading silence of the committed files

Making and checking need the Debian packages `espeak-ng` and `sox`; nothing needs them at run time.
Run it with the Python of the project's environment (it uses gateway.core.g711).

What is made is data: audio_recipe.toml beside this file (voices, levels, noises, the callers' words
and the gateway's own phrases) and lines.toml in each folder of an offline agent (its words).
The same versions of both programs on the same kind of machine give the same bytes; which ones made
the committed files stands in audio_made_with.json.

Exit status: 0 fine, 1 a file differs, 2 a package is missing, 3 files differ but the programs here
are not the ones the committed files were made with, so the difference proves nothing.
"""

import argparse
import json
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

from audio_fixtures import FixtureRecipe, fixture, spoken_line
from audio_voices import missing_packages, versions

from gateway.core.g711 import FRAME_BYTES, level_dbfs, ms_of

ROOT: Final = Path(__file__).resolve().parent.parent
RECIPE: Final = Path(__file__).with_name("audio_recipe.toml")
MADE_WITH: Final = Path(__file__).with_name("audio_made_with.json")
AUDIBLE_DBFS: Final = -48.0

Files = dict[Path, bytes]


def main() -> int:
    """Runs the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="compare, write nothing")
    what.add_argument("--report", action="store_true", help="measure the committed files")
    options = parser.parse_args()
    recipe = tomllib.loads(RECIPE.read_text(encoding="utf-8"))
    if options.report:
        return report(recipe)
    if missing := missing_packages():
        print(f"missing programs: apt-get install {' '.join(missing)}", file=sys.stderr)
        return 2
    fresh = everything(recipe)
    return check(fresh, recipe) if options.check else write(fresh, recipe)


def everything(recipe: dict[str, Any]) -> Files:
    """All files of the recipe, made now."""
    phrases, calls, demo = recipe["phrases"], recipe["calls"], recipe["demo_caller"]
    files = spoken(phrases, phrases["words"])
    for agent in recipe["agent_lines"]:
        lines = tomllib.loads((ROOT / agent["folder"] / "lines.toml").read_text(encoding="utf-8"))
        files |= spoken(agent, lines)
    for table in calls["fixture"]:
        stem = ROOT / calls["folder"] / table["name"]
        payload, truth = fixture(FixtureRecipe(**table))
        files[stem.with_suffix(".ulaw")] = payload
        files[stem.with_suffix(".json")] = truth.encode()
    for name in demo["names"]:
        files[ROOT / demo["folder"] / f"{name}.ulaw"] = files[
            ROOT / calls["folder"] / f"{name}.ulaw"
        ]
    return files


def spoken(table: dict[str, Any], words: dict[str, str]) -> Files:
    """One recording per name in `words`, in the voice and folder of `table`."""
    voice, wpm, level = table["voice"], table["wpm"], table["level_dbfs"]
    folder = ROOT / table["folder"]
    return {
        folder / f"{name}.ulaw": spoken_line(text, voice, wpm, level)
        for name, text in words.items()
    }


def write(fresh: Files, recipe: dict[str, Any]) -> int:
    """Replaces the committed files and removes those the recipe no longer has."""
    for path in committed(recipe) - fresh.keys():
        path.unlink()
        print(f"removed {path.relative_to(ROOT)}")
    for path, content in fresh.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    MADE_WITH.write_text(json.dumps(versions(), indent=2) + "\n", encoding="utf-8")
    return report(recipe)


def check(fresh: Files, recipe: dict[str, Any]) -> int:
    """Prints every file that differs from `fresh`; returns the exit status."""
    paths = sorted(committed(recipe) | fresh.keys())
    wrong = [path for path in paths if not path.exists() or path.read_bytes() != fresh.get(path)]
    for path in wrong:
        print(f"differs: {path.relative_to(ROOT)}")
    then, now = json.loads(MADE_WITH.read_text(encoding="utf-8")), versions()
    if then != now:
        print(f"made with {describe(then)}; here are {describe(now)}")
    if not wrong:
        print(f"{len(paths)} files are equal to a fresh run")
        return 0
    return 1 if then == now else 3


def describe(made_with: dict[str, str]) -> str:
    """Versions in one line."""
    return ", ".join(f"{name} {version}" for name, version in made_with.items())


def committed(recipe: dict[str, Any]) -> set[Path]:
    """The recordings and truth files that are on disk now."""
    parts = [
        *recipe["agent_lines"],
        *(recipe[name] for name in ("phrases", "calls", "demo_caller")),
    ]
    found = {path for part in parts for path in (ROOT / part["folder"]).glob("*.ulaw")}
    return found | set((ROOT / recipe["calls"]["folder"]).glob("*.json"))


def report(recipe: dict[str, Any]) -> int:
    """Prints one line per recording."""
    total = 0
    for path in sorted(p for p in committed(recipe) if p.suffix == ".ulaw"):
        payload = path.read_bytes()
        total += len(payload)
        print(
            f"{path.relative_to(ROOT)!s:58} {ms_of(len(payload)):6.0f} ms"
            f" {level_dbfs(payload):6.1f} dBFS, audible after {audible_after_ms(payload)} ms"
        )
    print(f"{total} bytes")
    return 0


def audible_after_ms(payload: bytes) -> int | None:
    """Where the first 10 ms window above -48 dBFS begins, None when there is none."""
    width = FRAME_BYTES // 2
    windows = range(0, len(payload), width)
    first = next((i for i in windows if level_dbfs(payload[i : i + width]) > AUDIBLE_DBFS), None)
    return None if first is None else round(ms_of(first))


if __name__ == "__main__":
    sys.exit(main())
