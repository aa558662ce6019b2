"""Answers stay where they were asked for: a topic, a person's own slot, a business account, an inline message."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from sqlalchemy import select

from astral_core import ANY, GROUP, Context, Media, Refuse, Routes
from astral_core.db.tables import core_dialogs, core_due, core_inbox, core_slots, core_users
from astral_core.host.state import LoadedPlugin
from astral_playground.telegram.records import Call

MakePlugin = Callable[..., LoadedPlugin]
Start = Callable[..., AbstractAsyncContextManager[Any]]

FORUM = {"id": -1002, "type": "supergroup", "title": "Sky", "is_forum": True}
SUPER = {"id": -1001, "type": "supergroup", "title": "Stars"}
TOPIC = {"message_thread_id": 42, "is_topic_message": True}
CUSTOMER = {"id": 77, "type": "private", "first_name": "Kim"}
FILE = "AgACAgIAAx"
heard: list[Any] = []
failing: list[bool] = []
routes = Routes()


@routes.command("all", chat=GROUP)
async def everything(ctx: Context) -> None:
    """Sends everything that can be sent."""
    first = ctx.reply("one")
    ctx.edit("two", ref=first)
    ctx.send_photo(FILE)
    ctx.send_document(FILE, filename="a.txt")
    ctx.send_album([FILE, FILE])
    ctx.show("shown")
    ctx.send_invoice(title="T", description="D", payload="weather:1", currency="XTR",
                     prices=[{"label": "x", "amount": 1}])  # fmt: skip
    ctx.delete(first)
    await ctx.progress()


@routes.step("later")
async def later(ctx: Context) -> None:
    """Answers where it was deferred, in the words of who caused it."""
    if failing:
        failing.pop()
        raise ValueError("once")
    heard.append((ctx.user.id, ctx.language))
    ctx.reply("later")


@routes.command("later", chat=GROUP)
async def defers(ctx: Context) -> None:
    """Goes on in a step."""
    ctx.defer(later())


@routes.question("name", chat=GROUP)
async def named(ctx: Context) -> None:
    """Takes a name."""
    heard.append(ctx.text)
    ctx.reply("named")


@routes.command("ask", chat=GROUP)
async def ask(ctx: Context) -> None:
    """Asks for a name."""
    ctx.ask(named())


@routes.command("card", chat=GROUP)
async def card(ctx: Context) -> None:
    """Shows one's own card."""
    ctx.show(f"card of {ctx.user.id}", [[ctx.button("again", again())]])


@routes.callback("again", chat=GROUP)
async def again(ctx: Context) -> None:
    """Shows it once more."""
    ctx.show(f"again {ctx.user.id}", [[ctx.button("again", again())]])


@routes.callback("vote/{what:slug}", chat=ANY)
async def vote(ctx: Context, what: str) -> None:
    """Does what the test wants with the pressed message."""
    match what:
        case "edit":
            ctx.edit("edited")
        case "caption":
            ctx.edit_caption("edited")
        case "buttons":
            ctx.edit_buttons([[ctx.url_button("x", "https://example.org")]])
        case "media":
            ctx.edit_media(Media.photo("https://example.org/a.png", "new"))
        case "upload":
            ctx.edit_media(Media.photo(b"png"))
        case "reply":
            ctx.reply("nobody hears this")
        case "delete":
            ctx.delete()
        case "photo":
            ctx.show("shown", photo=b"png")
        case "progress":
            await ctx.progress()
            ctx.edit("done")
        case "invoice":
            ctx.send_invoice(
                title="T", description="D", payload="weather:1", currency="XTR", prices=[{"label": "x", "amount": 1}]
            )
        case "refuse":
            raise Refuse("no")
        case _:
            ctx.show("shown")


