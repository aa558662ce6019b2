"""How place names are compared and shown: one normal form, everyday abbreviations, words like "city of"."""

from __future__ import annotations

import re
import unicodedata

_MARKS = re.compile("[\u0300-\u036f\u02b9-\u02bc'‘’`ʹ]")
_SPACES = re.compile(r"[ \u2010-\u2015-]+")
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})

# What people write for short; the value is the full name in its normal form.
_SHORT = {
    "спб": "санкт петербург",
    "с петербург": "санкт петербург",
    "питер": "санкт петербург",
    "spb": "saint petersburg",
    "st petersburg": "saint petersburg",
    "мск": "москва",
    "msk": "moscow",
    "екб": "екатеринбург",
    "ебург": "екатеринбург",
    "екат": "екатеринбург",
    "нск": "новосибирск",
    "новосиб": "новосибирск",
    "нн": "нижнии новгород",
    "ннов": "нижнии новгород",
    "н новгород": "нижнии новгород",
    "нижнии": "нижнии новгород",
    "н тагил": "нижнии тагил",
    "в новгород": "великии новгород",
    "рнд": "ростов на дону",
    "ростов н д": "ростов на дону",
    "ростов н/д": "ростов на дону",
    "крск": "красноярск",
    "члб": "челябинск",
    "влг": "волгоград",
    "вдк": "владивосток",
    "влад": "владивосток",
    "хбк": "хабаровск",
    "красдар": "краснодар",
    "п камчатскии": "петропавловск камчатскии",
    "наб челны": "набережные челны",
    "йошка": "иошкар ола",
    "иошка": "иошкар ола",
    "nyc": "new york city",
    "ny": "new york city",
    "new york": "new york city",
    "la": "los angeles",
    "sf": "san francisco",
    "кенигсберг": "калининград",
}

_KIND = re.compile(
    r"^(?:(?:г|гор|п|пос|пгт|рп|с|д|дер|ст|х|аул)\.\s*|"
    r"(?:г|город|городе|поселок|поселке|пгт|село|деревня|станица|хутор|аул|city of|town of|city|town)\s+)"
)


def normalize(text: str) -> str:
    """Return the form in which names are compared: no case, accents, apostrophes or hyphens.

    Letters lose their marks, so "ё" equals "е", "й" equals "и" and "é" equals "e". Tabs, line ends and bars are
    kept, so that a whole table can be normalized at once; only spaces and hyphens are folded together.
    """
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    return _SPACES.sub(" ", bare.casefold().translate(_LETTERS))


def query_form(text: str) -> str:
    """Return what a person typed as a name to look up: normalized, "г." and the like cut, "спб" spelt out."""
    form = normalize(" ".join(text.split())).strip(' .,!?"«»()')
    form = _SHORT.get(form, form)
    bare = _KIND.sub("", form, count=1).strip()
    form = bare or form
    return _SHORT.get(form.replace(".", "").strip(), form)


def title(name: str) -> str:
    """Return a name as it stands on a map: "ростов-на-дону" gives "Ростов-на-Дону"."""
    parts = re.split(r"([ -])", name)
    return "".join(
        part if (i and part.casefold() in _SMALL) else part[:1].upper() + part[1:] for i, part in enumerate(parts)
    )


_SMALL = frozenset({"на", "дель", "ла", "де", "ди", "под", "над", "он", "упон", "апон", "о", "и", "а"})
