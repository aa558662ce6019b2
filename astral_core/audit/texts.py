"""What is wrong with a plugin's catalogues: what they lack, what they keep, what they fill in."""

from __future__ import annotations

from collections.abc import Iterator

from astral_core.audit.package import package_folder
from astral_core.finding import Finding
from astral_core.host.state import LoadedPlugin
from astral_core.languages.catalogs import Catalogs
from astral_core.languages.po import Fault, Key, Reading, forms_of, key_of
from astral_core.texts.sources import Source, declared, sources_of

_CODES = {
    "unreadable": "texts-unreadable",
    "language": "texts-language",
    "place": "texts-language",
    "plurals": "texts-plurals",
    "placeholders": "texts-placeholders",
    "html": "texts-html",
}


def check_texts(plugin: LoadedPlugin) -> Iterator[Finding]:
    """Compare every catalogue with the texts in the code, and with the descriptions that Telegram shows."""
    folder = package_folder(plugin)
    if folder is None:
        return
    try:
        sources = {**sources_of(folder), **dict(declared(plugin))}
    except SyntaxError as error:  # of a module that nothing imports
        yield Finding("package-syntax", f"{error.filename}:{error.lineno}", f"{error.msg}.", "mend it or delete it.")
        return
    catalogs = Catalogs(plugin.package)
    yield from (_finding(fault) for fault in catalogs.misplaced())
    for language in catalogs.languages():
        for file in catalogs.files(language):
            yield from _check_catalogue(file.read(language), file.where, sources)


def _check_catalogue(reading: Reading, where: str, sources: dict[Key, Source]) -> Iterator[Finding]:
    yield from map(_finding, reading.faults)
    entries = {key_of(entry): entry for entry in reading.catalog if entry.id}
    for key, source in sources.items():
        if key not in entries:
            yield Finding("texts-missing", where, f"has no {key[0]!r} ({source.places[0]}).", "add its translation.")
    for key, entry in entries.items():
        if key not in sources:
            cause, fix = f"translates {key[0]!r}, which no code says.", "take it out, or correct it."
            yield Finding("texts-stale", where, cause, fix, fatal=False)
        elif entry.fuzzy:
            fix = "check it and take the mark away."
            yield Finding("texts-fuzzy", where, f"{key[0]!r} is fuzzy and not used.", fix)
        elif not all(form.strip() for form in forms_of(entry)):
            yield Finding("texts-missing", where, f"{key[0]!r} has an empty translation.", "translate it.")
        elif key in reading.broken:
            yield _finding(reading.broken[key])


def _finding(fault: Fault) -> Finding:
    return Finding(_CODES[fault.kind], fault.where, fault.cause, fault.fix)
