"""What is wrong with a plugin's catalogues: what they lack, what they keep, what they fill in.

The source texts are read out of the syntax tree: the first argument of `t` and `N_`, the first two of `nt`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from astral_core.audit.package import package_folder
from astral_core.finding import Finding
from astral_core.host.state import LoadedPlugin
from astral_core.i18n import Message
from astral_core.kinds.command import Command
from astral_core.kinds.menu import MenuItem

if TYPE_CHECKING:
    from babel.messages.catalog import Message as Entry

PLACEHOLDER = re.compile(r"\{\w+\}")
Key = tuple[str, ...]  # a text, or its singular and plural


def check_texts(plugin: LoadedPlugin) -> Iterator[Finding]:
    """Compare every catalogue with the texts in the code, and with the descriptions that Telegram shows."""
    folder = package_folder(plugin)
    if folder is None:
        return
    try:
        sources = dict(_sources(folder)) | {(text,): place for text, place in _declared(plugin)}
    except SyntaxError as error:  # of a module that nothing imports
        yield Finding("package-syntax", f"{error.filename}:{error.lineno}", f"{error.msg}.", "mend it or delete it.")
        return
    for file in sorted((folder / "locales").glob("*.po")):
        yield from _check_catalogue(file, f"{plugin.package}/locales/{file.name}", sources)


def _check_catalogue(file: Path, where: str, sources: dict[Key, str]) -> Iterator[Finding]:
    from babel import UnknownLocaleError
    from babel.messages.pofile import PoFileError, read_po

    try:
        with file.open("rb") as content:
            catalogue = read_po(content, locale=file.stem, abort_invalid=True)
    except (PoFileError, UnknownLocaleError, ValueError) as error:
        yield Finding("texts-unreadable", where, f"is no catalogue: {error}.", "mend it with a gettext tool.")
        return
    entries = {_key(message): message for message in catalogue if message.id}
    for key, place in sources.items():
        if key not in entries:
            yield Finding("texts-missing", where, f"has no {key[0]!r} ({place}).", "add its translation.")
    for key, message in entries.items():
        yield from _check_entry(where, key, message, known=key in sources)


def _check_entry(where: str, key: Key, message: Entry, known: bool) -> Iterator[Finding]:
    forms = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    if not known:
        yield Finding(
            "texts-stale", where, f"translates {key[0]!r}, which no code says.", "take it out, or correct it.",
            fatal=False,
        )  # fmt: skip
    elif message.fuzzy:
        yield Finding("texts-fuzzy", where, f"{key[0]!r} is fuzzy and not used.", "check it and take the mark away.")
    elif not all(forms):
        yield Finding("texts-missing", where, f"{key[0]!r} has an empty translation.", "translate it.")
    else:
        allowed = [set(PLACEHOLDER.findall(text)) for text in key]
        for form in forms:
            if set(PLACEHOLDER.findall(form)) not in allowed:
                yield Finding(
                    "texts-placeholders", where,
                    f"{key[0]!r} fills in {', '.join(sorted(set().union(*allowed))) or 'nothing'}, its translation "
                    f"{', '.join(sorted(set(PLACEHOLDER.findall(form)))) or 'nothing'}.", "use the same names.",
                )  # fmt: skip


def _key(message: Entry) -> Key:
    return tuple(message.id) if isinstance(message.id, (tuple, list)) else (message.id,)


def _declared(plugin: LoadedPlugin) -> Iterator[tuple[str, str]]:
    """What Telegram's command menu and the core's pages show."""
    for item in plugin.declared.routes:
        if isinstance(item, Command) and isinstance(item.description, Message):
            yield item.description, f"description of /{item.name}"
        elif isinstance(item, MenuItem) and isinstance(item.text, Message):
            yield item.text, "menu item"
    for name, text in plugin.declared.introduction.texts():
        if isinstance(text, Message):
            yield text, f"{name} of the plugin"


def _sources(folder: Path) -> Iterator[tuple[Key, str]]:
    for file in sorted(folder.rglob("*.py")):
        tree = ast.parse(file.read_bytes(), str(file))
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            place = f"{file.relative_to(folder.parent)}:{node.lineno}"
            for key in _texts_of(node):
                yield key, place


def _texts_of(call: ast.Call) -> Iterable[Key]:
    """The texts of one call of t, nt or N_, with both arms of a condition; other arguments are no constants."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("t", "N_") and call.args:
        return [(text,) for text in _constants(call.args[0])]
    if name == "nt" and len(call.args) >= 3:  # singular, plural, number
        return zip(_constants(call.args[0]), _constants(call.args[1]), strict=False)
    return ()


def _constants(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*_constants(node.body), *_constants(node.orelse)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
