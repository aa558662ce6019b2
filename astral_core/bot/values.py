"""Parameters of a call as plain JSON, with the files that were among them beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from astral_core.bot.buttons import Button, Keyboard, is_foreign, keyboard
from astral_core.bot.uploads import Attached, Upload
from astral_core.botapi.table import table
from astral_core.errors import EffectError

# Members of objects that take "attach://<name>", by the Bot API's InputMedia, InputSticker and their like.
_NESTED = frozenset((
    "media", "thumbnail", "cover", "photo", "sticker", "animation", "video", "audio", "document", "voice",
    "live_photo",
))  # fmt: skip

_READ = (("text", "entities"), ("caption", "caption_entities"))  # what `parse_mode` is about


def plain_values(method: str, value: Any, attached: Attached | None = None) -> Any:
    """`value` with translated texts as Telegram wants them: HTML beside `parse_mode` HTML, and plain text elsewhere.

    Files go into `attached`; where that is None, none may be there. EffectError where JSON would change a value in
    silence: bytes become letters there, NaN and infinity null.
    """
    return _Plain(method, attached).value(value, "")


class _Plain:
    def __init__(self, method: str, attached: Attached | None) -> None:
        self._method = method
        self._attached = attached

    def value(self, value: Any, place: str, name: str = "") -> Any:
        """One value; `place` says where it is, `name` is the member that has it."""
        if isinstance(value, Mapping):
            return self._object(value, place)
        if isinstance(value, (list, tuple)):
            if name == "reply_markup":
                return self._buttons(value)
            return [self.value(item, f"{place}[{number}]") for number, item in enumerate(value)]
        if isinstance(value, Markup):
            return value.unescape()
        if isinstance(value, (bytes, bytearray, memoryview, Path, Upload)):
            return self._file(value, place, name)
        if isinstance(value, Button):
            return value.as_json()
        if isinstance(value, Keyboard):
            return value.markup
        if is_foreign(value):
            raise EffectError(
                f"{self._method}: {place} is python-telegram-bot's {type(value).__name__}. Fix: pass .to_dict(), or "
                "what ctx.button, ctx.keyboard and their siblings make."
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise EffectError(f"{self._method}: {place} is {value}, which is no number for Telegram.")
        return value

    def _object(self, value: Mapping[Any, Any], place: str) -> dict[Any, Any]:
        html_here = str(value.get("parse_mode", "")).upper() == "HTML"
        if not place and self._means_html(value):
            value, html_here = {**value, "parse_mode": "HTML"}, True
        return {
            key: str(item)
            if html_here and isinstance(item, Markup)
            else self.value(item, f"{place}.{key}" if place else str(key), str(key))
            for key, item in value.items()
        }

    def _means_html(self, value: Mapping[Any, Any]) -> bool:
        """Whether the text of a call is Markup, and nothing says how Telegram is to read it."""
        known = table().method(self._method)
        if known is None or "parse_mode" not in known[1].parameters or "parse_mode" in value:
            return False
        return any(isinstance(value.get(text), Markup) and entities not in value for text, entities in _READ)

    def _buttons(self, value: Any) -> Any:
        """Rows of buttons as the markup that they are meant for."""
        if any(isinstance(button, Button) for row in value if isinstance(row, (list, tuple)) for button in row):
            return keyboard(value)
        return [self.value(item, f"reply_markup[{number}]") for number, item in enumerate(value)]

    def _file(self, value: Any, place: str, name: str) -> str:
        """What stands for a file in the JSON."""
        nested = place != name
        if self._attached is None or not (name in _NESTED if nested else _takes_file(self._method, name)):
            raise EffectError(
                f"{self._method}: {place} is a file ({type(value).__name__}), where none belongs. Fix: pass text, "
                "and send files with ctx.send_document and its siblings."
            )
        return self._attached.put(value, place, name if not nested else None)


def _takes_file(method: str, name: str) -> bool:
    """Whether a parameter takes an upload; one that the table does not know may."""
    known = table().method(method)
    field = known[1].parameters.get(name) if known is not None else None
    return field is None or "InputFile" in field.type
