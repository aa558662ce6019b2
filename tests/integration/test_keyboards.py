"""Buttons of every kind, and keyboards below the chat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, ReplyKeyboardMarkup

from astral_core import ANY, N_, Button, Context, Routes
from astral_core.errors import EffectError
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit
from astral_playground.testkit.chat import Chat

MakePlugin = Callable[..., LoadedPlugin]
Doing = Callable[[Context], Any]
routes = Routes()
doing: list[Doing] = []
failed: list[Exception] = []


@routes.command("do", chat=ANY)
async def do(ctx: Context) -> None:
    """Does what the test wants, and keeps what it raises."""
    try:
        doing[0](ctx)
    except EffectError as error:
        failed.append(error)


@routes.callback("press")
async def press(ctx: Context) -> None:
    """Does nothing."""


@routes.message("contact")
async def contact(ctx: Context) -> None:
    """Says the number."""
    ctx.reply(ctx.message.contact.phone_number, ctx.remove_keyboard())


@pytest.fixture
async def kit(sqlite_url: str, make_plugin: MakePlugin) -> Any:
    """A bot on SQLite."""
    failed.clear()
    async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes)]) as kit:
        yield kit


@pytest.fixture
def chat(kit: BotKit) -> Chat:
    """Anna's chat with it."""
    return kit.chat("Anna")


async def done(chat: Chat, what: Doing) -> Any:
    """What the bot sent."""
    doing[:] = [what]
    await chat.send("/do")
    assert not failed, failed
    return chat.last


async def test_every_button_under_a_message_has_the_bot_apis_form(chat: Chat) -> None:
    """Its action, its style and its icon."""

    def shows(ctx: Context) -> None:
        ctx.reply(
            "buttons",
            [
                [ctx.button(N_("Press"), press(), style="success", icon="5368324170671202286")],
                [ctx.url_button("Site", "https://example.org", style="danger")],
                [ctx.web_app_button("App", "https://example.org/app")],
                [ctx.login_button("Log in", "https://example.org/in", write_access=True, bot_username="other_bot")],
                [ctx.copy_button("Copy", "CODE <7>")],
                [ctx.switch_inline_button("Share", "quiz 4")],
                [ctx.switch_inline_button("Here", here=True)],
                [ctx.switch_inline_button("To groups", "x", to=["group", "channel"])],
                [ctx.menu_button()],
            ],
        )

    sent = await done(chat, shows)
    assert [row[0] for row in sent.button_rows] == [
        {"text": "Press", "callback_data": "weather:press", "style": "success",
         "icon_custom_emoji_id": "5368324170671202286"},
        {"text": "Site", "url": "https://example.org", "style": "danger"},
        {"text": "App", "web_app": {"url": "https://example.org/app"}},
        {"text": "Log in", "login_url": {"url": "https://example.org/in", "bot_username": "other_bot",
                                         "request_write_access": True}},
        {"text": "Copy", "copy_text": {"text": "CODE <7>"}},
        {"text": "Share", "switch_inline_query": "quiz 4"},
        {"text": "Here", "switch_inline_query_current_chat": ""},
        {"text": "To groups", "switch_inline_query_chosen_chat": {
            "query": "x", "allow_group_chats": True, "allow_channel_chats": True}},
        {"text": "‹ Menu", "callback_data": "core:menu"},
    ]  # fmt: skip


async def test_a_keyboard_below_the_chat_asks_and_goes(chat: Chat) -> None:
    """Each key has the Bot API's form; what it asks for comes as a message; another message takes it away."""

    def shows(ctx: Context) -> None:
        keys = [
            [ctx.request_contact(N_("My number"), style="primary"), ctx.request_location("Here")],
            [ctx.request_users("Friends", 1, most=3, user_is_bot=False), ctx.request_chat("Group", 2)],
            [ctx.request_poll("Quiz", "quiz"), ctx.web_app_button("App", "https://example.org")],
            ["Just <text>"],
        ]
        board = ctx.keyboard(keys, one_time=True, placeholder="Choose", persistent=True, selective=True)
        ctx.reply("Who are you?", board)

    await done(chat, shows)
    markup = {name: value for name, value in chat.room.reply_keyboard.items() if name != "message_id"}
    assert markup == {
        "keyboard": [
            [{"text": "My number", "request_contact": True, "style": "primary"},
             {"text": "Here", "request_location": True}],
            [{"text": "Friends", "request_users": {"request_id": 1, "max_quantity": 3, "user_is_bot": False}},
             {"text": "Group", "request_chat": {"request_id": 2, "chat_is_channel": False}}],
            [{"text": "Quiz", "request_poll": {"type": "quiz"}},
             {"text": "App", "web_app": {"url": "https://example.org"}}],
            [{"text": "Just <text>"}],
        ],
        "resize_keyboard": True, "one_time_keyboard": True, "is_persistent": True, "selective": True,
        "input_field_placeholder": "Choose",
    }  # fmt: skip
    await chat.send_contact("+4912345")
    assert chat.last.text == "+4912345"
    assert chat.room.reply_keyboard is None