@routes.callback("mine")
async def mine(ctx: Context) -> None:
    """A private thing."""
    ctx.show("secret")


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of these tests."""
    heard.clear()
    failing.clear()
    return [make_plugin("weather", routes)]


def topics(calls: list[Call]) -> dict[str, Any]:
    """The topic that each call names, by method."""
    named = {call.method: call.params.get("message_thread_id") for call in calls}
    return {method: int(topic) if topic is not None else None for method, topic in named.items()}


async def test_everything_that_is_said_stays_in_its_topic(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Each new message names the topic; what changes an old one does not. In General nothing does."""
    async with start(database_url, plugins) as groups:
        found = topics(await groups.say("/all", FORUM, **TOPIC))
        new = {"sendPhoto", "sendDocument", "sendMediaGroup", "sendMessage", "sendInvoice", "sendChatAction"}
        assert {method for method, topic in found.items() if topic == 42} == new
        assert {method for method, topic in found.items() if topic is None} == {"editMessageText", "deleteMessage"}
        general = topics(await groups.say("/all", FORUM, message_thread_id=7))  # a reply in General has one as well
        assert set(general) == set(found)
        assert set(general.values()) == {None}
        private = {"id": 9, "type": "private", "first_name": "Ann"}
        assert "message_thread_id" not in str(await groups.say("/all", private))


