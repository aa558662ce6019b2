"""python-telegram-bot as its examples show it: an Application with handlers, `run_polling` or `run_webhook`.

Settings come from the environment; `foreign_kit/programs.py` names them.
"""

from __future__ import annotations

import os
from pathlib import Path

from telegram import (
    ChatMember,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InputMediaPhoto,
    InputTextMessageContent,
    KeyboardButton,
    LabeledPrice,
    Message,
    ReactionTypeEmoji,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
    Update,
)
from telegram.constants import ChatAction, ParseMode
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    ChatJoinRequestHandler,
    ChatMemberHandler,
    ChosenInlineResultHandler,
    CommandHandler,
    ContextTypes,
    ConversationHandler,
    InlineQueryHandler,
    MessageHandler,
    MessageReactionHandler,
    PollAnswerHandler,
    PreCheckoutQueryHandler,
    filters,
)

TOKEN, API, MODE = (os.environ[f"FOREIGN_{name}"] for name in ("TOKEN", "API", "MODE"))
PICTURE = Path(os.environ["FOREIGN_PICTURE"]).read_bytes()
PORT, SECRET = int(os.environ["FOREIGN_PORT"]), "ptb-secret"
DRINKS = ["Tea", "Coffee"]
NAME, AGE = range(2)
RUNNING = (ChatMember.OWNER, ChatMember.ADMINISTRATOR)

Context = ContextTypes.DEFAULT_TYPE


def keyboard(text: str, data: str) -> InlineKeyboardMarkup:
    """One button."""
    return InlineKeyboardMarkup([[InlineKeyboardButton(text, callback_data=data)]])


async def start(update: Update, context: Context) -> None:
    came = f" You came by {context.args[0]}." if context.args else ""
    await update.message.reply_html(f"Hello, <b>{update.effective_user.first_name}</b>!{came}")


async def add(update: Update, context: Context) -> None:
    await update.message.reply_text(str(sum(map(int, context.args))))


async def direct(update: Update, _: Context) -> None:
    await update.message.reply_chat_action(ChatAction.TYPING)
    await update.message.reply_text("Straight away")


async def count(update: Update, _: Context) -> None:
    await update.message.reply_text("Pressed 0 times", reply_markup=keyboard("Press me", "count:0"))


async def pressed(update: Update, context: Context) -> None:
    query = update.callback_query
    if not query.message.is_accessible:
        await query.answer("Too old")
        await context.bot.send_message(query.message.chat.id, "That message is too old.")
        return
    number = int(query.data.removeprefix("count:")) + 1
    await query.edit_message_text(f"Pressed {number} times", reply_markup=keyboard("Press me", f"count:{number}"))
    await query.answer("Counted")


async def form(update: Update, _: Context) -> int:
    await update.message.reply_text("What is your name?")
    return NAME


async def form_name(update: Update, context: Context) -> int:
    context.user_data["name"] = update.message.text
    await update.message.reply_text(f"How old is {update.message.text}?")
    return AGE


async def form_age(update: Update, context: Context) -> int:
    if not update.message.text.isdecimal():
        await update.message.reply_text("A number, please.")
        return AGE
    await update.message.reply_text(f"{context.user_data.pop('name')}, {update.message.text}. Saved.")
    return ConversationHandler.END


async def cancel(update: Update, _: Context) -> int:
    await update.message.reply_text("Cancelled.")
    return ConversationHandler.END


async def photo(update: Update, _: Context) -> None:
    await update.message.reply_photo(PICTURE, caption="A picture")


async def document(update: Update, _: Context) -> None:
    await update.message.reply_document(b"Hello, file!", filename="hello.txt", caption="A file")


async def album(update: Update, _: Context) -> None:
    await update.message.reply_media_group([InputMediaPhoto(PICTURE), InputMediaPhoto(PICTURE)], caption="An album")


async def part_of_album(update: Update, _: Context) -> None:
    await update.message.reply_text("Part of an album", do_quote=True)


async def photo_back(update: Update, _: Context) -> None:
    largest = update.message.photo[-1]
    data = await (await largest.get_file()).download_as_bytearray()
    await update.message.reply_photo(largest.file_id, caption=f"Photo of {len(data)} bytes")


async def document_back(update: Update, _: Context) -> None:
    received = update.message.document
    data = await (await received.get_file()).download_as_bytearray()
    await update.message.reply_document(received, caption=f"{received.file_name}: {len(data)} bytes")


async def ask_contact(update: Update, _: Context) -> None:
    buttons = [[KeyboardButton("Phone", request_contact=True), KeyboardButton("Place", request_location=True)]]
    await update.message.reply_text("Who and where?", reply_markup=ReplyKeyboardMarkup(buttons, resize_keyboard=True))


