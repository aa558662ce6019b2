"""Texts as Telegram takes them: HTML with its few tags, and a limit of 4096 UTF-16 units after entities."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from astral_core import limits
from astral_core.errors import EffectError, HandlerError
from astral_core.i18n import fill

TAGS = frozenset({
    "b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "span", "tg-spoiler", "a", "tg-emoji", "code", "pre",
    "blockquote",
})  # fmt: skip


# One tag as Telegram reads it: a name and attributes. Everything else that begins with "<" it refuses.
_TAG = re.compile(
    r"""<(?:(?P<close>/)\s*(?P<closed>[a-z-]+)\s*|(?P<opened>[a-z-]+)(?:\s+[a-z-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=]+))?)*\s*)>""",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#\d+|#x[0-9a-f]+);", re.IGNORECASE)
_PIECE = re.compile(f"{_TAG.pattern}|{_ENTITY.pattern}|.", re.IGNORECASE | re.DOTALL)


def utf16(text: str) -> int:
    """Length in UTF-16 units, as Telegram counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def text_length(text: str) -> int:
    """The length of a text as Telegram counts it: UTF-16 units, of a Markup without its tags."""
    return utf16(visible(text) if isinstance(text, Markup) else text)


def cut(text: str, limit: int = limits.TEXT, end: str = "…") -> str:
    """`text`, or as much of it as has `limit` units with `end` behind it. A Markup stays one: its tags are closed."""
    if text_length(text) <= limit:
        return text
    room = limit - utf16(end)
    if room < 0:
        end, room = "", max(limit, 0)
    if not isinstance(text, Markup):
        return _head(text, room).rstrip() + end
    kept, opened = _kept(text, room)
    closed = "".join(f"</{name}>" for name in reversed(opened))
    return Markup(f"{kept}{html.escape(end, quote=False)}{closed}")  # noqa: S704  # what is kept is HTML already


def _kept(text: str, room: int) -> tuple[str, list[str]]:
    """The beginning of HTML with `room` visible units, and the tags that are open at its end."""
    kept: list[str] = []
    opened: list[str] = []
    for found in _PIECE.finditer(text):
        if found["close"]:
            opened.pop()
        elif found["opened"]:
            opened.append(found["opened"].lower())
        else:
            room -= utf16(html.unescape(found[0]) if len(found[0]) > 1 else found[0])
            if room < 0:
                break
        kept.append(found[0])
    return "".join(kept), opened


def _head(text: str, room: int) -> str:
    """The first `room` units of plain text, with no half of a character."""
    return text.encode("utf-16-le", "surrogatepass")[: room * 2].decode("utf-16-le", "ignore")


def visible(text: str) -> str:
    """What the reader sees of HTML; EffectError where it is badly tagged."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), _without_tags(text))


def check_html(text: str, limit: int) -> str:
    """`text` itself; EffectError where it is empty, too long or badly tagged."""
    length = utf16(visible(text).strip())
    if length > limit:
        raise EffectError(f"the text has {length} UTF-16 units, Telegram allows {limit}. Fix: split it.")
    if not length and limit == limits.TEXT:
        raise EffectError("the text is empty. Fix: say something, or send nothing.")
    return text


def parts(text: str, limit: int) -> list[str]:
    """Cut HTML into messages of at most `limit`: between paragraphs, else lines, else words, never inside a tag.

    A message is at least half full if it can be. What has no place to cut stays whole.
    """
    found = []
    while utf16(visible(text)) > limit:
        places = [place for gap in ("\n\n", "\n", " ") if (place := _place(text, gap, limit))]
        if not places:
            break
        place = next((one for one in places if 2 * utf16(visible(text[:one])) >= limit), max(places))
        found.append(text[:place].rstrip())
        text = text[place:].lstrip()
    return [*found, text]


def _place(text: str, gap: str, limit: int) -> int | None:
    """The last place of `gap` before which there are whole tags, and at most `limit` units to read."""
    places = [found.start() for found in re.finditer(re.escape(gap), text)]
    for place in reversed(places):
        try:
            if 0 < utf16(visible(text[:place])) <= limit:
                return place
        except EffectError:  # a tag is open here
            continue
    return None


def _without_tags(text: str) -> str:
    """What the reader sees, entities not yet resolved; EffectError where a tag is unknown or does not nest."""
    if "<" not in text:
        return text
    opened: list[str] = []

    def tag(found: re.Match[str]) -> str:
        name = (found["closed"] or found["opened"]).lower()
        if name not in TAGS:
            raise EffectError(
                f"<{name}> is not one of Telegram's tags. Fix: write &lt;, or put the text in as a value."
            )
        if not found["close"]:
            opened.append(name)
        elif not opened or opened.pop() != name:
            raise EffectError(f"</{name}> closes nothing. Fix: nest the tags.")
        return ""

    visible = _TAG.sub(tag, text)
    if opened:
        raise EffectError(f"<{opened[-1]}> is never closed. Fix: write </{opened[-1]}> where it ends.")
    if "<" in visible:
        place = visible[visible.index("<") :][:20]
        raise EffectError(f"{place!r} begins with a bare '<'. Fix: write &lt;, or put the text in as a value.")
    return visible


def sendable(text: str, values: Mapping[str, Any]) -> str:
    """`text` with `values` in it; EffectError where it is no text, cannot be filled in or would be refused."""
    if not isinstance(text, str):
        raise EffectError(f"the text is of the type {type(text).__name__}. Fix: give a str.")
    try:
        filled = fill(text, dict(values))
    except (HandlerError, LookupError, ValueError, AttributeError, TypeError) as error:
        raise EffectError(f"the text cannot be filled in ({error!r}). Fix: give each value.") from error
    return check_html(filled, limits.TEXT)
