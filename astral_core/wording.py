"""What a bot says of itself: the texts that its owner may change, and what plugins add to the core's pages."""

from __future__ import annotations

import difflib
import string
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from markupsafe import Markup, escape
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from astral_core import limits
from astral_core.errors import DeclarationError, EffectError
from astral_core.i18n import Message, fill
from astral_core.languages.tags import canonical, lineage
from astral_core.markup import utf16, visible

TOLD_LIMIT = 1_000  # UTF-16 units that a plugin's text may have: all plugins share a page
NAME_LIMIT = 64
_ODD = "x=y z='\"<>"  # a value with all that could break a tag
# What each text of an owner may fill in.
PLACEHOLDERS: Mapping[str, tuple[str, ...]] = {
    "bot": (),
    "start": ("name", "bot", "version", "plugins"),
    "menu": ("name", "bot", "version"),
    "help": ("name", "bot", "version", "commands"),
    "about": ("name", "bot", "version", "plugins"),
    "privacy": ("name", "bot", "version", "core", "plugins", "kept"),
    "forget": ("name", "bot", "version", "kept"),
    "forgotten": ("bot", "version", "done", "kept"),
    "fallback": ("name", "bot", "version"),
}
_BRACES = "Fix: write {{ and }} for braces that are to be read"


class Wording(BaseModel):
    """Texts that the bot says in place of the core's own. They are HTML."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    bot: str | None = Field(default=None, description="the bot's name; else the one that Telegram shows")
    start: str | None = Field(
        default=None, description="the greeting of /start; {plugins} is how the plugins introduce themselves"
    )
    menu: str | None = Field(default=None, description="what is above the menu when a button led back to it")
    help: str | None = Field(default=None, description="/help; {commands} is the list of commands")
    about: str | None = Field(default=None, description="/about; {plugins} is what the plugins say of themselves")
    privacy: str | None = Field(
        default=None, description="/privacy; {core} and {plugins} are lists of what is kept, {kept} is as in `forget`"
    )
    forget: str | None = Field(default=None, description="the question of /forget; {kept} is what a deletion leaves")
    forgotten: str | None = Field(
        default=None,
        description="the answer after a deletion; {done} says whether all is deleted, {kept} what is not",
    )
    fallback: str | None = Field(default=None, description="the answer to what the bot did not understand")

    @field_validator("*")
    @classmethod
    def _sayable(cls, value: str | None, info: ValidationInfo) -> str | None:
        if isinstance(value, str) and info.field_name is not None:
            _check_own(info.field_name, value)
        return value


class OwnTexts(Wording):
    """The bot's own words, for every language; `[texts.<language>]` has those of one language."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, Wording] = Field(init=False)

    @model_validator(mode="before")
    @classmethod
    def _by_language(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        found: dict[str, Any] = {}
        for key, value in given.items():
            name = key if key in cls.model_fields else _language(key, value)
            if name in found:
                raise ValueError(f"{key!r} and another key mean the same language. Fix: write one table")
            found[name] = value
        return found

    @property
    def languages(self) -> Mapping[str, Wording]:
        """The tables of single languages, by their codes as gettext writes them: "de", "pt_BR"."""
        return self.__pydantic_extra__ or {}

    def find(self, key: str, language: str) -> str | None:
        """The owner's text for `language`, for its base (pt of pt-br), or for all; None if there is none."""
        places = (*(self.languages.get(one) for one in lineage(language)), self)
        texts = (getattr(place, key) for place in places if place is not None)
        return next((text for text in texts if text is not None), None)


def _language(key: str, value: object) -> str:
    """The code that `key` means; ValueError where it is neither a text nor a language."""
    try:
        code = canonical(key)
    except ValueError:
        code = ""
    if not (isinstance(value, Mapping) and code):
        raise ValueError(f"{_no_text(key)}. Those of one language are in a table of their own, such as [texts.de]")
    unknown = next((name for name in value if name not in PLACEHOLDERS), None)
    if unknown is not None:
        raise ValueError(f"{_no_text(f'{key}.{unknown}', unknown)}")
    return code


def _no_text(path: str, name: str | None = None) -> str:
    known = ", ".join(PLACEHOLDERS)
    return f"there is no text {path!r}.{_did_you_mean(name or path, PLACEHOLDERS)} Known texts: {known}"


def _check_own(key: str, text: str) -> None:
    """ValueError where the bot could not say an owner's text."""
    if key == "bot":
        if not text.strip() or len(text) > NAME_LIMIT:
            raise ValueError(f"has {len(text.strip())} characters. Fix: a name has 1 to {NAME_LIMIT}")
        return
    allowed = PLACEHOLDERS[key]
    for name in placeholders(text):
        if name not in allowed:
            known = ", ".join(f"{{{one}}}" for one in allowed)
            raise ValueError(f"{{{name}}} is not filled in here.{_did_you_mean(name, allowed)} Allowed: {known}")
    _check_html(fill(text, dict.fromkeys(allowed, _ODD)))
    _check_html(fill(text, dict.fromkeys(allowed, "")), limits.TEXT)
    if not text.strip():
        raise ValueError("is empty. Fix: write a text, or take the line out")


def _check_html(text: str, limit: int | None = None) -> None:
    try:
        length = utf16(visible(text))
    except EffectError as error:
        raise ValueError(str(error).rstrip(".")) from None
    if limit is not None and length > limit:
        raise ValueError(f"has {length} UTF-16 units, at most {limit} are allowed. Fix: shorten it")


def _did_you_mean(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def placeholders(text: str) -> list[str]:
    """The names in `{...}`; ValueError for a brace alone, or for more than a name."""
    try:
        found = [item for item in string.Formatter().parse(text) if item[1] is not None]
    except ValueError as error:
        raise ValueError(f"{error}. {_BRACES}") from None
    for _, name, spec, conversion in found:
        if not (name and name.isidentifier()) or spec or conversion:
            more = (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise ValueError(f"{{{name}{more}}} is not just a name. {_BRACES}")
    return [str(name) for _, name, _, _ in found]


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a plugin says of itself on the core's pages: the arguments of `Plugin` with these names."""

    about: str | None = None
    greeting: str | None = None
    personal: str | None = None
    kept: str | None = None

    def check(self, plugin: str) -> None:
        """DeclarationError where a page could not show a text."""
        for name, text in self.texts():
            if not isinstance(text, str):
                what = f"Plugin({name}=...) is of the type {type(text).__name__}."
                raise DeclarationError(plugin, what, 'give a text, N_("...").')
            if name == "greeting" and not text:
                continue
            try:
                _check_told(text)
            except ValueError as error:
                raise DeclarationError(plugin, f"Plugin({name}=...) {error}.") from None

    def texts(self) -> Iterator[tuple[str, object]]:
        """(name, text) of each text that is given; `check` sees to it that it is one."""
        for item in fields(self):
            text = getattr(self, item.name)
            if text is not None:
                yield item.name, text

    @property
    def greets(self) -> str | None:
        """What /start says of the plugin."""
        return self.about if self.greeting is None else self.greeting


def _check_told(text: str) -> None:
    if not text.strip():
        raise ValueError("is empty. Fix: write a sentence, or leave it out")
    shown: str = text
    if isinstance(text, Message):
        unknown = sorted(set(placeholders(text)) - {"bot"})
        if unknown:
            raise ValueError(f"has the placeholder {{{unknown[0]}}}. Fix: only {{bot}}, the bot's name, is filled in")
        shown = fill(text, {"bot": _ODD})
    shown = shown if isinstance(text, (Message, Markup)) else escape(shown)
    _check_html(shown, TOLD_LIMIT)
