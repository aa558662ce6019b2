"""The texts of one package: its own catalogues, and on top of them those of the bot's owner."""

from __future__ import annotations

import copy
import gettext
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from astral_core.languages.po import Fault, Key, Reading, key_of, read
from astral_core.languages.tags import SOURCE, canonical, lineage

MANY = 256  # languages whose fallbacks are remembered: a plugin may ask for any name


@dataclass(frozen=True)
class CatalogFile:
    """A catalogue that is there. `where` is its name in messages; the rest of `locales/` is the owner's."""

    where: str
    path: Traversable
    is_own: bool

    def read(self, language: str) -> Reading:
        """What is in it; of a file that cannot be opened, nothing and a fault."""
        try:
            return read(self.path.read_bytes(), language, self.where)
        except OSError as error:
            fault = Fault("unreadable", self.where, f"cannot be read: {error.strerror}.", "let the bot read it.")
            return replace(read(b"", language, self.where), faults=[fault])


@dataclass(frozen=True)
class _Loaded:
    """What is kept of a catalogue once it was read."""

    texts: gettext.NullTranslations
    translated: frozenset[Key]
    known: frozenset[Key]
    faults: list[Fault]
    is_own: bool


class Catalogs:
    """The catalogues of one package, by language; read at first use.

    A text that a language lacks is looked for in what the language is a form of (pt for pt_BR), then in the bot's
    own language, and is at last the source text itself.
    """

    def __init__(
        self, package: str, owners: Path | None = None, *, file: Path | None = None,
        folder: Traversable | None = None, default: str = SOURCE,
    ) -> None:  # fmt: skip
        """`owners` is the owner's folder of texts; `file` a plugin in one file; `default` the bot's own language.

        `folder` is the package's, if it is not to be looked for among those that are installed.
        """
        self.domain = file.stem if file is not None else package
        self._package = package
        self.file = file
        self._folder = folder
        self._owners = owners
        self._default = default
        self._loaded: dict[str, list[_Loaded]] = {}
        self._chains: dict[str, gettext.NullTranslations] = {}

    # --- what there is

    def languages(self) -> tuple[str, ...]:
        """The languages that have a catalogue, behind the source language."""
        return (SOURCE, *sorted(self._scanned[0].keys() - {SOURCE}))

    def files(self, language: str) -> list[CatalogFile]:
        """The catalogues of exactly this language, the owner's first."""
        return self._scanned[0].get(language, [])

    def known(self) -> frozenset[Key]:
        """All texts of the package, as far as its catalogues tell; those of the owner tell where it has none."""
        loaded = [one for language in self.languages() for one in self._load(language)]
        own = [one.known for one in loaded if one.is_own] or [one.known for one in loaded]
        return frozenset[Key]().union(*own)

    def translated(self, language: str) -> frozenset[Key]:
        """The texts that can be shown in a language, or in what it is a form of."""
        return frozenset[Key]().union(*(one.translated for name in lineage(language) for one in self._load(name)))

    def misplaced(self) -> list[Fault]:
        """The catalogues that are not read, because of their names."""
        return self._scanned[1]

    def faults(self) -> list[Fault]:
        """What is wrong with the catalogues. A text with a fault is left out, so that another language is shown."""
        found = [fault for language in self.languages() for one in self._load(language) for fault in one.faults]
        return [*self.misplaced(), *found]

    # --- texts

    def for_language(self, language: str) -> gettext.NullTranslations:
        """The texts of `language`, with what replaces those that it lacks."""
        found = self._chains.get(language)
        if found is None:
            found = self._chain(language)
            if len(self._chains) < MANY:
                self._chains[language] = found
        return found

    def _chain(self, language: str) -> gettext.NullTranslations:
        found = gettext.NullTranslations()
        for name in reversed(list(self._fallbacks(language))):
            for one in reversed(self._load(name)):
                top = copy.copy(one.texts)  # the texts are shared; who replaces them differs
                top.add_fallback(found)
                found = top
        return found

    def _fallbacks(self, language: str) -> Iterator[str]:
        """In the order in which they are asked. Behind the source language nothing comes: it has every text."""
        seen = set[str]()
        for name in (*lineage(language), *lineage(self._default), SOURCE):
            if name not in seen:
                seen.add(name)
                yield name
            if name == SOURCE:
                return

    def _load(self, language: str) -> list[_Loaded]:
        if language not in self._scanned[0]:
            return []
        if language not in self._loaded:
            self._loaded[language] = [_load(file, language) for file in self.files(language)]
        return self._loaded[language]

    # --- files

    @cached_property
    def _scanned(self) -> tuple[dict[str, list[CatalogFile]], list[Fault]]:
        """The files by language, and what is wrong with their names."""
        files, faults = dict[str, list[CatalogFile]](), list[Fault]()
        for name, found in (*self._of_owner(), *self._of_package()):
            language = _language_of(name, found.where)
            if isinstance(language, Fault):
                faults.append(language)
            elif any(other.is_own == found.is_own for other in files.get(language, ())):
                cause = f"is a second catalogue of {language!r}; {files[language][-1].where} is used."
                faults.append(Fault("place", found.where, cause, "put all texts into one of them."))
            else:
                files.setdefault(language, []).append(found)
        return files, faults

    def _of_owner(self) -> Iterator[tuple[str, CatalogFile]]:
        if self._owners is not None:
            yield from _by_folder(self._owners, self.domain, is_own=False)

    def _of_package(self) -> Iterator[tuple[str, CatalogFile]]:
        if self.file is not None:
            folder = self.file.parent / "locales"
            if self._owners is None or folder.resolve() != self._owners.resolve():
                yield from _by_folder(folder, self.domain, is_own=True)
            return
        inside = self._folder or package_folder(self._package)
        locales = inside.joinpath("locales") if inside is not None else None
        if locales is None or not locales.is_dir():
            return
        for item in sorted(locales.iterdir(), key=lambda item: item.name):
            if item.name.endswith(".po"):
                yield item.name[:-3], CatalogFile(f"{self._package}/locales/{item.name}", item, is_own=True)


