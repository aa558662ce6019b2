"""The bot of `peers/ptb.py` in a plugin: the same handlers, the same calls."""

from __future__ import annotations

from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import Application, CallbackQueryHandler, ContextTypes

from astral_core import Plugin

KEYBOARD = InlineKeyboardMarkup([[InlineKeyboardButton("Again", callback_data="press:edit")]])


async def noop(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Nothing."""


async def edit(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Two calls: stop the button's spinner, change the message."""
    query = update.callback_query
    if query is not None:
        await query.answer()
        await query.edit_message_text("Pressed", reply_markup=KEYBOARD)


def setup(application: Application[Any, Any, Any, Any, Any, Any]) -> None:
    """As in `build` of the peer."""
    application.add_handler(CallbackQueryHandler(noop, pattern="^press:noop$"))
    application.add_handler(CallbackQueryHandler(edit, pattern="^press:edit$"))


plugin = Plugin()
plugin.ptb(setup)
