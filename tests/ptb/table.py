"""The table of docs/reference/ptb.md: each part of python-telegram-bot, its case, and what the page says of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from telegram import Update
from telegram import ext as t
from telegram.constants import ParseMode
from telegram.ext import ConversationHandler, Defaults, filters

from tests.ptb import cases as c
from tests.ptb.cases import Case, adds, conversation, does, erring, jobs, posts, rings_after, says, sees

WORKS, HANDLERS, TALKS, REST, JOBS, REFUSED = (
    "works", "Handlers", "Conversations", "The application", "Jobs", "Refused"
)  # fmt: skip
NINE = dt.time(9, 0)


async def wrong(update: Update, context: Any) -> None:
    """A callback for handlers that are refused."""


async def setting_up(application: Any) -> None:
    """A setup that is a coroutine function, which nobody awaits."""


class Data:
    """What an author may have instead of a dict."""


def broken(application: Any) -> None:
    """A bot without error handlers."""
    application.add_handler(t.CommandHandler("break", c.breaks))


def erring_bot(application: Any) -> None:
    """A bot whose error handler is not awaited."""
    application.add_error_handler(c.explains, block=False)


def polling(application: Any) -> None:
    """A main() that was not shortened."""
    application.run_polling()


CASES = [
    Case(HANDLERS, "CommandHandler", WORKS, adds(t.CommandHandler("go", says("go"))), c.commands),
    Case(HANDLERS, "CommandHandler, `context.args`, `has_args=`", WORKS,
         adds(t.CommandHandler("add", c.with_arguments, has_args=2)), c.arguments),
    Case(HANDLERS, "MessageHandler and `filters`", WORKS,
         adds(t.MessageHandler(filters.TEXT & filters.Regex("^hello$") & ~filters.COMMAND, says("hello!"))), c.texts),
    Case(HANDLERS, "MessageHandler, edited messages", WORKS,
         adds(t.MessageHandler(filters.UpdateType.EDITED_MESSAGE, says("edited"))), c.edits),
    Case(HANDLERS, "CallbackQueryHandler, any data, `pattern=`", WORKS,
         adds(t.CommandHandler("buttons", c.with_buttons), t.CallbackQueryHandler(c.pressed, pattern="^[0-9]$"),
              t.CallbackQueryHandler(c.pressed)), c.presses),
    Case(HANDLERS, "InlineQueryHandler", WORKS, adds(t.InlineQueryHandler(c.found)), c.inline),
    Case(HANDLERS, "ChosenInlineResultHandler", WORKS, adds(t.ChosenInlineResultHandler(sees)), c.chosen),
    Case(HANDLERS, "PollAnswerHandler", WORKS, adds(t.CommandHandler("poll", c.poll), t.PollAnswerHandler(c.voted)), c.polls),
    Case(HANDLERS, "PollHandler", WORKS, adds(t.PollHandler(sees)), c.closed_poll),
    Case(HANDLERS, "ChatMemberHandler", WORKS, adds(t.ChatMemberHandler(c.member, t.ChatMemberHandler.CHAT_MEMBER)), c.members),
    Case(HANDLERS, "ChatJoinRequestHandler", WORKS, adds(t.ChatJoinRequestHandler(c.join_request)), c.joins),
    Case(HANDLERS, "MessageReactionHandler", WORKS, adds(t.MessageReactionHandler(sees)), c.reactions),
    Case(HANDLERS, "PreCheckoutQueryHandler, `filters.SUCCESSFUL_PAYMENT`, any payload", WORKS,
         adds(t.CommandHandler("buy", c.sells), t.PreCheckoutQueryHandler(c.checks),
              t.MessageHandler(filters.SUCCESSFUL_PAYMENT, says("Thank you!"))), c.pays),
    Case(HANDLERS, "ShippingQueryHandler", WORKS, adds(t.ShippingQueryHandler(c.ships)), c.shipping),
    Case(HANDLERS, "PrefixHandler", WORKS, adds(t.PrefixHandler("!", "go", says("prefixed"))), c.prefixes),
    Case(HANDLERS, "BusinessConnectionHandler", WORKS, adds(t.BusinessConnectionHandler(sees)),
         posts("business_connection", id="1", user="PERSON", user_chat_id=1, date=1, is_enabled=True)),
    Case(HANDLERS, "BusinessMessagesDeletedHandler", WORKS, adds(t.BusinessMessagesDeletedHandler(sees)),
         posts("deleted_business_messages", business_connection_id="1", chat={"id": 5, "type": "private"}, message_ids=[1])),
    Case(HANDLERS, "ChatBoostHandler", WORKS, adds(t.ChatBoostHandler(sees)), posts("chat_boost", chat=c.GROUP, boost=c.BOOST)),
    Case(HANDLERS, "PaidMediaPurchasedHandler", WORKS, adds(t.PaidMediaPurchasedHandler(sees)),
         posts("purchased_paid_media", **{"from": "PERSON", "paid_media_payload": "x"})),
    Case(HANDLERS, "ManagedBotUpdatedHandler", WORKS, adds(t.ManagedBotUpdatedHandler(sees)),
         posts("managed_bot", user="PERSON", bot="PERSON")),
    Case(HANDLERS, "TypeHandler(Update)", "works; it watches, and takes nothing away from other plugins, unless it raises `ApplicationHandlerStop`",
         adds(t.TypeHandler(Update, sees)), posts("chat_boost", chat=c.GROUP, boost=c.BOOST)),
    Case(HANDLERS, "a handler class of your own", WORKS, adds(c.Shouting(says("no need to shout"))), c.shouts),
    # --- conversations
    Case(TALKS, "ConversationHandler, per person and chat", WORKS, adds(conversation()), c.talks),
    Case(TALKS, "`per_user=False`", WORKS, adds(conversation(per_user=False)), c.talks_in_a_group),
    Case(TALKS, "`per_chat=False`", WORKS, adds(conversation(per_chat=False)), c.talks_anywhere),
    Case(TALKS, "`per_message=True`", WORKS, adds(
        t.CommandHandler("card", c.card),
        ConversationHandler([t.CallbackQueryHandler(c.counts)], {1: [t.CallbackQueryHandler(c.ends)]}, [], per_message=True),
    ), c.talks_by_message),
    Case(TALKS, "nested, `map_to_parent=`", WORKS, adds(
        ConversationHandler([t.CommandHandler("outer", says("outer", "top"))],
                            {"top": [c.NESTED, t.CommandHandler("where", says("top"))]}, [])), c.talks_inside),
    Case(TALKS, "`conversation_timeout=`, the state TIMEOUT", "works on due work; needs `astral-core[job-queue]`",
         adds(c.timing()), c.times_out),
    Case(TALKS, "`ApplicationHandlerStop(state)`", WORKS, c.stopping, c.stops),
    # --- the application
    Case(REST, "groups of handlers", WORKS, c.in_groups, c.all_groups),
    Case(REST, "error handlers", "works; what the handler had changed is dropped first", c.with_error_handler, c.errors),
    Case(REST, "no error handler", "the core apologises and tells the owner", broken, c.no_error_handler),
    Case(REST, "`user_data`, `chat_data`, `bot_data`", "works, over a crash", adds(t.CommandHandler("n", c.remembers)), c.data),
    Case(REST, "`application.user_data[other_id]`", "after `await context.load(user_id=other_id)`",
         adds(t.CommandHandler("gift", c.of_others)), c.loads),
    Case(REST, "objects in `user_data` that have no form on disk", "an error that names the key", c.keeping, c.refuses_objects),
    Case(REST, "Defaults", WORKS, adds(t.CommandHandler("hi", c.bold)), c.defaults,
         options={"defaults": Defaults(parse_mode=ParseMode.HTML)}),
    Case(REST, "ContextTypes(context=...)", WORKS, adds(t.CommandHandler("click", c.clicks)), c.own_context,
         options={"context_types": t.ContextTypes(context=c.Own)}),
    Case(REST, "`set_my_commands` in post_init", "comes into the menu before the core's commands", adds(t.CommandHandler("go", says("go"))), c.commands, options={"post_init": c.shows_commands}),
    Case(REST, "post_init, post_shutdown", "works; an object of the process in `bot_data` is there at each start",
         adds(t.CommandHandler("begun", c.begun)), c.starts, options={"post_init": c.begins, "post_shutdown": c.finishes}),
    Case(REST, "`context.bot`, uploads", "works, at once", adds(t.CommandHandler("file", c.uploads)), c.upload),
    Case(REST, "`context.astral`", "the same handler's Context: what it records is sent once, after the commit",
         adds(t.CommandHandler("both", c.by_astral)), c.recorded),
    # --- jobs
    Case(JOBS, "`run_once`", WORKS, jobs("run_once", when=60), rings_after(60)),
    Case(JOBS, "`run_repeating`, `first=`, `last=`", WORKS, jobs("run_repeating", interval=60, first=30), rings_after(30, 60, 60)),
    Case(JOBS, "`run_daily`, `days=`", WORKS, jobs("run_daily", time=NINE), rings_after(3_600, 86_400)),
    Case(JOBS, "`run_monthly`", WORKS, jobs("run_monthly", when=NINE, day=2), rings_after(90_000, 31 * 86_400)),
    Case(JOBS, "`run_custom`", "works with the triggers date, interval and cron",
         jobs("run_custom", job_kwargs={"trigger": "cron", "minute": "*/10"}), rings_after(600, 600)),
    # --- refused
    Case(REFUSED, "StringCommandHandler, StringRegexHandler", "`context.job_queue.run_once(callback, 0, data=...)`",
         adds(t.StringCommandHandler("x", wrong)), refused="job_queue.run_once"),
    Case(REFUSED, "TypeHandler of another class than Update", "a webhook of the plugin", adds(t.TypeHandler(str, wrong)),
         refused="plugin.webhook"),
    Case(REFUSED, "`block=False`", "leave it out: chats do not wait for each other",
         adds(t.CommandHandler("x", wrong, block=False)), refused="leave block out"),
    Case(REFUSED, "`Defaults(block=False)`", "leave it out", adds(), refused="leave block out",
         options={"defaults": Defaults(block=False)}),
    Case(REFUSED, "`add_error_handler(block=False)`", "leave it out", erring_bot, refused="leave block out"),
    Case(REFUSED, "`ContextTypes(user_data=...)`, a class that is no dict", "a dict, and properties of the context's class",
         adds(), refused="keep a dict", options={"context_types": t.ContextTypes(user_data=Data)}),
    Case(REFUSED, "`arbitrary_callback_data`", "64 bytes in `callback_data`, the rest in `user_data`", adds(),
         refused="up to 64 bytes", options={"arbitrary_callback_data": True}),
    Case(REFUSED, "`application.run_polling()` in `setup`", "`astral run`", polling, refused="astral run"),
    Case(REFUSED, "an async `setup`", "`post_init`", setting_up, refused="post_init"),
    Case(REFUSED, "`application.create_task` in a handler", "await it, or `context.job_queue.run_once`",
         does(lambda _, context: context.application.create_task(wrong(_, context))), erring(says_="run_once")),
    Case(REFUSED, "`update_queue` in a handler", "`context.job_queue.run_once`, or a webhook of the plugin",
         does(lambda _, context: context.update_queue.put_nowait("x")), erring(says_="run_once")),
    Case(REFUSED, "`add_handler` in a handler", "add it in `setup`, and let it look into `context.bot_data`",
         does(lambda _, context: context.application.add_handler(t.CommandHandler("x", wrong))), erring(says_="add it in setup")),
    Case(REFUSED, "`user_data` of everybody", "keep the ids in `bot_data`, or a table",
         does(lambda _, context: list(context.application.user_data)), erring(says_="keep the ids")),
    Case(REFUSED, "a job with a lambda, a method or an inner function", "a function of a module, and `data=`",
         does(lambda _, context: context.job_queue.run_once(lambda _: None, 1)), erring(says_="a function of a module")),
    Case(REFUSED, "`job.enabled = False`", "`job.schedule_removal()`, and make it anew",
         does(lambda _, context: setattr(context.job_queue.run_once(c.rings, 1), "enabled", False)),
         erring(says_="schedule_removal")),
]  # fmt: skip