def package_folder(package: str) -> Traversable | None:
    """The folder of a package; None for a plugin that is a single module."""
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # a module made by hand has no spec
        return None
    if spec is None or spec.submodule_search_locations is None:
        return None
    return resources.files(package)


def owners_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name of the language's folder, file) of every catalogue `<language>/<package>.po` of a bot's owner."""
    for inside in sorted(item for item in folder.iterdir() if item.is_dir()):
        yield from ((inside.name, file) for file in sorted(inside.iterdir()) if file.suffix == ".po")


def _by_folder(folder: Path, domain: str, *, is_own: bool) -> Iterator[tuple[str, CatalogFile]]:
    try:
        for name, file in owners_files(folder) if folder.is_dir() else ():
            if file.stem == domain:
                yield name, CatalogFile(f"locales/{name}/{file.name}", file, is_own)
    except OSError:
        return  # Languages.faults tells of it, once for all packages


def _language_of(name: str, where: str) -> str | Fault:
    """The language of a file or folder, if Babel can write its dates and numbers."""
    try:
        language = canonical(name)
    except ValueError:
        return Fault("language", where, f"{name!r} is not the code of a language.", "call it de, pt_BR or the like.")
    if language != SOURCE:
        from babel import Locale, UnknownLocaleError  # see po.py

        try:
            Locale.parse(language)
        except (UnknownLocaleError, ValueError):
            cause = f"{name!r} is no language that Babel knows, so nothing can be said in it."
            return Fault("language", where, cause, "use the code of the language in ISO 639, such as de or pt_BR.")
    return language


def _load(file: CatalogFile, language: str) -> _Loaded:
    reading = file.read(language)
    keys = frozenset(key_of(entry) for entry in reading.catalog if entry.id)
    faults = [*reading.faults, *reading.broken.values()]
    return _Loaded(reading.compiled(), reading.translated, keys, faults, file.is_own)
