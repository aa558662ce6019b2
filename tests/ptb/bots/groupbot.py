"""A bot for groups: it greets who comes, counts reactions, and reminds of things by jobs."""

import datetime as dt

from telegram import ChatMember, ChatMemberUpdated, Update
from telegram.ext import (
    Application,
    ApplicationHandlerStop,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    MessageReactionHandler,
    TypeHandler,
    filters,
)

from astral_core import Plugin

HERE = (ChatMember.MEMBER, ChatMember.OWNER, ChatMember.ADMINISTRATOR)


def has_come(change: ChatMemberUpdated) -> bool:
    return change.old_chat_member.status not in HERE and change.new_chat_member.status in HERE


async def count(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """In a group of its own, before all others; banned people get no further."""
    context.bot_data["updates"] = context.bot_data.get("updates", 0) + 1
    if update.effective_user and update.effective_user.id in context.bot_data.get("banned", ()):
        raise ApplicationHandlerStop


async def member(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    change = update.chat_member
    if has_come(change):
        context.chat_data.setdefault("members", {})[change.new_chat_member.user.id] = dt.datetime.now(dt.UTC)
        await context.bot.send_message(change.chat.id, f"Welcome, {change.new_chat_member.user.first_name}!")


async def reaction(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    change = update.message_reaction
    scores = context.chat_data.setdefault("scores", {})
    scores[change.message_id] = scores.get(change.message_id, 0) + len(change.new_reaction) - len(change.old_reaction)


async def best(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    scores = context.chat_data.get("scores", {})
    found = max(scores.values(), default=0)
    await update.message.reply_text(f"The best message has {found} reactions.")


async def ring(context: ContextTypes.DEFAULT_TYPE) -> None:
    job = context.job
    context.chat_data["rung"] = context.chat_data.get("rung", 0) + 1
    await context.bot.send_message(job.chat_id, f"Beep! {job.data}")


async def remind(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    chat = update.effective_message.chat_id
    removed = remove(str(chat), context)
    seconds, what = float(context.args[0]), " ".join(context.args[1:])
    context.job_queue.run_once(ring, seconds, chat_id=chat, name=str(chat), data=what)
    await update.effective_message.reply_text("Set, and the old one is removed." if removed else "Set.")


async def unset(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    removed = remove(str(update.effective_message.chat_id), context)
    await update.effective_message.reply_text("Cancelled." if removed else "There is none.")


def remove(name: str, context: ContextTypes.DEFAULT_TYPE) -> bool:
    found = context.job_queue.get_jobs_by_name(name)
    for job in found:
        job.schedule_removal()
    return bool(found)


async def tick(context: ContextTypes.DEFAULT_TYPE) -> None:
    left = context.job.data["left"] = context.chat_data.get("left", 3) - 1
    context.chat_data["left"] = left
    await context.bot.send_message(context.job.chat_id, f"{left} to go")
    if left == 0:
        context.job.schedule_removal()


async def countdown(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    chat = update.effective_chat.id
    context.job_queue.run_repeating(tick, interval=60, first=10, chat_id=chat, name=f"countdown-{chat}", data={})


async def morning(context: ContextTypes.DEFAULT_TYPE) -> None:
    context.bot_data["mornings"] = context.bot_data.get("mornings", 0) + 1


async def ban(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    context.bot_data.setdefault("banned", set()).add(update.message.reply_to_message.from_user.id)
    await update.message.reply_text("Banned.")


async def echo(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.message.reply_text(update.message.text)


async def post_init(application: Application) -> None:
    application.bot_data["started"] = object()  # a pool of connections, say
    application.bot_data.setdefault("starts", 0)
    application.bot_data["starts"] += 1


def setup(application: Application) -> None:
    application.bot_data["limit"] = 5
    application.add_handler(TypeHandler(Update, count), group=-1)
    application.add_handler(ChatMemberHandler(member, ChatMemberHandler.CHAT_MEMBER))
    application.add_handler(MessageReactionHandler(reaction))
    application.add_handler(CommandHandler("best", best))
    application.add_handler(CommandHandler("remind", remind))
    application.add_handler(CommandHandler("unset", unset))
    application.add_handler(CommandHandler("countdown", countdown))
    application.add_handler(CommandHandler("ban", ban, filters=filters.REPLY))
    application.add_handler(MessageHandler(filters.TEXT & filters.Regex("^echo "), echo))
    application.job_queue.run_daily(morning, dt.time(9, 0), name="morning")


plugin = Plugin()
plugin.ptb(setup, post_init=post_init)
