"""Checks of outgoing messages, so that a mistake fails in the handler that made it, not later at Telegram.

Limits are the Bot API's: caption 1024 UTF-16 units after entities, callback data 64 bytes, 8 buttons a row,
100 buttons. Texts are checked by `astral_core/markup.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from astral_core.bot.buttons import Button
from astral_core.errors import EffectError

CAPTION_LIMIT, ANSWER_LIMIT, DATA_LIMIT = 1024, 200, 64


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
