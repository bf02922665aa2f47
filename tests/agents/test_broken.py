"""Every broken folder of tests/fixtures/broken_agents is told exactly what is wrong with it."""

import re
import shutil
from pathlib import Path

import pytest

from gateway.agents import Problem, check
from tests.agents import folders

BROKEN = Path(__file__).parents[1] / "fixtures" / "broken_agents"
AROUND = BROKEN / "_around"
CASES = sorted(p.name for p in BROKEN.iterdir() if p.name not in ("_around", "README.md"))
EXPECTED = re.compile(r"# (expect|warn): (?:(.+\.\w+):)?(\d+): ([^:]*): ?(.*)")


def laid_out(case: Path, folder: Path) -> list[tuple[str, int, str, str, str]]:
    """Copies a case over its surroundings; what it expects: file, line, key, words, severity."""
    sources = {p.name.removesuffix(".txt"): p for p in AROUND.iterdir()}
    laid = {p.name: p for p in case.iterdir()} if case.is_dir() else {"a.toml": case}
    sources |= {name.removesuffix(".txt"): path for name, path in laid.items()}
    expected = []
    for name, source in sources.items():
        shutil.copyfile(source, folder / name)
        for line in source.read_text("latin-1" if "utf_8" in case.name else "utf-8").splitlines():
            if match := EXPECTED.match(line):
                kind, file, number, key, words = match.groups()
                severity = "error" if kind == "expect" else "warning"
                expected.append((file or name, int(number), key, words, severity))
    return expected


def is_told(problem: Problem, expected: tuple[str, int, str, str, str], folder: Path) -> bool:
    """True when a problem is the expected one."""
    file, line, key, words, severity = expected
    told = (Path(problem.file).relative_to(folder).as_posix(), problem.line, problem.key)
    return (*told, problem.severity) == (file, line, key, severity) and words in problem.message


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_where_it_is(case: str, tmp_path: Path) -> None:
    """File, line, key and hint, nothing else, and each in one line."""
    expected = laid_out(BROKEN / case, tmp_path)
    problems = check(tmp_path, folders.settings(url=""))
    assert expected
    told = "\n".join(f"{problem.severity} {problem}" for problem in problems)
    assert len(problems) == len(expected), told
    for each in expected:
        assert any(is_told(problem, each, tmp_path) for problem in problems), (each, told)
    assert all("\n" not in str(problem) for problem in problems)


@pytest.mark.usefixtures("clean_environment")
def test_the_surroundings_are_right(tmp_path: Path) -> None:
    """What the cases stand in has no mistake of its own."""
    for source in AROUND.iterdir():
        shutil.copyfile(source, tmp_path / source.name.removesuffix(".txt"))
    assert check(tmp_path, folders.settings(url="")) == []


def test_there_are_many_cases() -> None:
    """Enough that a whole kind of mistake cannot be forgotten."""
    assert len(CASES) > 100
