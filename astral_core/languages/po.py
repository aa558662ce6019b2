"""One gettext catalogue: read with care, checked text by text, compiled without what is wrong.

A catalogue comes from a translator, and a translator makes mistakes. One bad text, one bad line or one bad header
costs that text or that line, never the file and never the bot.
"""

from __future__ import annotations

import gettext
import io
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from astral_core import limits
from astral_core.errors import EffectError
from astral_core.markup import check_html

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog
    from babel.messages.catalog import Message as Entry

Key = tuple[str, ...]  # a source text, or its singular and plural
Kind = Literal["unreadable", "language", "plurals", "placeholders", "html", "place"]
_NUMBERS = (*range(1001), 10_000, 1_000_000)  # for which a plural rule is tried
_BEGINS = re.compile(r"\s*(?:#~\s*)?msg(?:id|ctxt)\s")
_SOURCE = re.compile(r"\s*(?:#~\s*)?msgid\s")
_TRANSLATION = re.compile(r"\s*(?:#~\s*)?msgstr\b")
_CONTINUES = re.compile(r'\s*(?:#~\s*)?(?:"|msgstr\b)')
_LINE = re.compile(r'(?:#.*|(?:msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?)?\s*"(?:[^"\\]|\\.)*"|)')
_HEADER = re.compile(r'^\s*msgid\s+((?:"[^\n]*"\s*)+)', re.MULTILINE)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a catalogue. What it is about is left out; another language stands in for it."""

    kind: Kind
    where: str
    cause: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.cause} Fix: {self.fix}"


@dataclass(frozen=True)
class Reading:
    """A catalogue as it was read. `catalog` holds all entries, also the `broken` ones; `faults` are of the file."""

    catalog: Catalog
    faults: list[Fault] = field(default_factory=list)
    broken: dict[Key, Fault] = field(default_factory=dict)

    @property
    def translated(self) -> frozenset[Key]:
        """The texts that can be used."""
        keys = (key_of(entry) for entry in self.catalog if entry.id and is_translated(entry))
        return frozenset(keys) - self.broken.keys()

    def compiled(self) -> gettext.NullTranslations:
        """What can be used, for gettext."""
        from babel.messages.catalog import Catalog
        from babel.messages.mofile import write_mo

        usable, clean = self.translated, Catalog(locale=self.catalog.locale)
        clean.mime_headers = self.catalog.mime_headers  # the rule for plurals among them
        for entry in self.catalog:
            if entry.id and key_of(entry) in usable:
                clean[entry.id] = entry
        file = io.BytesIO()
        write_mo(file, clean)
        file.seek(0)
        return gettext.GNUTranslations(file)


def read(content: bytes, language: str, where: str) -> Reading:
    """Read a catalogue. `where` names the file in what is found wrong; nothing is raised."""
    text, faults = _decoded(content, where), list[Fault]()
    if isinstance(text, Fault):
        return Reading(_parsed("", language), [text])
    try:
        catalog = _parsed(text, language)
        _check_plurals(catalog)
    except Exception:  # noqa: BLE001  # Babel raises what comes when it reads nonsense
        catalog, faults = _piece_by_piece(text, language, where)
    broken = {}
    for entry in catalog:
        fault = check_entry(entry, where) if entry.id and not entry.fuzzy else None
        if fault is not None:
            broken[key_of(entry)] = fault
    return Reading(catalog, faults, broken)


def key_of(entry: Entry) -> Key:
    """The source text of an entry, or both of its forms."""
    return tuple(entry.id) if isinstance(entry.id, (tuple, list)) else (str(entry.id),)


def forms_of(entry: Entry) -> tuple[str, ...]:
    """The translations of an entry: one, or one for each plural form of the language."""
    found = entry.string if isinstance(entry.string, (tuple, list)) else (entry.string,)
    return tuple(form or "" for form in found)


def is_translated(entry: Entry) -> bool:
    """Whether somebody has translated the entry in full and does not doubt it; a text of a context is nobody's."""
    return not entry.fuzzy and entry.context is None and all(form.strip() for form in forms_of(entry))


def check_entry(entry: Entry, where: str) -> Fault | None:
    """The first thing that is wrong with a translation."""
    key, forms = key_of(entry), forms_of(entry)
    if not any(form.strip() for form in forms):
        return None  # nobody has translated it
    if not all(form.strip() for form in forms):
        cause = f"{key[0]!r} has {sum(map(bool, forms))} of {len(forms)} plural forms."
        return Fault("plurals", where, cause, "translate all of them.")
    allowed = [_placeholders(text) for text in key]
    for form in forms:
        found = _placeholders(form)
        if found not in allowed and None not in allowed:
            wanted = set[str]().union(*(names or () for names in allowed))
            cause = f"{key[0]!r} fills in {_named(wanted)}, its translation {_named(found)}."
            return Fault("placeholders", where, cause, "use the same names.")
        problem = _html_problem(form)
        if problem is not None and all(_html_problem(text) is None for text in key):
            cause = f"the translation of {key[0]!r} cannot be sent: {problem[0]}"
            return Fault("html", where, cause, problem[1])
    return None


