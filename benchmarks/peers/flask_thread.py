"""The architecture of the bot that Astral replaces: Flask in one thread, python-telegram-bot's loop in another.

Every post is answered 200 at once; its update is handed to the loop with `run_coroutine_threadsafe`.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import threading
from typing import Any

from flask import Flask, request  # type: ignore[import-not-found]
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import Application, CallbackQueryHandler, ContextTypes

PORT, SECRET, TOKEN, API = (os.environ[f"BENCH_{name}"] for name in ("PORT", "SECRET", "TOKEN", "API"))
KEYBOARD = InlineKeyboardMarkup([[InlineKeyboardButton("Again", callback_data="press:edit")]])


async def noop(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Nothing."""


async def edit(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Two calls: stop the button's spinner, change the message."""
    query = update.callback_query
    if query is not None:
        await query.answer()
        await query.edit_message_text("Pressed", reply_markup=KEYBOARD)


def serve(application: Application[Any, Any, Any, Any, Any, Any], loop: asyncio.AbstractEventLoop) -> None:
    """Flask's own threaded server, for ever."""
    server = Flask(__name__)

    def webhook() -> tuple[str, int]:
        given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        if not hmac.compare_digest(given.encode(), SECRET.encode()):
            return "", 403
        update = Update.de_json(request.get_json(), application.bot)
        asyncio.run_coroutine_threadsafe(application.process_update(update), loop)
        return "", 200

    server.add_url_rule("/webhook/telegram", view_func=webhook, methods=["POST"])
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request would be measured too
    server.run("127.0.0.1", int(PORT), threaded=True)


async def main() -> None:
    """Run the bot's loop; Flask runs beside it."""
    application = Application.builder().token(TOKEN).base_url(f"{API}/bot").updater(None).build()
    application.add_handler(CallbackQueryHandler(noop, pattern="^press:noop$"))
    application.add_handler(CallbackQueryHandler(edit, pattern="^press:edit$"))
    async with application:
        await application.start()
        loop = asyncio.get_running_loop()
        threading.Thread(target=serve, args=(application, loop), daemon=True).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
