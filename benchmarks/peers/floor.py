"""The floor: a bare aiohttp handler, with what every bot must do at least and nothing else.

It checks the secret and reads the body. For the button ``press:edit`` it also parses the body and makes the two
calls of the Bot API with aiohttp; for ``press:noop`` it parses; anything else is answered unread ("bare").
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

PORT, SECRET, TOKEN, API = (os.environ[f"BENCH_{name}"] for name in ("PORT", "SECRET", "TOKEN", "API"))
PARSED = os.environ.get("BENCH_PARSED", "1") == "1"
KEYBOARD = {"inline_keyboard": [[{"text": "Again", "callback_data": "press:edit"}]]}
SESSION = web.AppKey("session", aiohttp.ClientSession)


async def call(session: aiohttp.ClientSession, method: str, params: dict[str, object]) -> None:
    """One call of the Bot API, its answer read and parsed."""
    async with session.post(f"{API}/bot{TOKEN}/{method}", json=params) as answer:
        await answer.json()


async def handle(request: web.Request) -> web.Response:
    """What every webhook must do at least."""
    given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
    if not hmac.compare_digest(given.encode(), SECRET.encode()):
        return web.Response(status=403)
    body = await request.read()
    if not PARSED:
        return web.Response()
    query = json.loads(body)["callback_query"]
    if query["data"] == "press:edit":
        session, message = request.app[SESSION], query["message"]
        await call(session, "answerCallbackQuery", {"callback_query_id": query["id"]})
        where = {"chat_id": message["chat"]["id"], "message_id": message["message_id"]}
        await call(session, "editMessageText", {**where, "text": "Pressed", "reply_markup": KEYBOARD})
    return web.Response()


async def client(app: web.Application) -> AsyncIterator[None]:
    """One client session for all calls."""
    async with aiohttp.ClientSession() as session:
        app[SESSION] = session
        yield


if __name__ == "__main__":
    server = web.Application()
    server.cleanup_ctx.append(client)
    server.router.add_post("/webhook/telegram", handle)
    web.run_app(server, host="127.0.0.1", port=int(PORT), access_log=None, print=None)