def _placeholders(text: str) -> set[str] | None:
    """What a text fills in, with the format of each; None if it is no template."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return None
    return {
        "{" + name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}"
        for _, name, spec, conversion in parts
        if name is not None
    }


def _named(names: set[str] | None) -> str:
    if names is None:
        return "has a single brace"
    return ", ".join(sorted(names)) or "nothing"


def _html_problem(text: str) -> tuple[str, str] | None:
    """What Telegram would refuse in a text, and what to do about it."""
    try:
        check_html(text, limits.TEXT)
    except EffectError as error:
        cause, _, fix = str(error).partition(" Fix: ")
        return cause, fix or "write it as the source text has it."
    return None


def _decoded(content: bytes, where: str) -> str | Fault:
    try:
        return content.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return Fault("unreadable", f"{where}:{line}", "is not UTF-8.", "save the file as UTF-8.")


def _parsed(text: str, language: str) -> Catalog:
    """Babel's catalogue. Raises whatever Babel raises where `text` is none."""
    # Babel takes 50 ms to import: a bot that speaks only the source language never needs it.
    from babel.messages.pofile import read_po

    for line in text.split("\n"):
        if not _LINE.fullmatch(line.strip()):  # Babel would take it, and lose a letter of it
            raise ValueError(f"{line.strip()[:60]!r} is no line of a catalogue")
    return read_po(io.StringIO(text), locale=language, abort_invalid=True)


def _check_plurals(catalog: Catalog) -> None:
    """ValueError if the header's rule for plurals is none, or gives forms that there are not."""
    rule = gettext.c2py(catalog.plural_expr)
    if not 0 < catalog.num_plurals < 10:
        raise ValueError(f"nplurals={catalog.num_plurals}")
    try:
        wrong = [number for number in _NUMBERS if not 0 <= rule(number) < catalog.num_plurals]
    except ArithmeticError as error:
        raise ValueError(str(error)) from error
    if wrong:
        raise ValueError(f"no form for {wrong[0]}")


def plural_line(language: str) -> str:
    """The header line that says how a language counts."""
    from babel.messages.plurals import get_plural

    return f"Plural-Forms: {get_plural(language).plural_forms}"


def _piece_by_piece(text: str, language: str, where: str) -> tuple[Catalog, list[Fault]]:
    """Read each entry alone, so that a wrong one costs no other."""
    pieces, faults = list(_pieces(text)), list[Fault]()
    header = next((piece for _, piece in pieces if _is_header(piece)), "")
    try:
        _check_plurals(_parsed(header, language))
    except Exception:  # noqa: BLE001  # as above
        fix = f'write "{plural_line(language)}\\n" there, and no other rule.'
        faults.append(Fault("plurals", where, "its header is wrong, most likely the line Plural-Forms.", fix))
        header = ""
    catalog = _parsed(header, language)
    for line, piece in pieces:
        if _is_header(piece):
            continue
        try:
            one = _parsed(f"{header}\n\n{piece}", language)
        except Exception as error:  # noqa: BLE001  # as above
            faults.append(_piece_fault(error, f"{where}:{line}", catalog, language))
            continue
        for entry in one:
            if entry.id:
                catalog[entry.id] = entry
        catalog.obsolete.update(one.obsolete)
    return catalog, faults


def _piece_fault(error: Exception, where: str, catalog: Catalog, language: str) -> Fault:
    said = str(error).partition(" on ")[0].strip().rstrip(".") or type(error).__name__
    if "num_plurals" in said:  # Babel's own word
        cause = f"has more plural forms than {language} has ({catalog.num_plurals})."
        return Fault("plurals", where, cause, "take the others out.")
    return Fault("unreadable", where, f"is no catalogue: {said}.", "correct it; a gettext tool writes it right.")


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Each entry with its comments, and the number of its first line."""
    lines, start, named, translated = list[str](), 1, False, False
    for number, line in enumerate(text.split("\n"), 1):
        ends = translated and line.strip() and not _CONTINUES.match(line)
        if ends or (named and _BEGINS.match(line)):
            yield start, "\n".join(lines)
            lines, named, translated = [], False, False
        if not lines:
            start = number
        if lines or line.strip():
            lines.append(line)
        named = named or _SOURCE.match(line) is not None
        translated = translated or _TRANSLATION.match(line) is not None
    if lines:
        yield start, "\n".join(lines)


def split_header(text: str) -> str:
    """The header of a catalogue with its comments, as it is written; empty if there is none."""
    return next((piece.rstrip() + "\n" for _, piece in _pieces(text) if _is_header(piece)), "")


def _is_header(piece: str) -> bool:
    """Whether the text of a piece is empty, which is how gettext marks the header."""
    found = _HEADER.search(piece)
    return found is not None and not found[1].replace('"', "").strip()
