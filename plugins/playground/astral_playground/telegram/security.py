"""Who may talk to the emulator: this machine, by a loopback name, and pages of its own origin.

A foreign page in the developer's browser could otherwise post to 127.0.0.1, or read from it after having its own
host name resolve to 127.0.0.1 (DNS rebinding).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import web

_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_SAFE = frozenset({"GET", "HEAD"})
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _refusal(request: web.Request) -> str:
    """Why the request is refused, empty when it is not."""
    host = request.headers.get("Host", "")
    if not _LOOPBACK.fullmatch(host):
        return f"the host {host[:80]!r} is not a name of this machine; use http://127.0.0.1:<port>"
    if request.method in _SAFE and not request.path.startswith(("/bot", "/file/bot")):
        return ""
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{host}":
        return f"the origin {origin[:80]!r} is another one; only the playground's own page may call this"
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        return "the request comes from another site; only the playground's own page may call this"
    return ""


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse foreign hosts and origins with 403."""
    refusal = _refusal(request)
    if refusal:
        return web.json_response({"error": refusal, "field": None}, status=403)
    return await handler(request)
