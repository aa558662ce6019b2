"""Reading of forms, urlencoded and multipart, that may be broken in any way."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import HTTP

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


def read_parts(content_type: str, body: bytes, params: Params) -> None:
    """Add the fields and files of a multipart body that is there as a whole. Raises FormError."""
    header = content_type.encode("latin-1", "replace")
    form = message_from_bytes(b"Content-Type: " + header + b"\r\n\r\n" + body, EmailMessage, policy=HTTP)
    if not form.is_multipart():
        raise FormError("the body cannot be read as a form")
    for part in form.iter_parts():
        name, data = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(data, bytes):
            continue
        file_name = part.get_filename()
        if file_name is None:
            params.values[name] = data.decode()
        else:
            params.files[name] = Upload(data, file_name, part.get_content_type())
