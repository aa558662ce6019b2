"""Texts in the user's language: gettext catalogues, compiled in memory.

The source text is English and stands in the code; `<package>/locales/ru.po` holds the Russian. An owner changes
any text with a catalogue of the same form: `locales/ru/<package>.po` beside astral.toml.
"""

from __future__ import annotations

import gettext
import importlib.util
import io
import re
import string
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

SOURCE_LANGUAGE = "en"


_TAG = re.compile(r"<[^>]*>")


class Message(str):
    """A source text that is translated where it is shown, and is HTML. Made by `N_`."""

    __slots__ = ()


def N_(text: str) -> Message:  # noqa: N802  # gettext's own name for it
    """Mark a source text (English), so that whoever shows it translates it: `ctx.reply(N_("Done."))`."""
    return Message(text)


def html(template: str, /, **values: Any) -> Markup:
    """HTML with `values` put into its `{placeholders}`, escaped unless they are Markup themselves."""
    return Markup(fill(template, values))  # noqa: S704  # the template is code, the values are escaped


class Texts:
    """The texts of one package in one language."""

    __slots__ = ("_catalog", "language")

    def __init__(self, catalog: gettext.NullTranslations, language: str) -> None:
        self._catalog = catalog
        self.language = language

    def t(self, text: str, /, **values: Any) -> Markup:
        """`text` in this language; `values` fill its `{placeholders}` and are escaped for HTML."""
        return Markup(fill(self._catalog.gettext(text), values))  # noqa: S704  # catalogues are ours

    def nt(self, singular: str, plural: str, n: int, /, **values: Any) -> Markup:
        """The form that `n` demands in this language; `{n}` is filled in."""
        text = self._catalog.ngettext(singular, plural, n)
        return Markup(fill(text, {"n": n, **values}))  # noqa: S704  # the same

    def shown(self, text: str) -> str:
        """`text` as HTML: Markup as it is, a Message translated, any other text escaped."""
        if isinstance(text, Markup):
            return str(text)
        return self._catalog.gettext(text) if isinstance(text, Message) else str(escape(text))

    def plain(self, text: str) -> str:
        """`text` where Telegram takes no HTML: on buttons, in answers to presses. Tags are left out."""
        if isinstance(text, Message):
            text = Markup(self._catalog.gettext(text))  # noqa: S704  # the same
        if not isinstance(text, Markup):
            return str(text)
        return Markup(_TAG.sub("", text)).unescape()  # noqa: S704  # the same


class Catalogs:
    """The catalogues of one package, by language; read at first use."""

    def __init__(self, package: str, override: Path | None = None) -> None:
        self._package = package
        self._override = override
        self._read: dict[str, gettext.NullTranslations] = {}

    def languages(self) -> tuple[str, ...]:
        """The languages that the package speaks, the source language first."""
        folder = self._folder()
        names = [item.name for item in folder.iterdir()] if folder is not None and folder.is_dir() else []
        return (SOURCE_LANGUAGE, *sorted(name[:-3] for name in names if name.endswith(".po")))

    def _folder(self) -> Traversable | None:
        try:
            spec = importlib.util.find_spec(self._package)
        except ValueError:  # a module made by hand has no spec
            return None
        if spec is None or spec.submodule_search_locations is None:
            return None  # a plugin in one file has no folder of texts
        return resources.files(self._package).joinpath("locales")

    def for_language(self, language: str) -> gettext.NullTranslations:
        """The catalogue of `language`; the source text itself where there is none."""
        if language not in self._read:
            self._read[language] = self._load(language)
        return self._read[language]

    def _load(self, language: str) -> gettext.NullTranslations:
        folder = self._folder()
        own = folder.joinpath(f"{language}.po") if folder is not None else None
        catalog = _compile(own.read_bytes(), language) if own and own.is_file() else gettext.NullTranslations()
        changed = self._override and self._override / language / f"{self._package}.po"
        if changed and changed.is_file():
            top = _compile(changed.read_bytes(), language)
            top.add_fallback(catalog)
            return top
        return catalog


def _compile(content: bytes, language: str) -> gettext.NullTranslations:
    # Babel takes 50 ms to import: a bot that speaks only the source language never needs it.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(content), locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class _Escaped:
    """A value on its way into a template: formatted as it is told, then escaped."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __format__(self, spec: str) -> str:
        return str(escape(format(self._value, spec) if spec else self._value))

    def __repr__(self) -> str:
        return str(escape(repr(self._value)))

    __str__ = __repr__


@lru_cache(4096)
def _checked(template: str) -> str:
    """The template itself. ValueError if a placeholder is more than a name: a text must not reach into a value."""
    for _, field, spec, _ in string.Formatter().parse(template):
        if field is not None and not (field.isidentifier() and "{" not in (spec or "")):
            raise ValueError(f"the placeholder {{{field}}} is no plain name in {template[:80]!r}")
    return template


def fill(template: str, values: dict[str, Any]) -> str:
    """Put `values` into `{placeholders}`, escaped for HTML unless they are Markup."""
    if not values:
        return template
    return _checked(template).format(**{key: _Escaped(value) for key, value in values.items()})


def pick(wanted: str | None, spoken: tuple[str, ...], default: str) -> str:
    """The spoken language nearest to `wanted` (an IETF tag such as "ru" or "pt-br"), else `default`."""
    base = (wanted or "").lower().partition("-")[0]
    return base if base in spoken else default
