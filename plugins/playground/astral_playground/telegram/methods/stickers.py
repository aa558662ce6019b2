"""getStickerSet, uploadStickerFile: stickers are those that were sent; sets are made up."""

from __future__ import annotations

import re
from typing import Any

from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.params import Params
from astral_playground.telegram.state import World

from .registry import method

_SET_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


@method("getStickerSet")
def get_sticker_set(_world: World, params: Params) -> dict[str, Any]:
    """A set of that name without stickers: the emulator keeps no sets."""
    name = params.text("name")
    if not _SET_NAME.fullmatch(name):
        raise bad_request("STICKERSET_INVALID")
    return {"name": name, "title": name.replace("_", " "), "sticker_type": "regular", "stickers": []}


@method("uploadStickerFile")
def upload_sticker_file(world: World, params: Params) -> dict[str, Any]:
    """Keep a file for a sticker set."""
    if params.text("sticker_format") not in {"static", "animated", "video"}:
        raise bad_request("Unsupported sticker type specified")
    file = world.files.from_params(params, "sticker", "sticker")
    return {
        "file_id": file.identifier(), "file_unique_id": file.unique(), "file_size": len(file.data),
        "file_path": file.path,
    }  # fmt: skip
