"""The chat page: static files without a build step, served under a policy that allows nothing else.

The page talks to the emulator's JSON and SSE interface on the same origin. All text from bots and people is
untrusted; the Content-Security-Policy forbids inline scripts, inline styles, foreign hosts and, by Trusted
Types, every DOM sink that parses HTML, so that a message can never become markup.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Final

from aiohttp import web

HERE: Final = Path(__file__).parent

CONTENT_TYPES: Final = MappingProxyType(
    {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
)

POLICY: Final = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self'; "
    "media-src 'self'; "
    "connect-src 'self'; "
    "base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)

# no-cache: the files change under a running emulator when its author edits them
HEADERS: Final = MappingProxyType(
    {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
)

_FILES: Final = MappingProxyType({path.name: path for path in sorted(HERE.iterdir()) if path.suffix in CONTENT_TYPES})


def _answer(path: Path) -> web.Response:
    # a few kilobytes: to read them takes less time than aiohttp's FileResponse takes to hand the file to a thread
    kind = f"{CONTENT_TYPES[path.suffix]}; charset=utf-8"
    return web.Response(body=path.read_bytes(), headers={**HEADERS, "Content-Type": kind})


async def _index(_request: web.Request) -> web.Response:
    return _answer(_FILES["index.html"])


async def _static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    path = _FILES.get(name)
    if path is None:
        raise web.HTTPNotFound(text=f"The chat page has no file {name!r}.", headers=dict(HEADERS))
    return _answer(path)


def add_page(app: web.Application) -> None:
    """Add the chat page to `app`: `GET /` and `GET /static/{name}`, each with the headers of `HEADERS`.

    Only files that stood beside this module when it was imported are served, by their exact names, so that
    no path can lead elsewhere; any other name is answered 404.
    """
    app.router.add_get("/", _index)
    app.router.add_get("/static/{name}", _static)
