"""aiogram as its docs show it: `SimpleRequestHandler` on aiohttp."""

from __future__ import annotations

import os
from typing import Any

from aiogram import Bot, Dispatcher, F  # type: ignore[import-not-found]
from aiogram.client.session.aiohttp import AiohttpSession  # type: ignore[import-not-found]
from aiogram.client.telegram import TelegramAPIServer  # type: ignore[import-not-found]
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup  # type: ignore[import-not-found]
from aiogram.webhook.aiohttp_server import (  # type: ignore[import-not-found]
    SimpleRequestHandler,
    setup_application,
)
from aiohttp import web

PORT, SECRET, TOKEN, API = (os.environ[f"BENCH_{name}"] for name in ("PORT", "SECRET", "TOKEN", "API"))
ROUTES = int(os.environ["BENCH_ROUTES"])
KEYBOARD = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Again", callback_data="press:edit")]])


async def noop(query: Any) -> None:
    """Nothing."""


async def edit(query: Any) -> None:
    """Two calls: stop the button's spinner, change the message."""
    await query.answer()
    await query.message.edit_text("Pressed", reply_markup=KEYBOARD)


def main() -> None:
    """Serve until the process is ended."""
    dispatcher = Dispatcher()
    for number in range(ROUTES):
        dispatcher.callback_query.register(noop, F.data == f"press:route{number}")
    dispatcher.callback_query.register(noop, F.data == "press:noop")
    dispatcher.callback_query.register(edit, F.data == "press:edit")
    bot = Bot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(API)))
    app = web.Application()
    SimpleRequestHandler(dispatcher, bot, secret_token=SECRET).register(app, path="/webhook/telegram")
    setup_application(app, dispatcher, bot=bot)
    web.run_app(app, host="127.0.0.1", port=int(PORT), access_log=None, print=None)


if __name__ == "__main__":
    main()
