"""Files for the page: pictures and media play in it, everything else is a download."""

from __future__ import annotations

import re
from urllib.parse import quote

from aiohttp import web

from .errors import PageError
from .files import StoredFile
from .state import World

# Types that a browser plays without running anything; others (html, svg, pdf ...) are never shown from our origin.
_PLAYED = frozenset({
    "image/png", "image/jpeg", "image/gif", "image/webp", "video/mp4", "video/webm", "audio/ogg", "audio/mpeg",
    "audio/mp4", "audio/x-m4a", "audio/wav", "audio/x-wav", "audio/flac", "audio/webm",
})  # fmt: skip
_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})", re.ASCII)


def serve_file(world: World, request: web.Request) -> web.Response:
    """The file that the path names by its file_unique_id; a part of it where the browser asks for one."""
    file = world.files.by_unique(request.match_info["unique_id"])
    if file is None:
        raise PageError(404, "there is no such file", "unique_id")
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"}
    kind = file.mime_type.partition(";")[0].strip().lower()
    if file.kind == "document" or kind not in _PLAYED:
        return _download(file, headers)
    return _played(file, kind, headers, request.headers.get("Range", ""))


def _download(file: StoredFile, headers: dict[str, str]) -> web.Response:
    name = quote(file.file_name, safe="")  # RFC 6266, 8187
    headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return web.Response(body=file.data, content_type="application/octet-stream", headers=headers)


def _played(file: StoredFile, kind: str, headers: dict[str, str], wanted: str) -> web.Response:
    """Without parts a browser cannot seek in a film or a sound (RFC 9110, 14)."""
    headers["Accept-Ranges"] = "bytes"
    found, size = _RANGE.fullmatch(wanted), len(file.data)
    if found is None:
        return web.Response(body=file.data, content_type=kind, headers=headers)
    first, last = int(found[1]), min(int(found[2] or size - 1), size - 1)
    if first > last:
        headers["Content-Range"] = f"bytes */{size}"
        return web.Response(status=416, headers=headers)
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return web.Response(status=206, body=file.data[first : last + 1], content_type=kind, headers=headers)
