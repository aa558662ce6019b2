"""The source texts of a package, read out of its syntax trees.

They are the first argument of `t`, `N_` and `gettext`, and the first two of `nt` and `ngettext`. Of a text that is
chosen by a condition both forms count.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from astral_core.host.state import LoadedPlugin
from astral_core.i18n import Message
from astral_core.kinds.command import Command
from astral_core.kinds.menu import MenuItem
from astral_core.languages.po import Key

SINGLE, PLURAL = frozenset({"t", "N_", "gettext"}), frozenset({"nt", "ngettext"})
NOTE = "Translators:"  # begins a comment above a text that is meant for those who translate it


@dataclass
class Source:
    """Where a text is in the code, and what translators are told about it."""

    places: list[str] = field(default_factory=list)  # astral_weather/plugin.py:12
    notes: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """The files among the places, each once."""
        return list(dict.fromkeys(place.rpartition(":")[0] for place in self.places if ":" in place))


def sources_of(path: Path) -> dict[Key, Source]:
    """The texts of a package's folder, or of one file, in the order of the code. SyntaxError where a file has one."""
    files = sorted(path.rglob("*.py"), key=lambda file: file.as_posix()) if path.is_dir() else [path]
    found: dict[Key, Source] = {}
    for file in files:
        name = file.relative_to(path.parent).as_posix()
        for line, key, notes in _texts(file.read_bytes(), name):
            source = found.setdefault(key, Source())
            source.places.append(f"{name}:{line}")
            source.notes += [note for note in notes if note not in source.notes]
    return found


def declared(plugin: LoadedPlugin) -> Iterator[tuple[Key, Source]]:
    """What Telegram's command menu and the core's pages show, also where the text is in a variable."""
    for item in plugin.declared.routes:
        if isinstance(item, Command) and isinstance(item.description, Message):
            yield (str(item.description),), Source([f"description of /{item.name}"])
        elif isinstance(item, MenuItem) and isinstance(item.text, Message):
            yield (str(item.text),), Source(["menu item"])
    for name, text in plugin.declared.introduction.texts():
        if isinstance(text, Message):
            yield (str(text),), Source([f"{name} of the plugin"])


def _texts(content: bytes, name: str) -> Iterator[tuple[int, Key, list[str]]]:
    tree = ast.parse(content, name)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [(node.lineno, node.col_offset, key) for node in calls for key in _texts_of(node)]
    notes = _notes(content) if NOTE.encode() in content else {}
    for line, _, key in sorted(found, key=lambda one: one[:2]):
        yield line, key, notes.get(line - 1, [])


def _texts_of(call: ast.Call) -> Iterable[Key]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in SINGLE and call.args:
        return [(text,) for text in _constants(call.args[0])]
    if name in PLURAL and len(call.args) >= 3:  # singular, plural, number
        return zip(_constants(call.args[0]), _constants(call.args[1]), strict=False)
    return ()


def _constants(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*_constants(node.body), *_constants(node.orelse)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value else []


def _notes(content: bytes) -> dict[int, list[str]]:
    """The comments for translators, by the last line of each."""
    found: dict[int, list[str]] = {}
    for token in tokenize.tokenize(io.BytesIO(content).readline):
        text = token.string.lstrip("#").strip()
        if token.type == tokenize.COMMENT and (text.startswith(NOTE) or token.start[0] - 1 in found):
            found[token.start[0]] = [*found.pop(token.start[0] - 1, []), text]
    return found
