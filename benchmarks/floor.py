"""The floor: a bare aiohttp handler that checks the secret, reads the body and answers 200. Run as a process."""

from __future__ import annotations

import hmac
import sys

from aiohttp import web

HEADER = "X-Telegram-Bot-Api-Secret-Token"


async def handle(request: web.Request) -> web.Response:
    """What every webhook must do at least."""
    if not hmac.compare_digest(request.headers.get(HEADER, "").encode(), sys.argv[2].encode()):
        return web.Response(status=403)
    await request.read()
    return web.Response()


if __name__ == "__main__":
    app = web.Application()
    app.router.add_post("/webhook/telegram", handle)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
