"""The agents' own Python: modules of their folder, imported anew at each reading of it.

Owns the package ``agents_config``: its modules may import each other by that name or relatively.
A dotted name that is not in the folder means an installed package.
"""

import importlib
import importlib.util
import os.path
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from gateway.agents.problems import Problem, nearest

PACKAGE = "agents_config"
_LONGEST_MESSAGE = 300


class NotFound(Exception):
    """A dotted name leads nowhere; the message says at which step."""


class Broken(Exception):
    """A module cannot be imported; ``problem`` names the file and line that raised."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class _Source(SourceFileLoader):
    """Compiles what the file says now. Bytecode on disk is only as exact as size and second."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class _Finder:
    """Finds the modules of the package on whatever folder it stands for at the moment."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(f"{PACKAGE}."):
            return None
        for folder in path or ():
            spec = FileFinder(folder, (_Source, SOURCE_SUFFIXES)).find_spec(name, target)
            if spec is not None:
                return spec
        return None


class Modules:
    """The modules of one reading of a folder. They live on with whoever uses them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._named = folder
        package = ModuleType(PACKAGE, "The agents' folder.")
        package.__path__ = [str(self._folder)]
        self._modules = {PACKAGE: package}
        self._broken: dict[str, Problem] = {}

    def activate(self) -> Callable[[], None]:
        """Makes ``import agents_config.…`` mean these modules; returns the way back."""
        if _Finder not in sys.meta_path:
            sys.meta_path.insert(0, _Finder)
        before = _take_away()
        sys.modules.update(self._modules)

        def back() -> None:
            self._modules = _take_away()
            sys.modules.update(before)

        return back

    def find(self, dotted: str) -> Any:
        """What ``module.name`` stands for. Raises NotFound or Broken. Only while active."""
        module_name, _, attribute = dotted.rpartition(".")
        if not module_name or not all(part.isidentifier() for part in dotted.split(".")):
            raise NotFound(f"{dotted!r} is no name, write module.name")
        module = self._module(module_name)
        try:
            return getattr(module, attribute)
        except AttributeError:
            hint = nearest(attribute, vars(module), f"{module_name}.")
            raise NotFound(f"{module_name} has no {attribute!r}{hint}") from None

    def _module(self, name: str) -> ModuleType:
        top = name.split(".")[0]
        ours = any(os.path.exists(path) for path in self._places(top))
        if ours and not any(os.path.exists(path) for path in self._places(name)):
            raise NotFound(f"no module {self._named.joinpath(*name.split('.'))}.py")
        if not ours and not _is_installed(top):
            known = [path.stem for path in self._folder.glob("*.py")]
            raise NotFound(
                f"no module {self._named / top}.py and no installed package {top!r}"
                + nearest(top, known)
            )
        return self._imported(f"{PACKAGE}.{name}" if ours else name)

    def _places(self, name: str) -> tuple[Path, Path]:
        path = self._folder.joinpath(*name.split("."))
        return path.with_name(f"{path.name}.py"), path

    def _imported(self, name: str) -> ModuleType:
        if name in self._broken:
            raise Broken(self._broken[name])
        try:
            return importlib.import_module(name)
        except (Exception, SystemExit) as error:
            words = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
            message = f"{type(error).__name__}: {words[:_LONGEST_MESSAGE]}".removesuffix(": ")
            path, line = self._place(error)
            if path is None and not name.startswith(f"{PACKAGE}."):
                raise NotFound(f"{name} cannot be imported: {message}") from error
            file = self._named if path is None else self._named / path.relative_to(self._folder)
            problem = self._broken[name] = Problem(str(file), line, "", message)
            raise Broken(problem) from error

    def _place(self, error: BaseException) -> tuple[Path | None, int]:
        """Where in the folder it was raised: the last frame that is ours."""
        path, line = None, 0
        trace = error.__traceback__
        while trace is not None:
            frame = Path(trace.tb_frame.f_code.co_filename)
            if frame.is_relative_to(self._folder):
                path, line = frame, trace.tb_lineno
            trace = trace.tb_next
        if isinstance(error, SyntaxError) and error.filename:
            source = Path(error.filename)
            if source.is_relative_to(self._folder):
                return source, error.lineno or 0
        return path, line


def _take_away() -> dict[str, ModuleType]:
    """The package's modules, no longer importable."""
    known = list(sys.modules)  # a copy: other threads may import something meanwhile
    names = [name for name in known if name == PACKAGE or name.startswith(f"{PACKAGE}.")]
    return {name: sys.modules.pop(name) for name in names}


def _is_installed(top: str) -> bool:
    try:
        return importlib.util.find_spec(top) is not None
    except ValueError:  # a module without a spec, such as __main__
        return True
