"""The interpretation texts of a language, and sentences composed where no text was written for a case.

The texts are TOML files in `texts/<language>/`. Nested tables become dotted keys and lists numbered ones:
`[sun] gemini = "..."` is `sun.gemini`. A written text always wins; the phrase tables (`planet.*`, `sign.*`,
`house.*`, `kind.*`) cover every remaining case, so that no lookup can come back empty.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from astral_natal.model import PLANETS, SIGNS

LANGUAGES = ("ru", "en")
NATURES = {
    "conjunction": "conjunction",
    "sextile": "harmonious",
    "trine": "harmonious",
    "square": "tense",
    "opposition": "tense",
}
"""The nature of an aspect kind: it names the written text of a pair."""

BODIES = (*PLANETS, "node")
"""The bodies that the texts know, in the order in which the two of an aspect are named."""
ANGLES = ("asc", "mc")

SLOW = ("uranus", "neptune", "pluto")
"""Bodies that stay in a sign for years: it says little about one person, their house says more."""

_ALIASES = {"true_node": "node", "mean_node": "node"}


def text_body(body: str) -> str:
    """The name under which the texts know a chart's `body`: both lunar nodes are `node`."""
    return _ALIASES.get(body, body)


def lexicon(language: str) -> Mapping[str, str]:
    """All texts for a language tag such as `ru` or `en-GB`, by dotted key; English for any other tongue."""
    primary = language.lower().replace("_", "-").partition("-")[0]
    return _load(primary if primary in LANGUAGES else "en")


@cache
def _load(language: str) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    folder = resources.files("astral_natal") / "texts" / language
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if not entry.name.endswith(".toml"):
            continue
        for key, text in _flatten(tomllib.loads(entry.read_text(encoding="utf-8"))):
            if key in texts:
                raise ValueError(f"texts/{language}/{entry.name}: {key} is already written in another file")
            texts[key] = text
    return MappingProxyType(texts)


def _flatten(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
        return
    items: Iterator[tuple[object, object]]
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    else:
        raise TypeError(f"text {key} is {type(value).__name__}; write a string, a table or a list of strings")
    for name, inner in items:
        yield from _flatten(inner, f"{key}.{name}" if key else str(name))


def sign_text(texts: Mapping[str, str], body: str, sign: int) -> str:
    """What `body` means in the sign with this index of `SIGNS`."""
    name = SIGNS[sign]
    written = texts.get(f"{body}.{name}")
    if written is not None:
        return written
    shared = (texts[f"planet.{body}.shared"],) if body in SLOW else ()
    return " ".join((texts[f"planet.{body}.about"], *shared, texts[f"sign.{name}.tone"]))


def house_text(texts: Mapping[str, str], body: str, house: int) -> str:
    """What `body` means in the house 1..12."""
    written = texts.get(f"{body}.house.{house}")
    return written or f"{texts[f'house.{house}.area']} {texts[f'planet.{body}.house']}"


def ordered(first: str, second: str) -> tuple[str, str]:
    """Two bodies under their text names, in the order of `BODIES`."""
    low, high = sorted((text_body(first), text_body(second)), key=BODIES.index)
    return low, high


def aspect_key(first: str, second: str, kind: str) -> str:
    """The key of a pair's written text, such as `aspect.sun.saturn.tense`."""
    low, high = ordered(first, second)
    return f"aspect.{low}.{high}.{NATURES[kind]}"


def aspect_text(
    texts: Mapping[str, str], first: str, second: str, kind: str, used: Counter[str] | None = None
) -> str:
    """What an aspect of this kind between two bodies means; their order does not matter.

    `used` counts the wordings that a reading has had, and is updated: composed texts then do not repeat
    themselves while there is another wording left.
    """
    written = texts.get(aspect_key(first, second, kind))
    if written is not None:
        return written
    low, high = ordered(first, second)
    used = Counter() if used is None else used
    roles = texts["frame.roles"].format(
        first=texts[f"planet.{low}.called"],
        second=texts[f"planet.{high}.called"],
        first_role=_wording(texts, f"planet.{low}.role", used),
        second_role=_wording(texts, f"planet.{high}.role", used),
    )
    meeting = _wording(texts, f"kind.{kind}.text", used)
    advice = _wording(texts, f"planet.{high}.{'tense' if NATURES[kind] == 'tense' else 'gift'}", used)
    return f"{capitalized(roles)} {meeting} {advice}"


def _wording(texts: Mapping[str, str], key: str, used: Counter[str]) -> str:
    wordings = sum(1 for each in texts if each.startswith(f"{key}."))
    text = texts[f"{key}.{used[key] % wordings}"]
    used[key] += 1
    return text


def capitalized(text: str) -> str:
    """The text with its first letter upper-case and the rest untouched."""
    return text[:1].upper() + text[1:]
