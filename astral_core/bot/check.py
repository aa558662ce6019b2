"""Checks of outgoing messages, so that a mistake fails in the handler that made it, not later at Telegram.

Limits are the Bot API's: text 4096 and caption 1024 UTF-16 units after entities, callback data 64 bytes,
8 buttons a row, 100 buttons.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from astral_core.bot.buttons import Button
from astral_core.errors import EffectError

TEXT_LIMIT, CAPTION_LIMIT, ANSWER_LIMIT, DATA_LIMIT = 4096, 1024, 200, 64
TAGS = frozenset(
    (
        "b",
        "strong",
        "i",
        "em",
        "u",
        "ins",
        "s",
        "strike",
        "del",
        "span",
        "tg-spoiler",
        "a",
        "tg-emoji",
        "code",
        "pre",
        "blockquote",
    )
)


# One tag as Telegram reads it: a name and attributes. Everything else that begins with "<" it refuses.
_TAG = re.compile(
    r"""<(?:(?P<close>/)\s*(?P<closed>[a-z-]+)\s*|(?P<opened>[a-z-]+)(?:\s+[a-z-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=]+))?)*\s*)>""",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#\d+|#x[0-9a-f]+);", re.IGNORECASE)


def utf16(text: str) -> int:
    """Length in UTF-16 units, as Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def check_html(text: str, limit: int) -> str:
    """`text` itself; EffectError where it is empty, too long or badly tagged."""
    visible = _ENTITY.sub(lambda found: html.unescape(found[0]), _without_tags(text))
    length = utf16(visible.strip())
    if length > limit:
        raise EffectError(f"the text has {length} UTF-16 units, Telegram allows {limit}. Fix: split it.")
    if not length and limit == TEXT_LIMIT:
        raise EffectError("the text is empty.")
    return text


def _without_tags(text: str) -> str:
    """What the reader sees, entities not yet resolved; EffectError where a tag is unknown or does not nest."""
    if "<" not in text:
        return text
    opened: list[str] = []

    def tag(found: re.Match[str]) -> str:
        name = (found["closed"] or found["opened"]).lower()
        if name not in TAGS:
            raise EffectError(
                f"<{name}> is not one of Telegram's tags. Fix: escape text with ctx.t(..., name=value)."
            )
        if not found["close"]:
            opened.append(name)
        elif not opened or opened.pop() != name:
            raise EffectError(f"</{name}> closes nothing. Fix: nest the tags.")
        return ""

    visible = _TAG.sub(tag, text)
    if opened:
        raise EffectError(f"<{opened[-1]}> is never closed.")
    if "<" in visible:
        place = visible[visible.index("<") :][:20]
        raise EffectError(f"{place!r} begins with a bare '<'. Fix: escape text with ctx.t(..., name=value).")
    return visible


def plain_values(method: str, value: Any, place: str = "") -> Any:
    """`value` with translated texts as Telegram wants them: HTML beside `parse_mode` HTML, and plain text elsewhere.

    EffectError where JSON would change a value in silence: bytes become letters there, NaN and infinity null.
    """
    if isinstance(value, Mapping):
        html_here = str(value.get("parse_mode", "")).upper() == "HTML"
        return {
            key: str(item)
            if html_here and isinstance(item, Markup)
            else plain_values(method, item, f"{place}.{key}" if place else str(key))
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [plain_values(method, item, f"{place}[{number}]") for number, item in enumerate(value)]
    if isinstance(value, Markup):
        return value.unescape()
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise EffectError(f"{method}: {place} is bytes. Fix: send files with ctx.send_photo or ctx.send_document.")
    if isinstance(value, float) and not math.isfinite(value):
        raise EffectError(f"{method}: {place} is {value}, which is no number for Telegram.")
    return value


def check_buttons(rows: Sequence[Sequence[Button]], *, invoice: bool = False) -> None:
    """EffectError where Telegram would refuse the keyboard."""
    if sum(len(row) for row in rows) > 100 or any(len(row) > 8 for row in rows):
        raise EffectError("a keyboard has at most 100 buttons, 8 in a row.")
    for number, button in enumerate(button for row in rows for button in row):
        if not button.text:
            raise EffectError("a button has no text.")
        if button.pay and (number or not invoice):
            raise EffectError("a pay button must be the first button of an invoice.")
        if not button.pay and (button.data is None) == (button.url is None):
            raise EffectError(f"button {button.text!r} must have exactly one action.")
        if button.data is not None and not 1 <= len(button.data.encode()) <= DATA_LIMIT:
            raise EffectError(
                f"button {button.text!r} carries {len(button.data.encode())} bytes, not 1-{DATA_LIMIT}."
            )
