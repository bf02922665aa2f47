"""The folder's own Python: found, imported anew, and told by file and line when it fails."""

import importlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from gateway.agents.modules import PACKAGE, Broken, Modules, NotFound


@pytest.fixture
def modules(tmp_path: Path) -> Iterator[Modules]:
    """The modules of an empty folder, active."""
    made = Modules(tmp_path)
    back = made.activate()
    yield made
    back()


def test_modules_import_each_other(modules: Modules, tmp_path: Path) -> None:
    """Relatively and by the package's name; folders are packages with and without __init__."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "orders.py").write_text("from ..words import HELLO\nname = HELLO + '!'\n")
    (tmp_path / "words.py").write_text("HELLO = 'hello'\n")
    (tmp_path / "tools.py").write_text(
        "from . import words\nimport agents_config.shop.orders as orders\n"
        "both = words.HELLO, orders.name\n"
    )
    assert modules.find("tools.both") == ("hello", "hello!")
    assert modules.find("shop.orders.name") == "hello!"


def test_other_threads_may_import_meanwhile(tmp_path: Path) -> None:
    """Whatever they do to the modules of the process, ours are put in and taken out."""
    stop = threading.Event()

    def import_and_forget() -> None:
        names = [f"nobody_imports_this_{number}" for number in range(50)]
        while not stop.is_set():
            for name in names:
                sys.modules[name] = ModuleType(name)
            for name in names:
                del sys.modules[name]

    other = threading.Thread(target=import_and_forget)
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    other.start()
    try:
        for _ in range(300):
            Modules(tmp_path).activate()()
    finally:
        stop.set()
        other.join()
        sys.setswitchinterval(switch_s)


def test_a_module_is_run_once(modules: Modules, tmp_path: Path) -> None:
    """However many names are looked up in it."""
    (tmp_path / "tools.py").write_text("ran = []\nran.append(1)\n")
    modules.find("tools.ran").append(2)
    assert modules.find("tools.ran") == [1, 2]


def test_another_name_is_an_installed_package(modules: Modules) -> None:
    """With as many dots as it takes."""
    assert modules.find("os.path.join") is os.path.join


def test_the_folder_comes_first(modules: Modules, tmp_path: Path) -> None:
    """A module of the folder hides an installed one of its name, within the folder only."""
    (tmp_path / "json.py").write_text("loads = 'ours'\n")
    assert modules.find("json.loads") == "ours"
    assert importlib.import_module("json").loads("1") == 1


@pytest.mark.parametrize(
    ("dotted", "words"),
    [
        ("tools", "write module.name"),
        ("..", "write module.name"),
        ("tools.", "write module.name"),
        ("../tools.f", "write module.name"),
        ("tools.plane", "tools has no 'plane' (did you mean tools.plain?)"),
        ("tols.plain", "no installed package 'tols' (did you mean tools?)"),
        ("tools.deep.plain", "tools/deep.py"),
        ("os.nothing_here.x", "os.nothing_here cannot be imported"),
        ("__main__.nothing", "has no 'nothing'"),
    ],
)
def test_a_name_that_leads_nowhere_is_told(
    modules: Modules, tmp_path: Path, dotted: str, words: str
) -> None:
    """At which step, with the nearest that is there."""
    (tmp_path / "tools.py").write_text("plain = 1\n")
    with pytest.raises(NotFound) as wrong:
        modules.find(dotted)
    assert words in str(wrong.value)


FAILURES = {
    "a syntax error": ("def f(:\n", 1, "SyntaxError: invalid syntax"),
    "an indentation error": ("def f():\nx\n", 2, "IndentationError: expected an indented block"),
    "a missing package": ("\nimport no_such_package_here\n", 2, "ModuleNotFoundError: No module"),
    "an undefined name": ("undefined\n", 1, "NameError: name 'undefined' is not defined"),
    "a wrong attribute": ("import os\nos.nothing\n", 2, "AttributeError: module 'os' has no"),
    "a missing key": ("import os\nos.environ['NO_SUCH']\n", 2, "KeyError: 'NO_SUCH'"),
    "a division": ("x = 1\n1 / 0\n", 2, "ZeroDivisionError: division by zero"),
    "a missing file": ("open('no such file')\n", 1, "FileNotFoundError: [Errno 2]"),
    "a failed check": ("assert False, 'not today'\n", 1, "AssertionError: not today"),
    "an error of its own": ("class E(Exception):\n    pass\nraise E\n", 3, "E"),
    "a way out": ("raise SystemExit('bye')\n", 1, "SystemExit: bye"),
    "an error in a function": ("def f():\n    1 / 0\nf()\n", 2, "ZeroDivisionError"),
    "words of many lines": ("raise ValueError('one\\ntwo')\n", 1, "ValueError: one two"),
    "words without end": ("raise ValueError('x' * 9999)\n", 1, "ValueError: xxx"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_a_module_that_fails_is_told_by_line(modules: Modules, tmp_path: Path, what: str) -> None:
    """The innermost line that is in the folder, the kind of error and its words, in one line."""
    text, line, words = FAILURES[what]
    (tmp_path / "inner.py").write_text(text)
    (tmp_path / "tools.py").write_text("from . import inner\n")
    with pytest.raises(Broken) as wrong:
        modules.find("tools.f")
    problem = wrong.value.problem
    assert (problem.file, problem.line) == (str(tmp_path / "inner.py"), line)
    assert problem.message.startswith(words)
    assert "\n" not in problem.message
    assert len(problem.message) < 400


def test_a_failure_is_told_the_same_again(modules: Modules, tmp_path: Path) -> None:
    """The module is not run a second time for another name in it."""
    text = "import pathlib\npathlib.Path(__file__).with_name('ran').mkdir()\n1 / 0\n"
    (tmp_path / "tools.py").write_text(text)
    with pytest.raises(Broken) as first:
        modules.find("tools.f")
    with pytest.raises(Broken) as second:
        modules.find("tools.g")
    assert first.value.problem is second.value.problem
    assert first.value.problem.message.startswith("ZeroDivisionError")


def test_a_module_of_ours_that_is_not_there_is_told(modules: Modules, tmp_path: Path) -> None:
    """By the line that imports it."""
    (tmp_path / "tools.py").write_text("\nimport agents_config.words\n")
    with pytest.raises(Broken) as wrong:
        modules.find("tools.f")
    assert (wrong.value.problem.line, "agents_config.words" in str(wrong.value)) == (2, True)


def test_a_module_without_a_spec_is_there(
    modules: Modules, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that a program made for itself."""
    made = ModuleType("made_by_hand")
    made.word = "hello"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_by_hand", made)
    assert modules.find("made_by_hand.word") == "hello"


