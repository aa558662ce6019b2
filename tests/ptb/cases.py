"""One small bot for each part of python-telegram-bot, and what happens when somebody uses it.

docs/reference/ptb.md is made of them: a part works as its case shows, or is refused as its case shows.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InputTextMessageContent,
    LabeledPrice,
    Update,
)
from telegram.ext import (
    ApplicationHandlerStop,
    BaseHandler,
    CallbackContext,
    CommandHandler,
    ContextTypes,
    ConversationHandler,
    MessageHandler,
    filters,
)

from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat

Script = Callable[["Stage"], Awaitable[None]]
SEEN: list[Any] = []  # what handlers have seen that cannot answer in a chat


@dataclass
class Stage:
    """A bot that runs, and somebody who uses it."""

    bot: BotKit
    chat: Chat

    async def reads(self, text: str) -> None:
        """The newest message is this one."""
        await self.bot.settled()
        assert self.chat.last.text == text

    async def update(self, kind: str, body: dict[str, Any], number: int = 900_001) -> None:
        """Post an update that the emulator cannot cause."""
        headers = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": self.bot.secret}
        data = json.dumps({"update_id": number, kind: body})
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.bot.url}/webhook/telegram", data=data, headers=headers) as answer,
        ):
            assert answer.status == 200
        await self.bot.settled()

    @property
    def person(self) -> dict[str, Any]:
        """Who uses it, as the Bot API's User."""
        return {"id": self.chat.id, "is_bot": False, "first_name": "Anna"}


@dataclass
class Case:
    """A part of the library: `note` is what the table says of it."""

    section: str
    what: str
    note: str
    setup: Callable[[Any], object]
    script: Script | None = None
    refused: str = ""  # a part of the error's text
    options: dict[str, Any] = field(default_factory=dict)


def says(text: str, state: object = None) -> Any:
    """A callback that answers `text`."""

    async def callback(update: Update, context: Any) -> object:
        await update.effective_message.reply_text(text)
        return state

    return callback


async def sees(update: Update, context: Any) -> None:
    """A callback that notes which part of the update was there."""
    SEEN.append(next(name for name in update.to_dict() if name != "update_id"))


def adds(*handlers: Any) -> Callable[[Any], None]:
    """A setup that adds these handlers."""
    return lambda application: application.add_handlers(list(handlers))


def buttons(**data: str) -> InlineKeyboardMarkup:
    """A keyboard of one row."""
    return InlineKeyboardMarkup([[InlineKeyboardButton(text, callback_data=value) for text, value in data.items()]])


# --- handlers


async def commands(stage: Stage) -> None:
    await stage.chat.send("/go")
    await stage.reads("go")
    await stage.chat.send("/Go 1 2")
    await stage.reads("go")
    await stage.chat.send("/stop")
    assert stage.chat.last.text != "go"


