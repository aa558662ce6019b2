"""Writes templates and catalogues: the same texts give the same file, to the byte, on every machine.

So there is no date in a header, no line number and no path of a machine.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from astral_core.errors import TextsError
from astral_core.languages.po import Fault, Key, Reading, forms_of, key_of, plural_line, read, split_header
from astral_core.languages.tags import SOURCE
from astral_core.texts.project import Target
from astral_core.texts.sources import Source

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

_HEADER = """\
# {title}
msgid ""
msgstr ""
"Project-Id-Version: {domain}\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
{plurals}"""


@dataclass(frozen=True)
class Written:
    """What became of a file: whether it is new or other than before, and what is left to do in it."""

    path: Path
    changed: bool
    texts: int
    missing: int
    fuzzy: int
    obsolete: int


def write_template(target: Target) -> Written:
    """Write all source texts of a package, without a translation."""
    header = _HEADER.format(title=f"Texts of {target.domain}.", domain=target.domain, language="", plurals="")
    content = f"{header}\n{_body(_template(target.sources, None))}"
    changed = _write(target.template, content)
    return Written(target.template, changed, len(target.sources), len(target.sources), 0, 0)


def update(target: Target, language: str) -> Written | None:
    """Bring a catalogue up to date with the code, or begin it; None if there is nothing to translate in it.

    Translations, comments of translators and the header stay. What the code does not say any more is kept at the end,
    marked as obsolete. TextsError if the file has a mistake, which would be lost: it is not touched then.
    """
    path = target.file(language)
    before = path.read_bytes() if path.is_file() else b""
    reading = read(before, language, str(path))
    if reading.faults:
        raise TextsError(f"{_list(reading.faults)}\n{path} is left as it is.")
    wanted = _wanted(target, language, reading)
    if not wanted and not before:
        return None
    catalog = reading.catalog
    catalog.update(_template(wanted, language))
    _tidy(catalog)
    header = split_header(before.decode("utf-8-sig")) or _new_header(target, language)
    changed = _write(path, f"{header}\n{_body(catalog)}")
    entries = [entry for entry in catalog if entry.id]
    missing = [entry for entry in entries if not entry.fuzzy and not all(map(str.strip, forms_of(entry)))]
    fuzzy = sum(bool(entry.fuzzy) for entry in entries)
    return Written(path, changed, len(entries), len(missing), fuzzy, len(catalog.obsolete))


def _wanted(target: Target, language: str, reading: Reading) -> Mapping[Key, Source]:
    """All texts of one's own package; of another's those that it lacks, and those that the owner changed."""
    if not target.is_owners or language == SOURCE:
        return target.sources
    has = {key for file in target.catalogs.files(language) if file.is_own
           for key in file.read(language).translated}  # fmt: skip
    changed = {key_of(entry) for entry in reading.catalog if entry.id and any(forms_of(entry))}
    return {key: source for key, source in target.sources.items() if key not in has or key in changed}


def _template(sources: Mapping[Key, Source], language: str | None) -> Catalog:
    from babel.messages.catalog import Catalog  # see po.py

    catalog = Catalog(locale=language)
    for key, source in sources.items():
        catalog.add(
            key if len(key) > 1 else key[0],
            locations=[(file, 0) for file in source.files],
            auto_comments=source.notes,
        )
    _tidy(catalog)
    return catalog


def _tidy(catalog: Catalog) -> None:
    """Take out what would mislead: a guess at an empty text, an old text that nobody had translated."""
    for entry in catalog:
        entry.flags.discard("python-format")  # a percent sign is no format here
        if entry.id and not any(map(str.strip, forms_of(entry))):
            entry.flags.discard("fuzzy")
    for key in [key for key, entry in catalog.obsolete.items() if not any(map(str.strip, forms_of(entry)))]:
        del catalog.obsolete[key]


def _body(catalog: Catalog) -> str:
    from babel.messages.pofile import write_po  # see po.py

    file = io.BytesIO()
    write_po(file, catalog, width=0, omit_header=True, include_lineno=False)
    return file.getvalue().decode("utf-8").strip("\n") + "\n"


def _new_header(target: Target, language: str) -> str:
    from babel import Locale  # see po.py

    name = Locale.parse(language).english_name or language
    plurals = f'"{plural_line(language)}\\n"\n'
    title = f"{name} texts of {target.domain}."
    return _HEADER.format(title=title, domain=target.domain, language=language, plurals=plurals)


def _list(faults: Iterable[Fault]) -> str:
    return "\n".join(map(str, faults))


def _write(path: Path, content: str) -> bool:
    """Write a file in one go, if it is other than what is there; whether it was."""
    data = content.encode("utf-8")
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True
