"""The laws of the house, measured on the tree as it is.

An exception to a law is an entry in one of the tables below, with its reason. An entry that no
longer excepts anything fails too, so the tables stay as short as they can be.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GATEWAY = ROOT / "gateway"

MAX_FILE_LINES = 400
MAX_CLASS_LINES = 250
NAMELESS = {"utils", "util", "helpers", "helper", "managers", "manager", "base", "common", "misc"}

# What would give `core` a clock, a socket, a thread, a file, chance or the process around it.
# fmt: off
IMPURE = {
    "asyncio", "concurrent", "contextvars", "http", "io", "logging", "multiprocessing", "os",
    "pathlib", "queue", "random", "sched", "secrets", "select", "selectors", "shutil", "signal",
    "socket", "socketserver", "ssl", "subprocess", "sys", "tempfile", "threading", "time",
    "urllib.request", "uuid",
}
# fmt: on
IMPURE_CALLS = {"open", "input", "now", "utcnow", "today"}
BELOW_CORE = {"gateway.core", "gateway.errors"}
# Packages from outside that are as pure as `core` itself.
PURE_PACKAGES = {
    "audioop": "G.711 in C: the standard library's before 3.13, audioop-lts since",
    "msgspec": "typed JSON, bytes in and values out",
    "phonenumbers": "tables of numbering plans and functions over them",
    "twilio.twiml": "builds XML from arguments, so TwiML is never put together by hand",
}

# The one call boundary, where whatever went wrong in a call must still end that call politely.
BROAD_EXCEPTS = {
    "gateway/call/upstream.py": "the SDK and an agent's own tools may raise anything at all",
    "gateway/call/tools.py": "a tool that raises must not end its call",
    "gateway/call/audience.py": "who only listens must not end the call",
    "gateway/store/journal/writer.py": "one event that fails must not cost those behind it",
    "gateway/observe/traces.py": "one event that fails must not cost those behind it",
    "gateway/ops/doctor/examination.py": "a look that fails must not cost what the others found",
    "gateway/agents/modules.py": "the top level of somebody's module may raise anything at all",
}

# Modules with behaviour and no test file of their own.
TESTED_ELSEWHERE: dict[str, str] = {
    "gateway/cli/users_group.py": "tests/cli/test_users.py",
    "gateway/cli/audit_group.py": "tests/cli/test_audit.py",
    "gateway/cli/demo_report.py": "tests/cli/test_demo.py",
    "gateway/call/tape.py": "tests/store/recordings/test_tapes.py",
    "gateway/call/colleagues.py": "tests/ops/consulting/test_consult.py",
}

MACHINE_PATH = re.compile(r"(?<![\w.$}>-])/(?:root|work|home|Users)/[\w.-]|\b[A-Z]:\\Users\\")
SECRETS = {
    "OpenAI key": re.compile(r"\bsk-(?:proj-|svcacct-)?(?P<key>[A-Za-z0-9_-]{32,})"),
    "Twilio API key": re.compile(r"\bSK(?P<key>[0-9a-f]{32})\b"),
    "Twilio account": re.compile(r"\bAC(?P<key>[0-9a-f]{32})\b"),
    "Twilio auth token": re.compile(r"(?i)auth_?token\W{1,6}(?P<key>[0-9a-f]{32})\b"),
    "cloud key": re.compile(r"\bAKIA(?P<key>[0-9A-Z]{16})\b"),
    "GitHub token": re.compile(r"\bgh[pousr]_(?P<key>[A-Za-z0-9]{36})\b"),
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+(?P<key>[A-Za-z0-9+/]{40,})"),
}


def modules(folder: Path = GATEWAY) -> list[Path]:
    """Every Python file under a folder, in order."""
    return sorted(folder.rglob("*.py"))


def name_of(path: Path) -> str:
    """The file as people write it: relative to the project, with forward slashes."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=name_of(path))


def imports_of(path: Path) -> Iterator[str]:
    """Dotted names a file imports, at any depth; `from a import b` counts as `a` and `a.b`."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_under(name: str, packages: set[str]) -> bool:
    """True when a dotted name is one of the packages or lies inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def called(node: ast.AST) -> str:
    """The last name of what a call node calls, else nothing."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def has_behaviour(path: Path) -> bool:
    """True when a file defines a function or method: constants and plain values need no test."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    return any(isinstance(node, kinds) for node in ast.walk(tree_of(path)))


