"""Where an error comes from: the line of a plugin that its author can mend."""

from __future__ import annotations

import importlib.util
import linecache
import re
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import astral_core
from astral_core.host.state import LoadedPlugin

_QUOTED = re.compile(r"'([^']+)'|\"([^\"]+)\"")
_HERE = Path(__file__).parent
_KINDS = ("purelib", "platlib", "stdlib", "platstdlib")
_FOREIGN = (Path(astral_core.__file__).parent, _HERE, *{Path(sysconfig.get_path(kind)) for kind in _KINDS})


class Line(NamedTuple):
    """A line of a source file."""

    file: str
    number: int

    def __str__(self) -> str:
        """The place, and what stands there."""
        return f"{self.file}, line {self.number}" + (f"\n    {self.code}" if self.code else "")

    @property
    def code(self) -> str:
        """What stands there; empty where the file is not there."""
        return linecache.getline(self.file, self.number).strip()


def blame(error: BaseException) -> Line | None:
    """The deepest line of an author's code that an error, or what caused it, went through; None where none did.

    Not theirs are the framework, the standard library, and what is installed from wheels.
    """
    return next((line for one in _chain(error) for line in _lines(one)), None)


def mentioned(plugin: LoadedPlugin, sentence: str) -> Line | None:
    """The line of a plugin's source with what a sentence about it quotes; None where there is none, or many."""
    quoted = [first or second for first, second in _QUOTED.findall(sentence)]
    for wanted in sorted({one for one in quoted if one != plugin.id}, key=len, reverse=True):
        spellings = (f"'{wanted}'", f'"{wanted}"')
        found = [Line(str(path), number) for path in sources(plugin) for number, text in _numbered(path)
                 if any(spelling in text for spelling in spellings)]  # fmt: skip
        if len(found) == 1:
            return found[0]
    return None


def sources(plugin: LoadedPlugin) -> Iterable[Path]:
    """The Python files of a plugin."""
    if plugin.path is not None:
        return [plugin.path]
    spec = importlib.util.find_spec(plugin.package)  # of a top-level package: nothing is imported
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    files = [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]
    return files or ([Path(spec.origin)] if spec is not None and spec.has_location and spec.origin else [])


def _numbered(path: Path) -> Iterator[tuple[int, str]]:
    return enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The first cause, then what followed from it."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    yield from reversed(found)


def _lines(error: BaseException) -> Iterator[Line]:
    """The lines that it went through, the deepest first; foreign ones are left out."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        yield Line(error.filename, error.lineno)
    frames: list[Line] = []
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        frames.append(Line(trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    for line in reversed(frames):
        if not line.file.startswith("<") and not _is_under(line.file, _FOREIGN):
            yield line


def _is_under(file: str, folders: tuple[Path, ...]) -> bool:
    return any(Path(file).is_relative_to(folder) for folder in folders)
