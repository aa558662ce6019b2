"""Files of messages, checked and recorded: one, or several as an album."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from astral_core.bot.buttons import Buttons
from astral_core.bot.options import common, silence, with_caption
from astral_core.errors import EffectError
from astral_core.inbox.address import Address
from astral_core.inbox.effect import Effect, Ref

if TYPE_CHECKING:
    from astral_core.bot.effects import Effects

PHOTO_LIMIT, DOCUMENT_LIMIT = 10 * 1024 * 1024, 50 * 1024 * 1024


def file(
    effects: Effects,
    plugin: str,
    address: Address,
    method: str,
    field: str,
    content: bytes | str,
    caption: str,
    buttons: Buttons | None,
    **options: Any,
) -> Ref:
    """A new message with a file: bytes to upload, or a file_id or an address."""
    to = effects.to(plugin, address, method)
    params = {**to, **with_caption(caption), **common(buttons), **silence(options)}
    if not isinstance(content, str):
        data = file_bytes(field, content, PHOTO_LIMIT if field == "photo" else DOCUMENT_LIMIT)
        return effects.add(Effect(method=method, params=params, plugin=plugin, attachment=field, **options), data)
    params[field] = content
    return effects.add(Effect(method=method, params=params, plugin=plugin, **options))


def album(
    effects: Effects, plugin: str, address: Address, photos: Sequence[bytes | str], caption: str, **options: Any
) -> Ref:
    """Several pictures as one album; the caption stands under the first."""
    if not 2 <= len(photos) <= 10:
        raise EffectError(f"an album has 2 to 10 pictures, this one {len(photos)}.")
    media: list[dict[str, Any]] = []
    files: dict[str, bytes] = {}
    for number, photo in enumerate(photos):
        name = f"photo{number}"
        if not isinstance(photo, str):
            files[name] = file_bytes("photo", photo, PHOTO_LIMIT)
        media.append({"type": "photo", "media": photo if isinstance(photo, str) else f"attach://{name}"})
    media[0] |= {**with_caption(caption), "parse_mode": "HTML"}
    params = {**effects.to(plugin, address, "sendMediaGroup"), "media": media, **silence(options)}
    data = msgspec.msgpack.encode(files) if files else None
    return effects.add(Effect(method="sendMediaGroup", params=params, plugin=plugin, **options), data)


def file_bytes(field: str, content: object, limit: int) -> bytes:
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise EffectError(f"{field} is {type(content).__name__}. Fix: pass bytes, a file_id or an address.")
    data = bytes(content)
    if not 0 < len(data) <= limit:
        raise EffectError(f"the file has {len(data)} bytes; Telegram takes 1 to {limit}.")
    return data