def check(found: list[str]) -> None:
    """Fails with one line per finding."""
    assert not found, "\n" + "\n".join(found)


def test_there_is_a_house_to_measure() -> None:
    """The laws below look at real files, so none of them holds for want of anything to see."""
    assert len(modules()) > 20
    assert len(modules(GATEWAY / "core")) > 5


def test_imports_point_down() -> None:
    """Every contract on imports in pyproject.toml is kept."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_has_its_floor() -> None:
    """No part of the gateway escapes the layers: each stands in the contract on imports."""
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    layers = set(re.findall(r"\bgateway\.(\w+)", contract))
    parts = {path.relative_to(GATEWAY).parts[0].removesuffix(".py") for path in modules()}
    assert parts - {"__init__", "__main__"} <= layers


def test_the_core_imports_only_what_is_pure() -> None:
    """`core` imports no clock, socket, thread, log, chance or process, and no SDK."""
    found = []
    for path in modules(GATEWAY / "core"):
        for name in imports_of(path):
            outside = name.split(".")[0] not in sys.stdlib_module_names | {"gateway"}
            if is_under(name, IMPURE) or (outside and not is_under(name, set(PURE_PACKAGES))):
                found.append(f"{name_of(path)} imports {name}")
            if name.startswith("gateway.") and not is_under(
                name, {"gateway.core", "gateway.errors"}
            ):
                found.append(f"{name_of(path)} imports {name}")
    check(found)


def test_the_core_neither_waits_nor_asks_the_world() -> None:
    """`core` has no coroutine, opens no file and reads no clock: `now` is an argument."""
    found = []
    for path in modules(GATEWAY / "core"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.AsyncFunctionDef, ast.Await)):
                found.append(f"{name_of(path)}:{node.lineno} waits")
            elif called(node) in IMPURE_CALLS:
                found.append(f"{name_of(path)} calls {called(node)}()")
    check(found)


def test_audioop_has_one_door() -> None:
    """Only `core/g711.py` imports audioop, the module that moved out of the standard library."""
    users = {name_of(path) for path in modules() if is_any_audioop(path)}
    assert users == {"gateway/core/g711.py"}


def is_any_audioop(path: Path) -> bool:
    """True when a file imports audioop in any way."""
    return any(is_under(name, {"audioop"}) for name in imports_of(path))


def test_nothing_prints() -> None:
    """The gateway speaks through logs and consoles, never through `print`."""
    check(
        [
            f"{name_of(path)}:{node.lineno} prints"
            for path in modules()
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ]
    )


def broad_excepts(path: Path) -> Iterator[int]:
    """Lines that catch or suppress everything."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler) and catches_everything(node.type):
            yield node.lineno
        elif isinstance(node, ast.Call) and called(node) == "suppress":
            yield from (node.lineno for argument in node.args if catches_everything(argument))


def catches_everything(kind: ast.expr | None) -> bool:
    """True for a bare `except` and for anything that names Exception or BaseException."""
    if kind is None:
        return True
    names = {getattr(node, "id", "") for node in ast.walk(kind)}
    return bool(names & {"Exception", "BaseException"})


def test_errors_are_caught_by_name() -> None:
    """`except Exception` stands at the listed places only, and at each of them once."""
    found = {name_of(path): list(broad_excepts(path)) for path in modules()}
    wrong = [
        f"{name}:{line} catches everything"
        for name, lines in found.items()
        for line in lines[name in BROAD_EXCEPTS :]
    ]
    wrong += [f"{name} is listed and has none" for name in BROAD_EXCEPTS if not found.get(name)]
    check(wrong)


def test_files_and_classes_stay_small() -> None:
    """No file over 400 lines and no class over 250."""
    found = []
    for path in modules():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MAX_FILE_LINES:
            found.append(f"{name_of(path)} has {lines} lines")
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                size = (node.end_lineno or 0) - node.lineno + 1
                if size > MAX_CLASS_LINES:
                    found.append(f"{name_of(path)} class {node.name} has {size} lines")
    check(found)


def test_modules_are_named_for_what_they_own() -> None:
    """Nothing is called utils, helpers, managers, base or common."""
    found = [
        name_of(path)
        for path in modules()
        if NAMELESS & {part.strip("_") for part in path.relative_to(ROOT).with_suffix("").parts}
    ]
    check(found)


