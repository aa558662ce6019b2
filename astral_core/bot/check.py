"""Checks of outgoing messages, so that a mistake fails in the handler that made it, not later at Telegram.

Limits are the Bot API's: text 4096 and caption 1024 UTF-16 units after entities, callback data 64 bytes,
8 buttons a row, 100 buttons.
"""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser

from astral_core.bot.buttons import Button
from astral_core.errors import EffectError

TEXT_LIMIT, CAPTION_LIMIT, ANSWER_LIMIT = 4096, 1024, 200
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


class _Visible(HTMLParser):
    """Collects what the reader sees, and checks that the tags nest."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag not in TAGS:
            raise EffectError(f"<{tag}> is not one of Telegram's tags. Fix: escape text with ctx.t(..., name=value).")
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise EffectError(f"</{tag}> closes nothing. Fix: nest the tags.")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def utf16(text: str) -> int:
    """Length in UTF-16 units, as Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def check_html(text: str, limit: int) -> str:
    """`text` itself; EffectError where it is empty, too long or badly tagged."""
    if "<" in text or "&" in text:
        parser = _Visible()
        parser.feed(text)
        parser.close()
        if parser.open:
            raise EffectError(f"<{parser.open[-1]}> is never closed.")
        visible = "".join(parser.text)
    else:
        visible = text
    length = utf16(visible.strip())
    if length > limit:
        raise EffectError(f"the text has {length} UTF-16 units, Telegram allows {limit}. Fix: split it.")
    if not length and limit == TEXT_LIMIT:
        raise EffectError("the text is empty.")
    return text


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
