"""The languages of a whole bot: which it speaks, which of them it offers to people, and what is wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from astral_core.languages.catalogs import Catalogs, owners_files
from astral_core.languages.po import Fault
from astral_core.languages.tags import SOURCE, pick

SHARE = 0.5  # of all texts: from there on a language is offered


class Languages:
    """What a bot can say, of its core and of all plugins that take part.

    All of it is worked out when it is first asked for. That reads files: a running bot asks before its first update.
    """

    def __init__(
        self, catalogs: Mapping[str, Catalogs], default: str = SOURCE, listed: Sequence[str] | None = None,
        owners: Path | None = None, packages: Collection[str] = (),
    ) -> None:  # fmt: skip
        """`default` and `listed` are the owner's settings; `packages` those that files in `owners` may be for."""
        self.catalogs = catalogs
        self._default = default
        self._listed = listed
        self._owners = owners
        self._packages = packages

    @cached_property
    def spoken(self) -> tuple[str, ...]:
        """Every language in which there is some text, the source language first."""
        found = {language for catalogs in self.catalogs.values() for language in catalogs.languages()}
        return (SOURCE, *sorted(found - {SOURCE}))

    @cached_property
    def own(self) -> str:
        """The bot's own language, for people whose own is not offered."""
        return self._default if self._default in self.spoken else SOURCE

    @cached_property
    def offered(self) -> tuple[str, ...]:
        """The languages that people may have: those that the owner lists, else those with half of all texts."""
        if self._listed is not None:
            found = [language for language in self._listed if language in self.spoken]
            return tuple(dict.fromkeys([*found, self.own]))
        return tuple(one for one in self.spoken if one in (SOURCE, self.own) or self.share(one) >= SHARE)

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What the offered languages call themselves: "Deutsch"."""
        return {language: own_name(language) for language in self.offered}

    @cached_property
    def menus(self) -> Mapping[str, str]:
        """The language of each command menu by Telegram's code, which has two letters; "" is for everybody else."""
        own, found = self.own.partition("_")[0], {"": self.own}
        for language in self.offered:
            code = language.partition("_")[0]
            if len(code) == 2 and code != own:
                found.setdefault(code, language)
        return found

    def share(self, language: str) -> float:
        """How much of all texts is translated, from 0 to 1. The source language has all."""
        total = sum(len(catalogs.known()) for catalogs in self.catalogs.values())
        if language == SOURCE or not total:
            return float(language == SOURCE)
        found = (len(one.known() & one.translated(language)) for one in self.catalogs.values())
        return sum(found) / total

    def pick(self, wanted: str | None) -> str:
        """The offered language nearest to `wanted`, a tag such as "pt-br"; else the bot's own."""
        return pick(wanted, self.offered, self.own)

    def read(self) -> list[Fault]:
        """Read and compile all that people can be told; what is wrong with it."""
        for language in self.names:
            for catalogs in self.catalogs.values():
                catalogs.for_language(language)
        return list(self.faults())

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the settings, with the owner's folder, and with single catalogues."""
        yield from self.surroundings()
        for catalogs in self.catalogs.values():
            yield from catalogs.faults()

    def surroundings(self) -> Iterator[Fault]:
        """What is wrong with the settings and with the owner's folder."""
        yield from self._settings()
        if self._owners is not None and self._owners.is_dir():
            try:
                yield from _strangers(self._owners, self._packages)
            except OSError as error:
                where = f"locales/{Path(error.filename or '').name}"
                yield Fault("unreadable", where, f"cannot be read: {error.strerror}.", "let the bot read it.")

    def _settings(self) -> Iterator[Fault]:
        wanted = [("language", self._default), *(("languages", one) for one in self._listed or ())]
        for where, language in wanted:
            if language not in self.spoken:
                near = next(iter(difflib.get_close_matches(language, self.spoken, n=1)), None)
                hint = f"did you mean {near!r}?" if near else f"there are {', '.join(self.spoken)}."
                fix = f"{hint} `astral texts update {language}` begins a translation."
                yield Fault("language", where, f"nothing speaks {language!r}; it is left out.", fix)


def own_name(language: str) -> str:
    """What a language calls itself, as a heading: "Português (Brasil)"."""
    if language == SOURCE:
        return "English"
    from babel import Locale  # see po.py

    name = Locale.parse(language).get_display_name(language) or language
    return name[0].upper() + name[1:]


def _strangers(folder: Path, packages: Collection[str]) -> Iterator[Fault]:
    """What lies in the owner's folder and is for nobody."""
    for name, file in owners_files(folder):
        if file.stem not in packages:
            near = next(iter(difflib.get_close_matches(file.stem, list(packages), n=1)), None)
            fix = f"did you mean {near}.po?" if near else "call it as the plugin's package: astral_core.po, say."
            yield Fault("place", f"locales/{name}/{file.name}", "is for no installed package.", fix)
    for file in sorted(folder.glob("*.po")):
        fix = f"put it into a folder of its language, by the name of its package: locales/{file.stem}/astral_core.po."
        yield Fault("place", f"locales/{file.name}", "is read by nobody.", fix)