def test_everything_public_says_what_it_is() -> None:
    """Every module, and every public class and function in it, has a docstring."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = []
    for path in modules():
        if not ast.get_docstring(tree_of(path)):
            found.append(f"{name_of(path)} has no docstring")
        for node in tree_of(path).body:
            if not isinstance(node, kinds) or node.name.startswith("_") or is_overload(node):
                continue
            if not ast.get_docstring(node):
                found.append(f"{name_of(path)}:{node.lineno} {node.name} has no docstring")
    check(found)


def is_overload(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """True for the typed forms of a function, whose last form has the docstring."""
    return any(ast.unparse(each).endswith("overload") for each in node.decorator_list)


def expected_tests(path: Path) -> set[Path]:
    """Where the tests of a module may lie: mirrored, or one folder up with the folder in the name.

    `gateway/sim/twilio/clock.py` is tested by `tests/sim/twilio/test_clock.py` or by
    `tests/sim/test_twilio_clock.py`.
    """
    inside = path.relative_to(GATEWAY).with_suffix("")
    folder, name = inside.parent, inside.name.strip("_")
    if name == "init":
        folder, name = folder.parent, folder.name
    places = {ROOT / "tests" / folder / f"test_{name}.py"}
    if len(folder.parts) > 1:
        places.add(ROOT / "tests" / folder.parent / f"test_{folder.name}_{name}.py")
    return places


def test_tests_mirror_the_tree() -> None:
    """Every module with behaviour has a test file of its name, or a reason why not."""
    untested = {
        name_of(path)
        for path in modules()
        if has_behaviour(path) and not any(place.exists() for place in expected_tests(path))
    }
    check(
        [f"{name} has no test file" for name in sorted(untested - TESTED_ELSEWHERE.keys())]
        + [f"{name} is listed without need" for name in sorted(TESTED_ELSEWHERE.keys() - untested)]
    )


def test_help_is_light() -> None:
    """`gateway --help` loads neither an SDK nor a server: those belong inside the commands."""
    command = [sys.executable, "-X", "importtime", "-m", "gateway", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)
    timed = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    said = [line for line in done.stderr.splitlines() if line not in timed]
    assert done.returncode == 0, said
    loaded = {line.rsplit("|", 1)[-1].strip() for line in timed}
    assert "typer" in loaded
    heavy = {"agents", "openai", "twilio.rest", "starlette", "uvicorn", "picows", "gateway.call"}
    assert not loaded & heavy


def project_files() -> list[Path]:
    """What belongs to the project: what git tracks, or everything git would not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked := [ROOT / name for name in listed.stdout.split("\0") if name]:
        return [path for path in tracked if path.is_file()]
    return list(walk(ROOT))


def walk(folder: Path) -> Iterator[Path]:
    """The files below a folder without git's own, environments and what `.gitignore` names."""
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()]
    for path in sorted(folder.iterdir()):
        if path.name == ".git" or any(fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if not path.is_dir():
            yield path
        elif not (path / "pyvenv.cfg").exists():
            yield from walk(path)


@cache
def project_texts() -> dict[str, str]:
    """The text files of the project by name."""
    texts = {}
    for path in project_files():
        content = path.read_bytes()
        if b"\0" not in content[:8192]:
            texts[name_of(path)] = content.decode("utf-8", errors="replace")
    return texts


def made_up(key: str) -> bool:
    """True for a key nobody takes for a real one: few characters, a run, or from Twilio's docs."""
    runs = "0123456789abcdefghijklmnopqrstuvwxyz" * 2
    documented = "18ad3ab5a668481ce02b83e7395059f"  # in every example of Media Streams
    key = key.lower()
    return len(set(key)) <= 6 or key[:10] in runs or key.startswith(documented)


def test_no_file_knows_a_machine() -> None:
    """No file names a folder of the machine it was written on."""
    found = [
        f"{name}: {match.group()}"
        for name, text in project_texts().items()
        for match in MACHINE_PATH.finditer(text)
    ]
    assert len(project_texts()) > 50
    check(found)


@pytest.mark.parametrize("kind", SECRETS)
def test_no_file_holds_a_secret(kind: str) -> None:
    """No file holds what looks like a key; made-up ones look made up."""
    check(
        [
            f"{name}:{text.count(chr(10), 0, match.start()) + 1} looks like a {kind}"
            for name, text in project_texts().items()
            for match in SECRETS[kind].finditer(text)
            if not made_up(match["key"])
        ]
    )