async def contact(update: Update, _: Context) -> None:
    text = f"Phone {update.message.contact.phone_number}"
    await update.message.reply_text(text, reply_markup=ReplyKeyboardRemove())


async def location(update: Update, _: Context) -> None:
    place = update.message.location
    await update.message.reply_text(f"Place {place.latitude:.1f} {place.longitude:.1f}")


async def where(update: Update, _: Context) -> None:
    message = update.message
    await message.reply_text(f"Topic {message.message_thread_id}" if message.is_topic_message else "No topic")


async def admin(update: Update, _: Context) -> None:
    message = update.message
    if message.sender_chat and message.sender_chat.id == message.chat.id:
        await message.reply_text("You run this place, whoever you are")
        return
    member = await message.chat.get_member(message.from_user.id)
    await message.reply_text("You run this place" if member.status in RUNNING else "Only administrators may")


async def topic(update: Update, context: Context) -> None:
    made = await update.message.chat.create_forum_topic(" ".join(context.args))
    await update.message.chat.send_message(f"Here is {made.name}", message_thread_id=made.message_thread_id)


async def copy(update: Update, _: Context) -> None:
    replied = update.message.reply_to_message
    await replied.copy(update.message.chat.id)
    await replied.forward(update.message.chat.id)


async def invite(update: Update, _: Context) -> None:
    link = await update.message.chat.create_invite_link(name="Friends", creates_join_request=True)
    await update.message.reply_text(link.invite_link)


async def join_request(update: Update, _: Context) -> None:
    await update.chat_join_request.approve()


async def welcome(update: Update, _: Context) -> None:
    names = ", ".join(person.first_name for person in update.message.new_chat_members if not person.is_bot)
    if names:
        await update.message.reply_text(f"Welcome, {names}!")


async def goodbye(update: Update, _: Context) -> None:
    if not update.message.left_chat_member.is_bot:
        await update.message.reply_text(f"Goodbye, {update.message.left_chat_member.first_name}.")


async def member(update: Update, _: Context) -> None:
    change = update.chat_member
    name = change.new_chat_member.user.first_name
    await change.chat.send_message(f"{name}: {change.old_chat_member.status} to {change.new_chat_member.status}")


async def own_place(update: Update, _: Context) -> None:
    change = update.my_chat_member
    gone = change.new_chat_member.status in (ChatMember.LEFT, ChatMember.BANNED)
    if change.chat.type != "private" and not gone:
        await change.chat.send_message(f"I am {change.new_chat_member.status} here")


async def reaction(update: Update, context: Context) -> None:
    change = update.message_reaction
    new = [one.emoji for one in change.new_reaction if isinstance(one, ReactionTypeEmoji)]
    if new:
        await context.bot.set_message_reaction(change.chat.id, change.message_id, "👀")
        await change.chat.send_message(f"{change.user.first_name}: {''.join(new)}")


async def poll(update: Update, context: Context) -> None:
    sent = await update.message.reply_poll("Tea or coffee?", DRINKS, is_anonymous=False)
    context.chat_data["poll"] = sent.message_id


async def poll_answer(update: Update, context: Context) -> None:
    answer = update.poll_answer
    chosen = ", ".join(DRINKS[number] for number in answer.option_ids)
    await context.bot.send_message(answer.user.id, f"You chose {chosen}" if chosen else "You took it back")


async def end_poll(update: Update, context: Context) -> None:
    closed = await context.bot.stop_poll(update.message.chat.id, context.chat_data["poll"])
    await update.message.reply_text(f"Votes: {closed.total_voter_count}")


async def inline(update: Update, _: Context) -> None:
    query = update.inline_query.query
    article = InlineQueryResultArticle(
        "say", f"Say {query}", InputTextMessageContent(f"{query}!"), reply_markup=keyboard("Again", "again")
    )
    await update.inline_query.answer([article], cache_time=0, is_personal=True)


async def chosen(update: Update, context: Context) -> None:
    result = update.chosen_inline_result
    await context.bot.edit_message_text(
        f"{result.query}! Chosen.",
        inline_message_id=result.inline_message_id,
        reply_markup=keyboard("Again", "again"),
    )


async def again(update: Update, _: Context) -> None:
    await update.callback_query.edit_message_text("Once more!")
    await update.callback_query.answer()


async def buy(update: Update, context: Context) -> None:
    payload = " ".join(context.args)
    await update.message.reply_invoice("Tea", "A cup of tea", payload, "XTR", [LabeledPrice("Tea", 5)])


async def pre_checkout(update: Update, _: Context) -> None:
    query = update.pre_checkout_query
    if query.invoice_payload == "tea":
        await query.answer(ok=True)
    else:
        await query.answer(ok=False, error_message="Sold out")


async def paid(update: Update, context: Context) -> None:
    payment = update.message.successful_payment
    context.user_data["charge"] = payment.telegram_payment_charge_id
    await update.message.reply_text(f"Paid {payment.total_amount}")