async def with_arguments(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.message.reply_text(f"{context.args}")


async def arguments(stage: Stage) -> None:
    await stage.chat.send("/add 1 2")
    await stage.reads("['1', '2']")
    await stage.chat.send("/add 1")
    assert stage.chat.last.text != "['1']"


async def texts(stage: Stage) -> None:
    await stage.chat.send("hello")
    await stage.reads("hello!")
    await stage.chat.send("other")
    assert stage.chat.last.text != "hello!"


async def edits(stage: Stage) -> None:
    message = await stage.chat.send("hm")
    await stage.chat.edit(message, "hello")
    await stage.reads("edited")


async def with_buttons(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.message.reply_text("Choose", reply_markup=buttons(One="1", Two="x:y/z 2"))


async def pressed(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    query = update.callback_query
    await query.answer("Thanks")
    await query.edit_message_text(f"{query.data} {context.matches[0].group() if context.matches else ''}".strip())


async def presses(stage: Stage) -> None:
    await stage.chat.send("/buttons")
    await stage.chat.tap("Two")
    await stage.reads("x:y/z 2")
    assert stage.chat.toasts == ["Thanks"]
    await stage.chat.send("/buttons")
    await stage.chat.tap("One")
    await stage.reads("1 1")


async def found(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    text = update.inline_query.query
    await update.inline_query.answer([InlineQueryResultArticle("1", text, InputTextMessageContent(text))])


async def inline(stage: Stage) -> None:
    results = await stage.chat.inline("stars")
    assert results.titles == ["stars"]


async def chosen(stage: Stage) -> None:
    SEEN.clear()
    await stage.update("chosen_inline_result", {"result_id": "1", "from": stage.person, "query": "stars"})
    assert SEEN == ["chosen_inline_result"]


async def poll(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    sent = await context.bot.send_poll(update.effective_chat.id, "Tea?", ["Yes", "No"], is_anonymous=False)
    context.bot_data[sent.poll.id] = update.effective_chat.id


async def voted(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    answer = update.poll_answer
    await context.bot.send_message(context.bot_data[answer.poll_id], f"voted {answer.option_ids}")


async def polls(stage: Stage) -> None:
    await stage.chat.send("/poll")
    await stage.chat.vote(stage.chat.last, 1)
    await stage.reads("voted (1,)")


async def closed_poll(stage: Stage) -> None:
    SEEN.clear()
    options = [{"text": "Yes", "voter_count": 1, "persistent_id": "1"}]
    body = {"id": "1", "question": "Tea?", "options": options, "total_voter_count": 1, "type": "regular"}
    facts = {"is_closed": True, "is_anonymous": True, "allows_multiple_answers": False}
    newer = {"allows_revoting": False, "members_only": False}
    await stage.update("poll", body | facts | newer)
    assert SEEN == ["poll"]


async def member(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    change = update.chat_member or update.my_chat_member
    who = change.new_chat_member
    await context.bot.send_message(change.chat.id, f"{who.user.first_name} {who.status}")


async def members(stage: Stage) -> None:
    olga = stage.bot.chat("Olga")
    group = stage.bot.group("Stars", admins=[olga], bot="administrator")
    await group.join(stage.chat)
    assert group.last.text == "Anna member"


async def join_request(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.chat_join_request.approve()


async def joins(stage: Stage) -> None:
    olga = stage.bot.chat("Olga")
    group = stage.bot.group("Stars", admins=[olga], bot="administrator")
    await group.ask_to_join(stage.chat)
    assert "Anna" in group.members


async def reactions(stage: Stage) -> None:
    SEEN.clear()
    olga = stage.bot.chat("Olga")
    group = stage.bot.group("Stars", admins=[olga], bot="administrator")
    await group.react(olga, await group.send(olga, "hi"), "👍")
    assert SEEN == ["message_reaction"]


async def sells(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    prices = [LabeledPrice("Mug", 5)]
    await context.bot.send_invoice(update.effective_chat.id, "Mug", "A mug", "Custom-Payload", "XTR", prices)


async def checks(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    query = update.pre_checkout_query
    await query.answer(ok=query.invoice_payload == "Custom-Payload", error_message="Sold out")


async def pays(stage: Stage) -> None:
    await stage.chat.send("/buy")
    outcome = await stage.chat.pay()
    assert outcome.status == "paid"
    await stage.reads("Thank you!")


async def ships(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    SEEN.append(update.shipping_query.shipping_address.city)


async def shipping(stage: Stage) -> None:
    SEEN.clear()
    lines = {"street_line1": "a", "street_line2": "", "post_code": "1"}
    address = {"country_code": "DE", "state": "", "city": "Ulm", **lines}
    query = {"id": "1", "from": stage.person, "invoice_payload": "x", "shipping_address": address}
    await stage.update("shipping_query", query)
    assert SEEN == ["Ulm"]


async def prefixes(stage: Stage) -> None:
    await stage.chat.send("!go")
    await stage.reads("prefixed")


class Shouting(BaseHandler[Update, Any, Any]):
    """A handler class of the author's own."""

    def check_update(self, update: object) -> bool:
        return isinstance(update, Update) and bool(update.message and (update.message.text or "").isupper())


async def shouts(stage: Stage) -> None:
    await stage.chat.send("HELLO")
    await stage.reads("no need to shout")


def posts(kind: str, **body: Any) -> Script:
    """A script for a kind of update that the emulator cannot cause: it is posted as Telegram would."""

    async def script(stage: Stage) -> None:
        SEEN.clear()
        filled = json.loads(json.dumps(body).replace('"PERSON"', json.dumps(stage.person)))
        await stage.update(kind, filled)
        assert [kind] == SEEN

    return script


GROUP = {"id": -1001, "type": "supergroup", "title": "Stars"}
PREMIUM = {"source": "premium", "user": "PERSON"}
BOOST = {"boost_id": "1", "add_date": 1, "expiration_date": 2, "source": PREMIUM}


# --- conversations


def conversation(*entry: Any, per_message: bool = False, **options: Any) -> ConversationHandler[Any]:
    """A conversation of two steps: /begin, a text, a text."""
    states = {
        1: [MessageHandler(filters.TEXT & ~filters.COMMAND, says("second?", 2))],
        2: [MessageHandler(filters.TEXT & ~filters.COMMAND, says("done", ConversationHandler.END))],
    }
    given = {"entry_points": list(entry) or [CommandHandler("begin", says("first?", 1))], "states": states,
             "fallbacks": [CommandHandler("cancel", says("cancelled", ConversationHandler.END))]}  # fmt: skip
    return ConversationHandler(**(given | options), per_message=per_message)


async def talks(stage: Stage) -> None:
    await stage.chat.send("/begin")
    await stage.chat.send("a")
    await stage.reads("second?")
    await stage.bot.crash()
    await stage.bot.start()
    await stage.chat.send("b")
    await stage.reads("done")
    await stage.chat.send("/begin")
    await stage.chat.send("/cancel")
    await stage.reads("cancelled")


async def talks_in_a_group(stage: Stage) -> None:
    """Per chat: whoever writes goes on with it."""
    olga, boris = stage.bot.chat("Olga"), stage.bot.chat("Boris")
    group = stage.bot.group("Stars", admins=[olga], members=[boris], bot="administrator")
    await group.send(olga, "/begin")
    await group.send(boris, "a")
    assert group.last.text == "second?"
    await group.send(olga, "b")
    assert group.last.text == "done"


async def talks_anywhere(stage: Stage) -> None:
    """Per person: it goes on in another chat."""
    group = stage.bot.group("Stars", admins=[stage.chat], bot="administrator")
    await group.send(stage.chat, "/begin")
    await stage.chat.send("a")
    await stage.reads("second?")
    await group.send(stage.chat, "b")
    assert group.last.text == "done"


async def counts(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    await update.callback_query.answer()
    await update.callback_query.edit_message_text("one more", reply_markup=buttons(Go="go"))
    return 1


async def ends(update: Update, context: ContextTypes.DEFAULT_TYPE) -> int:
    await update.callback_query.answer()
    await update.callback_query.edit_message_text("over")
    return ConversationHandler.END


async def card(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.message.reply_text("card", reply_markup=buttons(Go="go"))


async def talks_by_message(stage: Stage) -> None:
    """Per message: each card has a conversation of its own."""
    await stage.chat.send("/card")
    first = stage.chat.last
    await stage.chat.send("/card")
    second = stage.chat.last
    await stage.chat.tap("Go", message=first)
    await stage.chat.tap("Go", message=second)
    await stage.chat.tap("Go", message=first)
    assert (first.text, second.text) == ("over", "one more")


NESTED = ConversationHandler(
    [CommandHandler("inner", says("inside?", "inside"))],
    {"inside": [MessageHandler(filters.Regex("^out$"), says("out", ConversationHandler.END)),
                MessageHandler(filters.Regex("^far$"), says("far", "stop"))]},
    [], name="inner", map_to_parent={ConversationHandler.END: "top", "stop": ConversationHandler.END},
)  # fmt: skip


async def talks_inside(stage: Stage) -> None:
    await stage.chat.send("/outer")
    await stage.chat.send("/inner")
    await stage.bot.restart()
    await stage.chat.send("out")
    await stage.reads("out")
    await stage.chat.send("/where")
    await stage.reads("top")
    await stage.chat.send("/inner")
    await stage.chat.send("far")
    await stage.chat.send("/where")
    assert stage.chat.last.text != "top"


def timing() -> ConversationHandler[Any]:
    """A conversation that ends by itself."""
    states = {
        1: [MessageHandler(filters.TEXT & ~filters.COMMAND, says("again?", 1))],
        ConversationHandler.TIMEOUT: [MessageHandler(filters.ALL, says("too late"))],
    }
    return ConversationHandler(
        [CommandHandler("begin", says("first?", 1))], states, [], conversation_timeout=60, name="timing"
    )


async def times_out(stage: Stage) -> None:
    await stage.chat.send("/begin")
    await stage.bot.advance(40)
    await stage.chat.send("a")
    await stage.bot.crash()
    await stage.bot.start()
    await stage.bot.advance(40)
    await stage.reads("again?")
    await stage.bot.advance(30)
    await stage.reads("too late")
    await stage.chat.send("a")
    assert stage.chat.last.text not in ("again?", "too late")


def stopping(application: Any) -> None:
    """A conversation whose step stops other groups and goes on by the exception's state."""

    async def stop(update: Update, context: Any) -> None:
        await update.message.reply_text("stopped")
        raise ApplicationHandlerStop(2)

    states = {2: [MessageHandler(filters.Regex("^b$"), says("done", ConversationHandler.END))]}
    application.add_handler(ConversationHandler([CommandHandler("begin", stop)], states, []))
    application.add_handler(MessageHandler(filters.ALL, says("other group")), group=1)


async def stops(stage: Stage) -> None:
    await stage.chat.send("/begin")
    await stage.reads("stopped")
    await stage.chat.send("b")
    await stage.reads("other group")
    assert [message.text for message in stage.chat.messages][-2:] == ["done", "other group"]


# --- the application


async def all_groups(stage: Stage) -> None:
    SEEN.clear()
    await stage.chat.send("a")
    assert [message.text for message in stage.chat.messages][-2:] == ["zero", "one"]


def in_groups(application: Any) -> None:
    later = [MessageHandler(filters.ALL, says("one")), MessageHandler(filters.ALL, says("never"))]
    application.add_handlers({1: later, 0: [MessageHandler(filters.ALL, says("zero"))]})


async def breaks(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    context.user_data["half"] = True
    raise ValueError("a mistake")


async def explains(update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
    assert isinstance(update, Update)
    context.bot_data["errors"] = context.bot_data.get("errors", 0) + 1
    count, data = context.bot_data["errors"], dict(context.user_data or {})
    await update.effective_message.reply_text(f"{context.error!r} {count} {data}")


def with_error_handler(application: Any) -> None:
    application.add_handler(CommandHandler("break", breaks))
    application.add_error_handler(explains)


async def errors(stage: Stage) -> None:
    await stage.chat.send("/break")
    await stage.reads("ValueError('a mistake') 1 {}")
    await stage.chat.send("/break")
    await stage.reads("ValueError('a mistake') 2 {}")


async def no_error_handler(stage: Stage) -> None:
    await stage.chat.send("/break")
    await stage.bot.settled()
    assert stage.chat.last.text.startswith("Something went wrong on our side")


async def remembers(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    for data in (context.user_data, context.chat_data, context.bot_data):
        data["n"] = data.get("n", 0) + 1
        data.setdefault("when", set()).add((dt.date(2026, 12, 1), update.effective_user.id))
    numbers = context.user_data["n"], context.chat_data["n"], context.bot_data["n"]
    await update.message.reply_text(f"{numbers} {len(context.bot_data['when'])}")


async def data(stage: Stage) -> None:
    await stage.chat.send("/n")
    await stage.bot.crash()
    await stage.bot.start()
    await stage.chat.send("/n")
    await stage.reads("(2, 2, 2) 1")
    boris = stage.bot.chat("Boris")
    await boris.send("/n")
    assert boris.last.text == "(1, 1, 3) 2"


async def not_kept(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    context.user_data["db"] = object()


def keeping(application: Any) -> None:
    application.add_handler(CommandHandler("db", not_kept))
    application.add_error_handler(tells_the_error)


async def tells_the_error(update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
    assert isinstance(update, Update)
    await update.effective_message.reply_text(str(context.error))


async def refuses_objects(stage: Stage) -> None:
    await stage.chat.send("/db")
    assert "user_data['db'] cannot be kept over a restart" in stage.chat.last.text


async def of_others(update: Update, context: Any) -> None:
    if context.args:
        await context.load(user_id=int(context.args[0]))
        context.application.user_data[int(context.args[0])]["gift"] = 1
        return
    await update.message.reply_text(str(context.user_data.get("gift")))


async def loads(stage: Stage) -> None:
    boris = stage.bot.chat("Boris")
    await stage.chat.send(f"/gift {boris.id}")
    await boris.send("/gift")
    assert boris.last.text == "1"


async def bold(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.message.reply_text("<b>hi</b>")


async def defaults(stage: Stage) -> None:
    await stage.chat.send("/hi")
    await stage.reads("hi")


class Own(CallbackContext[Any, Any, Any, Any]):
    """An author's own context."""

    @property
    def clicks(self) -> int:
        """A property over the data."""
        return int(self.user_data.get("clicks", 0))  # type: ignore[union-attr]

    @clicks.setter
    def clicks(self, value: int) -> None:
        self.user_data["clicks"] = value  # type: ignore[index]


async def clicks(update: Update, context: Own) -> None:
    context.clicks += 1
    await update.message.reply_text(f"{context.clicks} {type(context).__name__}")  # type: ignore[union-attr]


async def own_context(stage: Stage) -> None:
    await stage.chat.send("/click")
    await stage.chat.send("/click")
    await stage.reads("2 Own")


async def begins(application: Any) -> None:
    application.bot_data["pool"] = object()
    application.bot_data["starts"] = application.bot_data.get("starts", 0) + 1
    SEEN.append((await application.bot.get_me()).first_name)


async def shows_commands(application: Any) -> None:
    assert await application.bot.set_my_commands([("go", "Go")])
    assert application.bot.menu("", private=True) == {"go": "Go"}


async def finishes(application: Any) -> None:
    SEEN.append(("closed", type(application.bot_data["pool"]).__name__))


async def begun(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.message.reply_text(f"{context.bot_data['starts']} {type(context.bot_data['pool']).__name__}")


async def starts(stage: Stage) -> None:
    SEEN.clear()
    await stage.bot.restart()
    await stage.chat.send("/begun")
    await stage.reads("2 object")
    assert SEEN[0] == ("closed", "object")


async def uploads(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await context.bot.send_document(update.effective_chat.id, b"some bytes", filename="a.txt", caption="a file")


async def upload(stage: Stage) -> None:
    await stage.chat.send("/file")
    assert stage.chat.last.text == "a file"


async def by_astral(update: Update, context: Any) -> None:
    context.astral.reply("recorded")
    await update.message.reply_text("at once")


async def recorded(stage: Stage) -> None:
    await stage.chat.send("/both")
    assert [message.text for message in stage.chat.messages][-2:] == ["at once", "recorded"]


# --- jobs


async def rings(context: ContextTypes.DEFAULT_TYPE) -> None:
    assert context.job is not None
    await context.bot.send_message(context.job.chat_id, f"ring {context.job.data}")


def jobs(method: str, **options: Any) -> Callable[[Any], None]:
    """A bot whose /job makes a job."""

    async def make(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        getattr(context.job_queue, method)(rings, chat_id=update.effective_chat.id, data=1, **options)  # type: ignore[union-attr]

    return adds(CommandHandler("job", make))


def rings_after(*seconds: float) -> Script:
    """A script: the job rings after each of these times, and not before; a crash in between loses nothing."""

    async def script(stage: Stage) -> None:
        await stage.chat.send("/job")
        for number, pause in enumerate(seconds):
            await stage.bot.advance(pause - (10 if number else 5))
            assert len(stage.chat.messages) == 1 + number
            await stage.bot.crash()
            await stage.bot.start()
            await stage.bot.advance(10)
            assert len(stage.chat.messages) == 2 + number
        assert stage.chat.last.text == "ring 1"

    return script


def erring(*, says_: str) -> Script:
    """A script: /go ends in an error that says this."""

    async def script(stage: Stage) -> None:
        await stage.chat.send("/go")
        assert says_ in stage.chat.last.text, stage.chat.last.text

    return script


def does(act: Callable[[Update, Any], object]) -> Callable[[Any], None]:
    """A bot whose /go does something that is refused, and whose error handler says why."""

    async def callback(update: Update, context: Any) -> None:
        act(update, context)

    def setup(application: Any) -> None:
        application.add_handler(CommandHandler("go", callback))
        application.add_error_handler(tells_the_error)

    return setup
