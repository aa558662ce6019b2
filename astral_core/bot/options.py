"""Parameters that messages of every kind have."""

from __future__ import annotations

from typing import Any

from astral_core.bot.buttons import Buttons, keyboard
from astral_core.bot.limits import CAPTION_LIMIT, check_buttons
from astral_core.markup import check_html


def common(buttons: Buttons | None) -> dict[str, Any]:
    common: dict[str, Any] = {"parse_mode": "HTML"}
    if buttons is not None:
        check_buttons(buttons)
        common["reply_markup"] = keyboard(buttons)
    return common


def with_caption(text: str) -> dict[str, Any]:
    return {"caption": check_html(text, CAPTION_LIMIT)} if text else {}


def silence(options: dict[str, Any]) -> dict[str, Any]:
    return {"disable_notification": True} if options.pop("silent", False) else {}