async def test_private_chats_have_topics_too(sqlite_url: str, start: Start, plugins: list[LoadedPlugin]) -> None:
    """Since Bot API 9.3: the menu comes in the topic in which somebody asked for it."""
    async with start(sqlite_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        await person.send("/start")
        before = len(groups.kit.calls())
        await groups.say("/help", {"id": person.id, "type": "private", "first_name": "Anna"}, person.id, **TOPIC)
        assert topics(groups.calls(before)) == {"sendMessage": 42}


async def test_durable_work_answers_in_its_topic_and_knows_for_whom_it_is_done(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Also after a failure, and although a group's chat tells nothing of a person."""
    failing.append(True)
    async with start(database_url, plugins) as groups:
        await groups.say("/later", FORUM, user=5001, **TOPIC)
        await groups.kit.advance(2)
        (call,) = groups.kit.calls("sendMessage")
        assert (call.params["text"], call.chat_id, topics([call])) == ("later", -1002, {"sendMessage": 42})
        assert heard == [(5001, "en")]
        async with groups.kit.running.database.engine.connect() as connection:
            assert (await connection.execute(select(core_due.c.id).where(core_due.c.kind != "job"))).all() == []


async def test_a_question_of_a_topic_is_answered_in_that_topic(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """The same person speaks of other things elsewhere, in the same group or in another one."""
    async with start(database_url, plugins) as groups:
        await groups.say("/ask", FORUM, user=5001, **TOPIC)
        await groups.say("not this", FORUM, user=5001)
        await groups.say("nor this", FORUM, user=5001, message_thread_id=43, is_topic_message=True)
        await groups.say("of another person", FORUM, user=5002, **TOPIC)
        assert heard == []
        calls = await groups.say("Anna", FORUM, user=5001, **TOPIC)
        assert heard == ["Anna"]
        assert topics(calls) == {"sendMessage": 42}
        async with groups.kit.running.database.engine.connect() as connection:
            assert (await connection.execute(select(core_dialogs))).all() == []


async def test_a_slot_of_a_group_is_one_persons_and_one_topics(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """What one of them asks for takes nobody else's buttons away; who presses another's gets a card of their own."""
    async with start(database_url, plugins) as groups:
        await groups.say("/card", SUPER, user=5001)
        calls = await groups.say("/card", SUPER, user=5002)
        assert [call.method for call in calls] == ["sendMessage"]  # no old buttons are taken away
        calls = await groups.say("/card", FORUM, user=5001, **TOPIC)
        assert [call.method for call in calls] == ["sendMessage"]
        calls = await groups.say("/card", SUPER, user=5001)
        assert [call.method for call in calls] == ["sendMessage", "editMessageReplyMarkup"]
        async with groups.kit.running.database.engine.connect() as connection:
            rows = (await connection.execute(select(core_slots).order_by(core_slots.c.message_id))).all()
        keys = [(row.chat_id, row.place, row.user_id) for row in rows]
        assert sorted(keys) == sorted([(-1001, "", 5001), (-1001, "", 5002), (-1002, "topic:42", 5001)])
        own = next(row.message_id for row in rows if row.user_id == 5001 and row.chat_id == -1001)
        calls, _ = await groups.press("weather:again", SUPER, user=5001, message_id=own)
        assert [(call.method, int(call.params["message_id"])) for call in calls] == [("editMessageText", own)]
        calls, _ = await groups.press("weather:again", SUPER, user=5003, message_id=own)
        assert [call.method for call in calls] == ["sendMessage"]


async def test_an_old_message_that_telegram_shows_no_more_is_answered_by_a_new_one(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Telegram tells its number, and a date of 0. Nothing fails, and a press gets its answer."""
    async with start(sqlite_url, plugins) as groups:
        for what, method in (("edit", "sendMessage"), ("caption", "sendMessage"), ("show", "sendMessage")):
            calls, ended = await groups.press(f"weather:vote/{what}", SUPER, date=0)
            assert [call.method for call in calls if call.method != "editMessageReplyMarkup"] == [method]
            assert ended
        assert await groups.states() == {1}


async def inline(groups: Any, data: str | None, user: int = 5001, **query: Any) -> list[Call]:
    """Press a button of a message that was sent through the bot."""
    before = len(groups.kit.calls())
    number = groups.update()["update_id"]
    sender = {"id": user, "is_bot": False, "first_name": "Vera", "language_code": "en"}
    press = {"id": "q7", "from": sender, "chat_instance": "1", "inline_message_id": "AbC", **query}
    press |= {"data": data} if data is not None else {}
    answer = await groups.send({"update_id": number, "callback_query": press})
    assert answer in ("", None)  # the press is answered when it is known with what
    return list(groups.calls(before))


@pytest.mark.parametrize("what", ["edit", "show", "progress"])
async def test_a_message_sent_through_the_bot_is_changed_where_it_is(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], what: str
) -> None:
    """It has a number of its own, and a chat that the bot does not know; the press is answered."""
    async with start(sqlite_url, plugins) as groups:
        calls = await inline(groups, f"weather:vote/{what}")
        edit = next(call for call in calls if call.method == "editMessageText")
        assert edit.params["inline_message_id"] == "AbC"
        assert "chat_id" not in edit.params
        assert "message_id" not in edit.params
        assert any(call.method == "answerCallbackQuery" for call in calls)
        assert await groups.states() == {1}


async def test_its_file_and_its_buttons_change_but_nothing_is_uploaded(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], caplog: pytest.LogCaptureFixture
) -> None:
    """Telegram takes a file_id or an address there; an upload fails at the call, with the way out."""
    async with start(sqlite_url, plugins) as groups:
        for what, method in (("buttons", "editMessageReplyMarkup"), ("media", "editMessageMedia")):
            calls = await inline(groups, f"weather:vote/{what}")
            edit = next(call for call in calls if call.method == method)
            assert edit.params["inline_message_id"] == "AbC"
        calls = await inline(groups, "weather:vote/upload")
        assert {call.method for call in calls} <= {"answerCallbackQuery"}
        assert "Fix: give a file_id, or an address" in caplog.text


async def test_nothing_is_sent_for_it_to_a_chat_that_may_not_exist(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], caplog: pytest.LogCaptureFixture
) -> None:
    """A new message has no place to go: an error says what to do. Nobody counts as one who blocked the bot."""
    async with start(sqlite_url, plugins) as groups:
        for what in ("reply", "delete", "refuse"):
            calls = await inline(groups, f"weather:vote/{what}")
            assert {call.method for call in calls} <= {"answerCallbackQuery"}
            assert calls
        assert "Fix: change that message with ctx.edit" in caplog.text
        async with groups.kit.running.database.engine.connect() as connection:
            assert (await connection.execute(select(core_users.c.blocked_at))).scalars().all() == [None]


async def test_a_private_route_does_not_answer_in_a_message_that_others_read(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Telegram opens the private chat instead. So it does for a button that is no more."""
    async with start(sqlite_url, plugins) as groups:
        for data in ("weather:mine", "weather:gone", "core:menu"):
            (call,) = await inline(groups, data)
            assert call.method == "answerCallbackQuery"
            assert call.params["url"] == f"https://t.me/{groups.name}?start=core-start"


async def test_a_game_button_is_answered_and_nothing_more(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """It has no data; no plugin declares games."""
    async with start(sqlite_url, plugins) as groups:
        calls = await inline(groups, None, game_short_name="chess")
        assert [call.method for call in calls] == ["answerCallbackQuery"]
        query = {"id": "q", "from": {"id": 5, "is_bot": False, "first_name": "V"}, "game_short_name": "chess"}
        message = groups.update("x", 5)["message"]
        before = len(groups.kit.calls())
        await groups.send({"update_id": 7, "callback_query": {**query, "chat_instance": "1", "message": message}})
        assert [call.method for call in groups.calls(before)] == ["answerCallbackQuery"]
        assert await groups.states() == {1}


async def test_a_press_in_a_business_chat_is_answered_for_its_owner(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """With the connection's id, in a lane of its own; a private route says nothing of a person there."""
    business = {"business_connection_id": "bc-1"}
    async with start(database_url, plugins) as groups:
        before = len(groups.kit.calls())
        await groups.press("weather:vote/edit", CUSTOMER, user=77, **business)
        await groups.press("weather:vote/reply", CUSTOMER, user=77, **business)
        calls = groups.calls(before)
        assert [call.method for call in calls] == ["editMessageText", "sendMessage"]
        assert {(call.chat_id, call.params["business_connection_id"]) for call in calls} == {(77, "bc-1")}
        await groups.press("weather:mine", CUSTOMER, user=77, **business)
        assert "secret" not in str([call.params for call in groups.calls()])
        async with groups.kit.running.database.engine.connect() as connection:
            lanes = set((await connection.execute(select(core_inbox.c.lane))).scalars())
        assert len(lanes) == 1
        assert lanes.isdisjoint({77})


async def test_nothing_of_a_business_chat_touches_the_bots_own_chat(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], caplog: pytest.LogCaptureFixture
) -> None:
    """Numbers of messages are the account's: each call names the connection, or is refused where it cannot."""
    business = {"business_connection_id": "bc-1"}
    async with start(sqlite_url, plugins) as groups:
        before = len(groups.kit.calls())
        for what in ("show", "show", "photo", "invoice"):
            cards = [call.result["message_id"] for call in groups.calls(before) if call.method == "sendMessage"]
            number = cards[-1] if what == "photo" else 500 + len(cards)
            await groups.press(f"weather:vote/{what}", CUSTOMER, user=77, message_id=number, **business)
        calls = groups.calls(before)
        assert {call.params.get("business_connection_id") for call in calls} == {"bc-1"}
        methods = {"sendMessage", "editMessageReplyMarkup", "sendPhoto", "deleteBusinessMessages"}
        assert {call.method for call in calls} == methods
        assert "sendInvoice cannot be sent in the chat of a business account. Fix:" in caplog.text


async def test_a_press_without_an_id_is_answered_to_nobody(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], post: Callable[..., Any]
) -> None:
    """A form of the future."""
    async with start(sqlite_url, plugins) as groups:
        sender = {"id": 5, "is_bot": False, "first_name": "V"}
        message = groups.update("x", 5)["message"]
        query = {"from": sender, "chat_instance": "1", "data": "weather:mine", "message": message}
        status, answer = await post(groups.kit, {"update_id": 77, "callback_query": query})
        assert (status, answer) == (200, "")
        await groups.kit.settled()


async def test_a_channels_direct_messages_are_answered_to_who_wrote(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Each person has a topic there, which is named in another way."""
    chat = {"id": -1009, "type": "supergroup", "title": "News", "is_direct_messages": True}
    async with start(sqlite_url, plugins) as groups:
        calls = await groups.say("/card", chat, direct_messages_topic={"topic_id": 5001})
        assert [str(call.params.get("direct_messages_topic_id")) for call in calls] == ["5001"]
