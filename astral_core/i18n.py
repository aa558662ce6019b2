"""Texts in the user's language: marked in the code, translated and filled in where they are shown.

The source text is English and is in the code; catalogues hold the other languages (`astral_core/languages`).
"""

from __future__ import annotations

import gettext
import re
import string
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

from astral_core.errors import HandlerError

_TAG = re.compile(r"<[^<>]*>")


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
    try:
        return _checked(template).format(**{key: _Escaped(value) for key, value in values.items()})
    except KeyError as error:
        raise HandlerError(
            f"the text {template[:80]!r} wants {{{error.args[0]}}}; given are {', '.join(values)}."
        ) from None