async def refund(update: Update, context: Context) -> None:
    if await context.bot.refund_star_payment(update.effective_user.id, context.user_data["charge"]):
        await update.message.reply_text("Returned")


async def edited(update: Update, _: Context) -> None:
    await update.edited_message.reply_text(f"Changed to: {update.edited_message.text}", do_quote=True)


async def post(update: Update, _: Context) -> None:
    await update.channel_post.reply_text(f"Seen: {update.channel_post.text}", do_quote=True)


async def tell(context: Context, chat_id: str, text: str) -> str:
    """Write to somebody; how it went."""
    try:
        await context.bot.send_message(chat_id, text, parse_mode=ParseMode.HTML)
    except Forbidden as error:
        return f"403 {error.message}"
    except RetryAfter as error:
        return f"429 wait {error.retry_after}"
    except ChatMigrated as error:
        return f"400 moved to {error.new_chat_id}"
    except BadRequest as error:
        return f"400 {error.message}"
    return "Told"


async def tell_somebody(update: Update, context: Context) -> None:
    chat_id, *words = context.args
    await update.message.reply_text(await tell(context, chat_id, " ".join(words)))


COMMANDS = {
    "start": start, "add": add, "direct": direct, "count": count, "photo": photo, "document": document,
    "album": album, "contact": ask_contact, "where": where, "admin": admin, "topic": topic, "copy": copy,
    "invite": invite, "poll": poll, "endpoll": end_poll, "buy": buy, "refund": refund, "tell": tell_somebody,
}  # fmt: skip


class PartOfAlbum(filters.MessageFilter):
    """A message that stands in an album."""

    def filter(self, message: Message) -> bool:
        """Whether it does."""
        return message.media_group_id is not None


def handlers(app: Application) -> None:
    """Everything that the bot answers."""
    update, text = filters.UpdateType, filters.TEXT & ~filters.COMMAND
    conversation = ConversationHandler(
        entry_points=[CommandHandler("form", form)],
        states={NAME: [MessageHandler(text, form_name)], AGE: [MessageHandler(text, form_age)]},
        fallbacks=[CommandHandler("cancel", cancel)],
    )
    app.add_handler(conversation)
    for name, command in COMMANDS.items():
        app.add_handler(CommandHandler(name, command, filters=update.MESSAGE))
    app.add_handler(CallbackQueryHandler(pressed, pattern="^count:"))
    app.add_handler(CallbackQueryHandler(again, pattern="^again$"))
    app.add_handler(MessageHandler(PartOfAlbum(), part_of_album))
    app.add_handler(MessageHandler(filters.PHOTO, photo_back))
    app.add_handler(MessageHandler(filters.Document.ALL, document_back))
    app.add_handler(MessageHandler(filters.CONTACT, contact))
    app.add_handler(MessageHandler(filters.LOCATION, location))
    app.add_handler(MessageHandler(filters.StatusUpdate.NEW_CHAT_MEMBERS, welcome))
    app.add_handler(MessageHandler(filters.StatusUpdate.LEFT_CHAT_MEMBER, goodbye))
    app.add_handler(MessageHandler(filters.SUCCESSFUL_PAYMENT, paid))
    app.add_handler(MessageHandler(update.EDITED_MESSAGE & filters.TEXT, edited))
    app.add_handler(MessageHandler(update.CHANNEL_POST & filters.TEXT, post))
    app.add_handler(ChatMemberHandler(member, ChatMemberHandler.CHAT_MEMBER))
    app.add_handler(ChatMemberHandler(own_place, ChatMemberHandler.MY_CHAT_MEMBER))
    app.add_handler(ChatJoinRequestHandler(join_request))
    reactions = MessageReactionHandler.MESSAGE_REACTION_UPDATED
    app.add_handler(MessageReactionHandler(reaction, message_reaction_types=reactions))
    app.add_handler(PollAnswerHandler(poll_answer))
    app.add_handler(InlineQueryHandler(inline))
    app.add_handler(ChosenInlineResultHandler(chosen))
    app.add_handler(PreCheckoutQueryHandler(pre_checkout))


def main() -> None:
    """Run until the process is ended."""
    builder = Application.builder().token(TOKEN)
    app = builder.base_url(f"{API}/bot").base_file_url(f"{API}/file/bot").build()
    handlers(app)
    if MODE == "webhook":
        app.run_webhook(
            listen="127.0.0.1", port=PORT, url_path="webhook", webhook_url=f"http://127.0.0.1:{PORT}/webhook",
            secret_token=SECRET, allowed_updates=Update.ALL_TYPES,
        )  # fmt: skip
    else:
        app.run_polling(allowed_updates=Update.ALL_TYPES)


if __name__ == "__main__":
    main()
