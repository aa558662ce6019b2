"""The conversation that python-telegram-bot's documentation shows to everybody: questions to a person, with /skip.

The steps and the ways through them are those of its `conversationbot`; the words and the code are our own.
"""

from telegram import ReplyKeyboardMarkup, ReplyKeyboardRemove, Update
from telegram.ext import (
    Application,
    CommandHandler,
    ContextTypes,
    ConversationHandler,
    MessageHandler,
    filters,
)

from astral_core import Plugin

GENDER, PHOTO, LOCATION, BIO = range(4)
CHOICES = ["Boy", "Girl", "Other"]


async def start(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    markup = ReplyKeyboardMarkup([CHOICES], one_time_keyboard=True, input_field_placeholder="Boy or Girl?")
    await update.message.reply_text("Let us talk. /cancel ends it.\n\nAre you a boy or a girl?", reply_markup=markup)
    return GENDER


async def gender(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    await update.message.reply_text("I see! A photo of you, please, or /skip.", reply_markup=ReplyKeyboardRemove())
    return PHOTO


async def photo(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    found = await update.message.photo[-1].get_file()
    context.user_data["size"] = len(await found.download_as_bytearray())
    await update.message.reply_text("Gorgeous! Now your location, or /skip.")
    return LOCATION


async def skip_photo(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    await update.message.reply_text("You look great anyway! Now your location, or /skip.")
    return LOCATION


async def location(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    place = update.message.location
    where = f"{place.latitude:.1f}, {place.longitude:.1f}"
    await update.message.reply_text(f"I may visit you at {where}. And who are you?")
    return BIO


async def skip_location(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    await update.message.reply_text("You are careful! And who are you?")
    return BIO


async def bio(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    await update.message.reply_text("Thank you! I hope we talk again.")
    return ConversationHandler.END


async def cancel(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    await update.message.reply_text("Bye! I hope we talk again.", reply_markup=ReplyKeyboardRemove())
    return ConversationHandler.END


def setup(application: Application) -> None:
    conversation = ConversationHandler(
        entry_points=[CommandHandler("start", start)],
        states={
            GENDER: [MessageHandler(filters.Regex("^(Boy|Girl|Other)$"), gender)],
            PHOTO: [MessageHandler(filters.PHOTO, photo), CommandHandler("skip", skip_photo)],
            LOCATION: [MessageHandler(filters.LOCATION, location), CommandHandler("skip", skip_location)],
            BIO: [MessageHandler(filters.TEXT & ~filters.COMMAND, bio)],
        },
        fallbacks=[CommandHandler("cancel", cancel)],
    )
    application.add_handler(conversation)


plugin = Plugin()
plugin.ptb(setup)
