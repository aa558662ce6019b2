"""Reading of forms, urlencoded and multipart, that may be broken in any way."""

from __future__ import annotations

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web_request import FileField

from .files import MAX_UPLOAD
from .params import Params, Upload

# What aiohttp raises for a broken form: no boundary, bad headers, an unknown charset, an early end.
_BROKEN = (ValueError, LookupError, AssertionError, BadHttpMessage, EOFError)


class FormError(ValueError):
    """The body is no form."""


class FileTooLarge(FormError):
    """A file is larger than Telegram takes."""


async def read_form(request: web.Request, params: Params) -> None:
    """Add the fields and files of the request's form to `params`. Raises FormError."""
    try:
        form = await request.post()
    except _BROKEN:
        raise FormError("the body cannot be read as a form") from None
    for name, value in form.items():
        if isinstance(value, FileField):
            data = value.file.read()
            if len(data) > MAX_UPLOAD:
                raise FileTooLarge(f"the file {name} is larger than {MAX_UPLOAD >> 20} MB")
            params.files[name] = Upload(data, value.filename or name, value.content_type)
        elif isinstance(value, str):
            params.values[name] = value
        else:
            params.values[name] = bytes(value).decode(errors="replace")
