"""Stock python-telegram-bot with httpx, in the two forms of server that its users run.

Run as a process: ``ptb.py tornado`` is its own `run_webhook`; ``ptb.py aiohttp`` is the "custom webhook" of its
examples over aiohttp. Where to listen and what to call stands in BENCH_* of the environment, as for every peer.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import re
import sys
from typing import Any

from aiohttp import web
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import Application, CallbackQueryHandler, ContextTypes

PORT, SECRET, TOKEN, API = (os.environ[f"BENCH_{name}"] for name in ("PORT", "SECRET", "TOKEN", "API"))
ROUTES = int(os.environ["BENCH_ROUTES"])
PATH = "webhook/telegram"
KEYBOARD = InlineKeyboardMarkup([[InlineKeyboardButton("Again", callback_data="press:edit")]])


async def noop(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Nothing."""


async def edit(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Two calls: stop the button's spinner, change the message."""
    query = update.callback_query
    if query is not None:
        await query.answer()
        await query.edit_message_text("Pressed", reply_markup=KEYBOARD)


async def send(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Many messages to many chats: the count and the first chat stand in the button."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    count, first = (int(part) for part in query.data.split("/")[1:])
    for chat in range(first, first + count):
        await context.bot.send_message(chat, "Hello")


def build() -> Application[Any, Any, Any, Any, Any, Any]:
    """The bot; BENCH_CONCURRENT is how many updates it handles at once, one unless said otherwise."""
    builder = Application.builder().token(TOKEN).base_url(f"{API}/bot")
    builder = builder.concurrent_updates(int(os.environ.get("BENCH_CONCURRENT", "1")))
    application = builder.build() if sys.argv[1] == "tornado" else builder.updater(None).build()
    for number in range(ROUTES):
        application.add_handler(CallbackQueryHandler(noop, pattern=re.compile(f"^press:route{number}$")))
    application.add_handler(CallbackQueryHandler(noop, pattern="^press:noop$"))
    application.add_handler(CallbackQueryHandler(edit, pattern="^press:edit$"))
    application.add_handler(CallbackQueryHandler(send, pattern="^press:send/"))
    return application


async def serve_aiohttp(application: Application[Any, Any, Any, Any, Any, Any]) -> None:
    """Put every update into the bot's queue, as the examples do."""

    async def webhook(request: web.Request) -> web.Response:
        given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        if not hmac.compare_digest(given.encode(), SECRET.encode()):
            return web.Response(status=403)
        await application.update_queue.put(Update.de_json(await request.json(), application.bot))
        return web.Response()

    server = web.Application()
    server.router.add_post(f"/{PATH}", webhook)
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    async with application:
        await application.start()
        await web.TCPSite(runner, "127.0.0.1", int(PORT)).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    bot = build()
    if sys.argv[1] == "tornado":
        bot.run_webhook(
            "127.0.0.1", int(PORT), PATH, webhook_url=f"http://127.0.0.1:{PORT}/{PATH}", secret_token=SECRET
        )
    else:
        asyncio.run(serve_aiohttp(bot))
