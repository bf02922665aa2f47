"""The dashboard's scripts by themselves: they parse, are small, and their pure parts are right."""

import re
import subprocess
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[3] / "gateway" / "web" / "static"
NODE = ("node", "--experimental-default-type=module", "--no-warnings")
MAX_LINES = 250
FORBIDDEN = (
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|"
    r"setAttribute\(\"style\"|createContextualFragment|\bconsole\."
)


def scripts() -> list[Path]:
    """Every script of ours."""
    found = [each for each in STATIC.rglob("*.js") if "vendor" not in each.parts]
    assert len(found) > 40
    return sorted(found)


def pages() -> list[Path]:
    """Those of the dashboard without the softphone's audio."""
    return [each for each in scripts() if "phone" not in each.relative_to(STATIC).parts]


def named(path: Path) -> str:
    """Within the folder."""
    return path.relative_to(STATIC).as_posix()


@pytest.mark.parametrize("path", scripts(), ids=named)
def test_scripts_take_no_text_for_code(path: Path) -> None:
    """None makes markup or code of a text, none writes to the console; each says what it is."""
    script = path.read_text(encoding="utf-8")
    assert re.findall(FORBIDDEN, script) == []
    assert script.startswith("// ")


@pytest.mark.parametrize("path", pages(), ids=named)
def test_scripts_are_small(path: Path) -> None:
    """None is longer than fits a head."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", pages(), ids=named)
def test_what_scripts_give_others_is_explained(path: Path) -> None:
    """Whatever is exported has a comment, but for `mount`, which is the same everywhere."""
    script = path.read_text(encoding="utf-8")
    bare = re.findall(r"(?<!\*/\n)^export (?:async )?(?:const|function|class) (\w+)", script, re.M)
    assert set(bare) <= {"mount"}


def test_imports_lead_to_files() -> None:
    """Every import is of a file that is there, by its name in this folder."""
    for path in scripts():
        script = path.read_text(encoding="utf-8")
        for name in re.findall(r'(?:^import .*? from |import\()"([^"]+)"', script, re.MULTILINE):
            assert name.startswith("."), f"{path.name} imports {name}"
            assert (path.parent / name).resolve().is_file() or "phone/" in name, (path.name, name)


def test_the_vendored_library_has_its_licence() -> None:
    """And is the one that is named."""
    folder = STATIC / "vendor" / "uplot"
    assert "MIT" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert "(v1.6.32)" in (folder / "uPlot.esm.js").read_text(encoding="utf-8")[:400]


@pytest.mark.system
def test_scripts_parse() -> None:
    """As modules, each of them."""
    for path in scripts():
        command = [*NODE, "--check", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.system
def test_pure_parts_are_right() -> None:
    """What node says of units.mjs."""
    command = [*NODE, "--test", str(Path(__file__).with_name("units.mjs"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
