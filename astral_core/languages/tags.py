"""Names of languages: one spelling for what Telegram, file names and settings write in different ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

SOURCE = "en"  # the language of the texts in the code
_TAG = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|[0-9]{3}))?", re.IGNORECASE)


def canonical(tag: str) -> str:
    """`tag` as gettext and Babel write it: "pt_BR" of "pt-br", "zh_Hans" of "zh-hans". ValueError if it is no tag."""
    found = _TAG.fullmatch(tag.strip())
    if found is None:
        raise ValueError(
            f"{tag[:40]!r} is not the code of a language. Fix: write one such as en, de, pt-br or zh-hans"
        )
    language, script, region = found.groups()
    return "_".join(filter(None, (language.lower(), (script or "").title(), (region or "").upper())))


def lineage(language: str) -> Iterator[str]:
    """The language itself, then what it is a form of: "zh_Hans_CN", "zh_Hans", "zh"."""
    while language:
        yield language
        language = language.rpartition("_")[0]


@lru_cache(1024)  # asked for each update
def pick(wanted: str | None, spoken: tuple[str, ...], default: str) -> str:
    """The spoken language nearest to `wanted`, a tag from outside; `default` if none is near.

    "pt-br" is pt_BR, else pt. A bare "pt" is also content with pt_BR.
    """
    try:
        language = canonical(wanted or "")
    except ValueError:
        return default
    for one in lineage(language):
        if one in spoken:
            return one
    if "_" in language:
        return default
    return next((one for one in spoken if one.startswith(f"{language}_")), default)