def test_a_file_python_cannot_read_is_told(modules: Modules, tmp_path: Path) -> None:
    """Even when no line is at fault."""
    (tmp_path / "tools.py").write_bytes(b"x = 1\0\n")
    with pytest.raises(Broken) as wrong:
        modules.find("tools.f")
    assert "null bytes" in str(wrong.value)


def test_saved_twice_in_a_second_is_read_twice(tmp_path: Path) -> None:
    """Same size, same second: bytecode on disk would not notice, so none is read or written."""
    file = tmp_path / "tools.py"
    for word in ("one", "two"):
        file.write_text(f"word = {word!r}\n")
        os.utime(file, (1_000_000_000, 1_000_000_000))
        modules = Modules(tmp_path)
        back = modules.activate()
        assert modules.find("tools.word") == word
        back()
    assert list(tmp_path.iterdir()) == [file]


def test_the_way_back_brings_the_old_ones(tmp_path: Path) -> None:
    """Whoever imports the package means the newest active ones; those before come back whole."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tools.py").write_text(f"word = {name!r}\n")
    old, new = Modules(tmp_path / "old"), Modules(tmp_path / "new")
    others = sys.modules.get(PACKAGE)
    before = old.activate()
    assert old.find("tools.word") == "old"
    module = sys.modules[f"{PACKAGE}.tools"]
    back = new.activate()
    assert new.find("tools.word") == "new"
    assert importlib.import_module(f"{PACKAGE}.tools") is not module
    back()
    assert importlib.import_module(f"{PACKAGE}.tools") is module
    before()
    assert sys.modules.get(PACKAGE) is others
    assert sys.modules.get(f"{PACKAGE}.tools") is not module
