"""A bot of python-telegram-bot as its authors write them: what one spends, by a conversation with buttons.

Everything above the last three lines is such a bot's file without its `main()`.
"""

import logging
from collections import defaultdict
from datetime import date

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.constants import ParseMode
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    CommandHandler,
    ContextTypes,
    ConversationHandler,
    Defaults,
    MessageHandler,
    filters,
)

from astral_core import Plugin

logger = logging.getLogger(__name__)

AMOUNT, CATEGORY, NOTE, CONFIRM = range(4)
CATEGORIES = ["Food", "Home", "Fun"]


def keyboard(*rows: list[str]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(text, callback_data=text.lower()) for text in row] for row in rows]
    )


async def start(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    name = update.effective_user.first_name
    context.bot_data.setdefault("people", set()).add(update.effective_user.id)
    await update.message.reply_text(
        f"Hello <b>{name}</b>! /add notes an expense, /stats sums up, /undo takes one back."
    )


async def add(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    context.user_data["draft"] = {"day": date(2026, 12, 1)}
    await update.message.reply_text("How much was it?")
    return AMOUNT


async def amount(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    context.user_data["draft"]["amount"] = float(update.message.text.replace(",", "."))
    await update.message.reply_text("What was it for?", reply_markup=keyboard(CATEGORIES, ["Back"]))
    return CATEGORY


async def no_amount(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    await update.message.reply_text("A number, please, such as 12.50. /cancel stops.")
    return AMOUNT


async def back(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    query = update.callback_query
    await query.answer()
    await query.edit_message_text("How much was it?")
    return AMOUNT


async def category(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    query = update.callback_query
    await query.answer(f"Noted: {query.data}")
    context.user_data["draft"]["category"] = query.data
    await query.edit_message_text("Anything to add? Write it, or press Skip.", reply_markup=keyboard(["Skip"]))
    return NOTE


async def note(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    if update.callback_query:
        await update.callback_query.answer()
    else:
        context.user_data["draft"]["note"] = update.message.text
    draft = context.user_data["draft"]
    text = f"{draft['amount']:.2f} for {draft['category']}, {draft.get('note', 'no note')}. Right?"
    await update.effective_message.reply_text(text, reply_markup=keyboard(["Yes", "No"]))
    return CONFIRM


async def confirm(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    query = update.callback_query
    await query.answer()
    draft = context.user_data.pop("draft")
    if query.data == "yes":
        context.user_data.setdefault("expenses", []).append(
            tuple(draft.get(key) for key in ("amount", "category", "note"))
        )
        context.bot_data["count"] = context.bot_data.get("count", 0) + 1
    await query.edit_message_text("Noted." if query.data == "yes" else "Forgotten.")
    return ConversationHandler.END


async def cancel(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    context.user_data.pop("draft", None)
    await update.message.reply_text("Cancelled.")
    return ConversationHandler.END


async def stats(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    sums: dict[str, float] = defaultdict(float)
    for spent, what, _ in context.user_data.get("expenses", []):
        sums[what] += spent
    lines = [f"{what}: {spent:.2f}" for what, spent in sorted(sums.items())]
    await update.message.reply_text("\n".join(lines) or "Nothing yet. /add notes the first.")


async def undo(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    gone = context.user_data["expenses"].pop()  # an error where there is none
    await update.message.reply_text(f"Taken back: {gone[0]:.2f}.")


async def failed(update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
    logger.error("an update failed", exc_info=context.error)
    context.bot_data["failures"] = context.bot_data.get("failures", 0) + 1
    if isinstance(update, Update) and update.effective_message:
        await update.effective_message.reply_text("That did not work. /start shows what I can do.")


def setup(application: Application) -> None:
    application.add_handler(CommandHandler("start", start))
    application.add_handler(
        ConversationHandler(
            entry_points=[CommandHandler("add", add)],
            states={
                AMOUNT: [
                    MessageHandler(filters.Regex(r"^\d+([.,]\d{1,2})?$"), amount),
                    MessageHandler(filters.TEXT & ~filters.COMMAND, no_amount),
                ],
                CATEGORY: [CallbackQueryHandler(back, pattern="^back$"), CallbackQueryHandler(category)],
                NOTE: [
                    MessageHandler(filters.TEXT & ~filters.COMMAND, note),
                    CallbackQueryHandler(note, pattern="^skip$"),
                ],
                CONFIRM: [CallbackQueryHandler(confirm, pattern="^(yes|no)$")],
            },
            fallbacks=[CommandHandler("cancel", cancel)],
        )
    )
    application.add_handler(CommandHandler("stats", stats))
    application.add_handler(CommandHandler("undo", undo))
    application.add_error_handler(failed)


plugin = Plugin()
plugin.ptb(setup, defaults=Defaults(parse_mode=ParseMode.HTML))
