"""Buttons under messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Button:
    """A button with exactly one action. Made by `ctx.button`, `ctx.link` and `ctx.pay_button`."""

    text: str
    data: str | None = None
    url: str | None = None
    pay: bool = False

    def as_json(self) -> dict[str, Any]:
        """The Bot API's InlineKeyboardButton."""
        if self.pay:
            return {"text": self.text, "pay": True}
        return {"text": self.text, "url": self.url} if self.url else {"text": self.text, "callback_data": self.data}


Buttons = Sequence[Sequence[Button]]


def plain(text: str) -> str:
    """Text without HTML escapes, as buttons and answers take it."""
    return text.unescape() if isinstance(text, Markup) else text


def rows(buttons: Iterable[Button], width: int) -> list[list[Button]]:
    """Buttons in rows of `width`."""
    items = list(buttons)
    return [items[start : start + width] for start in range(0, len(items), width)]


def keyboard(buttons: Buttons) -> dict[str, Any]:
    """The Bot API's InlineKeyboardMarkup; empty rows are left out."""
    return {"inline_keyboard": [[button.as_json() for button in row] for row in buttons if row]}