async def test_a_reply_can_be_forced(kit: BotKit, chat: Chat) -> None:
    """With a word in the empty field."""
    await done(chat, lambda ctx: ctx.reply("Your name?", ctx.force_reply(placeholder="Anna", selective=True)))
    assert kit.calls("sendMessage")[-1].params["reply_markup"] == {
        "force_reply": True, "input_field_placeholder": "Anna", "selective": True,
    }  # fmt: skip


async def test_any_call_takes_buttons_and_keyboards(chat: Chat) -> None:
    """They become the Bot API's objects."""
    me = chat.id
    sent = await done(
        chat, lambda ctx: ctx.call("sendDice", chat_id=me, reply_markup=[[ctx.button("Again", press())]])
    )
    assert sent.buttons == ["Again"]
    board = lambda ctx: ctx.keyboard([["6"]])  # noqa: E731  # one word for it is enough
    await done(chat, lambda ctx: ctx.call("sendDice", chat_id=me, reply_markup=board(ctx)))
    assert chat.room.reply_keyboard["keyboard"] == [[{"text": "6"}]]


FOREIGN = InlineKeyboardButton("x", callback_data="x")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (lambda ctx: ctx.reply("x", InlineKeyboardMarkup([[FOREIGN]])), "python-telegram-bot's InlineKeyboardMarkup"),
        (lambda ctx: ctx.reply("x", ReplyKeyboardMarkup([["x"]])), "Fix: ctx.keyboard([[...]])"),
        (lambda ctx: ctx.reply("x", [[FOREIGN]]), "python-telegram-bot's InlineKeyboardButton. Fix: [[ctx.button"),
        (lambda ctx: ctx.call("sendDice", chat_id=1, reply_markup=InlineKeyboardMarkup([[FOREIGN]])), ".to_dict()"),
        (lambda ctx: ctx.reply("x", ctx.button("x", press())), "put brackets around each row"),
        (lambda ctx: ctx.reply("x", [ctx.button("x", press())]), "put brackets around each row"),
        (lambda ctx: ctx.reply("x", [["x"]]), "a value of the type str"),
        (lambda ctx: ctx.reply("x", [[ctx.request_contact("x")]]), "belongs into a keyboard below the chat"),
        (lambda ctx: ctx.keyboard([[ctx.button("x", press())]]), "belongs under a message"),
        (lambda ctx: ctx.keyboard(["x"]), "takes rows of buttons"),
        (lambda ctx: ctx.keyboard([[7]]), "a button is of the type int"),
        (lambda ctx: ctx.keyboard([]), "1 to 300 buttons, this one 0"),
        (lambda ctx: ctx.keyboard([["x"]], placeholder="x" * 65), "placeholder= has 1 to 64"),
        (lambda ctx: ctx.request_users("x", "one"), "request_id is of the type str"),
        (lambda ctx: ctx.request_users("x", 1, user_is_bott=True), "did you mean 'user_is_bot'"),
        (lambda ctx: ctx.copy_button("x", "x" * 257), "1 to 256 characters"),
        (lambda ctx: ctx.web_app_button("x", "http://example.org"), "begin with https://"),
        (lambda ctx: ctx.url_button("x", ""), "there is no address"),
        (lambda ctx: ctx.switch_inline_button("x", to=["groups"]), "to= has some of 'user'"),
        (lambda ctx: ctx.switch_inline_button("x", here=True, to=["user"]), "exclude each other"),
        (lambda ctx: ctx.reply("x", [[ctx.button("x", press(), style="sucess")]]), "did you mean 'success'"),
        (lambda ctx: ctx.edit("x", ctx.keyboard([["x"]]), ref=1), "an old message takes buttons under it"),
        (lambda ctx: ctx.show("x", ctx.keyboard([["x"]])), "an old message takes buttons under it"),
    ],
)  # fmt: skip
async def test_what_telegram_would_refuse_says_what_to_do(chat: Chat, what: Doing, told: str) -> None:
    """At the call, with the object that is wrong."""
    doing[:] = [what]
    await chat.send("/do")
    assert told in str(failed.pop())


async def test_a_style_that_is_newer_passes(chat: Chat) -> None:
    """Only a slip is refused here; what Telegram thinks of others is its own affair."""
    sent = await done(chat, lambda ctx: ctx.reply("x", [[Button("a", "url", "https://a.b", style="default")]]))
    assert sent.button_rows[0][0]["style"] == "default"


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (lambda ctx: ctx.reply("x", ctx.keyboard([[ctx.request_contact("Me")]])), "works in private chats only"),
        (lambda ctx: ctx.reply("x", [[ctx.web_app_button("App", "https://a.b")]]), "in private chats only"),
        (lambda ctx: ctx.reply("x", effect="5104841245755180586"), "effect= works in private chats only"),
    ],
)
async def test_what_works_in_private_chats_only_fails_in_a_group(
    kit: BotKit, chat: Chat, what: Doing, told: str
) -> None:
    """A keyboard of plain keys goes to a group all the same."""
    group = kit.group("Quiz", members=[chat])
    doing[:] = [what]
    await group.send(chat, "/do")
    assert told in str(failed.pop())
    doing[:] = [lambda ctx: ctx.reply("x", ctx.keyboard([["Yes", "No"]], selective=True), reply_to=True)]
    await group.send(chat, "/do")
    assert not failed, failed
    assert group.keyboard == [["Yes", "No"]]
