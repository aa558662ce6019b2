"""Files that the page uploads: one, or several that become an album, and what is said about them."""

from __future__ import annotations

import re

from aiohttp import web

from .acts_media import Piece
from .errors import PageError
from .fields import Fields
from .forms import FormError, read_form
from .media import CAPTIONED
from .params import Params

KINDS = ("photo", "video", "animation", "audio", "voice", "video_note", "sticker", "document")
_PART = re.compile(rf"({'|'.join(KINDS)})(_\d{{1,2}})?", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,16}", re.ASCII)
_NUMBERS = ("chat_id", "thread", "reply_to", "duration", "width", "height")
_LONGEST = 24 * 3600  # s
_WIDEST = 10_000  # pixels


async def read_pieces(request: web.Request) -> tuple[list[Piece], Fields]:
    """The files in the order in which they come, and the form's other fields. Raises PageError.

    A part is named by its kind, those after the first with a number: photo, photo_2, video_3.
    """
    form = Params()
    try:
        await read_form(request, form)
    except FormError as error:
        raise PageError(400, str(error), "document") from None
    fields = Fields({name: _value(name, value) for name, value in form.values.items()})
    pieces = _pieces(form, fields)
    if not pieces:
        raise PageError(400, f"send a file in one of the fields {', '.join(KINDS)}", "document")
    return pieces, fields


def _value(name: str, value: str) -> str | int:
    if name not in _NUMBERS:
        return value
    if not _NUMBER.fullmatch(value):
        raise PageError(400, f"{name} must be a whole number", name)
    return int(value)


def _pieces(form: Params, fields: Fields) -> list[Piece]:
    facts = {
        "duration": fields.integer("duration", high=_LONGEST), "width": fields.integer("width", high=_WIDEST),
        "height": fields.integer("height", high=_WIDEST), "title": fields.text("title", limit=64),
        "performer": fields.text("performer", limit=64), "emoji": fields.text("emoji", limit=16),
    }  # fmt: skip
    known = {name: value for name, value in facts.items() if value}
    caption = fields.text("caption")
    found: list[Piece] = []
    for name, upload in form.files.items():
        part = _PART.fullmatch(name)
        if part is None:
            raise PageError(400, f"{name!r} is no kind of file; there are {', '.join(KINDS)}", name[:64])
        kind = part[1]
        said = caption if kind in CAPTIONED and not found else ""
        found.append(Piece(kind, upload.data, said, upload.file_name, upload.mime_type, dict(known)))
    return found
