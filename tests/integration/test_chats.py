"""Where a route answers: personal things stay in the private chat, and a group is shown the way there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from sqlalchemy import select
from telegram import Update
from telegram.ext import MessageHandler, filters

from astral_core import ANY, CHANNEL, GROUP, OWNER, Context, RawContext, Refuse, Routes, View
from astral_core.db.tables import DEAD, PARKED, core_dialogs, core_outbox, now
from astral_core.host.state import LoadedPlugin
from astral_playground.telegram.records import Call

MakePlugin = Callable[..., LoadedPlugin]
Post = Callable[..., Awaitable[tuple[int, Any]]]
MakeUpdate = Callable[..., dict[str, Any]]
Until = Callable[..., Awaitable[Any]]
Start = Callable[..., AbstractAsyncContextManager[Any]]

BASIC = {"id": -42, "type": "group", "title": "Friends"}
SUPER = {"id": -1001, "type": "supergroup", "title": "Stars"}
FORUM = {"id": -1002, "type": "supergroup", "title": "Sky", "is_forum": True}
NEWS = {"id": -1003, "type": "channel", "title": "News"}
HIDDEN = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
FORWARDED = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
LINES = {"I answer this in our private chat.", "На это я отвечаю в личном чате."}


def place(call: Call) -> str:
    """Where the pointer's one button leads; fails where the call is anything else than the pointer."""
    assert call.method == "sendMessage"
    assert call.params["text"] in LINES
    ((button,),) = call.params["reply_markup"]["inline_keyboard"]
    assert set(button) == {"text", "url"}
    return str(button["url"])


def texts(calls: list[Call]) -> list[str]:
    """What was said."""
    return [str(call.params.get("text")) for call in calls]


# --- all that is shipped


async def test_no_command_of_any_plugin_answers_in_a_group(sqlite_url: str, start: Start) -> None:
    """Every command, for everybody and for admins: the way to the private chat for who asks the bot, else nothing."""
    async with start(sqlite_url, admins=tuple(range(5001, 5999))) as groups:
        commands = groups.kit.running.host.registry.commands
        assert {"help", "mydata", "payments", "stats", "refund", "chart", "profile"} <= set(commands)
        for name, bound in commands.items():
            if GROUP in bound.chat:
                continue
            here = [] if name == "start" else [f"https://t.me/{groups.name}?start=core-{name}"]
            spoken = f"/{name}@{groups.name}"
            for chat in (BASIC, SUPER, FORUM):
                assert [place(call) for call in await groups.say(spoken, chat)] == here
                assert await groups.say(f"/{name}", chat) == []
            assert [place(call) for call in await groups.say(f"/{name}", reply_to_message=groups.reply())] == here
            assert await groups.say(f"/{name}", reply_to_message=groups.reply(user=7)) == []
            hidden = {"id": -9000 - len(name), **{key: SUPER[key] for key in ("type", "title")}}
            await groups.say(spoken, hidden, sender_chat=hidden, **{"from": HIDDEN})
            await groups.say(spoken, hidden, sender_chat=NEWS, is_automatic_forward=True, **{"from": FORWARDED})
            await groups.send({"update_id": next(groups.people), "channel_post": {
                "message_id": 1, "date": 1, "chat": NEWS, "sender_chat": NEWS, "text": spoken}})  # fmt: skip
        assert {place(call).rpartition("core-")[2] for call in groups.heard()} == {
            name for name, bound in commands.items() if name != "start" and GROUP not in bound.chat
        }
        assert DEAD not in await groups.states()


async def test_no_button_of_any_plugin_answers_in_a_group_or_a_channel(sqlite_url: str, start: Start) -> None:
    """Whoever presses one there is shown the way to the menu, a channel nothing at all; the spinner ends at once."""
    values = {"int": "1", "slug": "en", "uuid": "AAAAAAAAAAAAAAAAAAAAAA"}
    async with start(sqlite_url, admins=tuple(range(5001, 5999))) as groups:
        callbacks = groups.kit.running.host.registry.callbacks
        assert {"core:forget.now", "core:mydata", "payments:check", "natal:chart", "analytics:stats"} <= set(
            callbacks
        )
        for key, bound in callbacks.items():
            if bound.chat & ANY and (GROUP in bound.chat or CHANNEL in bound.chat):
                continue
            data = "/".join((key, *(values[kind] for _, kind in bound.codec.arguments))) if bound.codec else key
            for chat in (BASIC, SUPER, FORUM):
                calls, ended = await groups.press(data, chat)
                assert [place(call) for call in calls] == [f"https://t.me/{groups.name}?start=core-start"]
                assert ended
            assert await groups.press(data, NEWS) == ([], True)
        for data in ("gone:away", "natal:body/x", ""):
            calls, ended = await groups.press(data)
            assert [place(call) for call in calls] == [f"https://t.me/{groups.name}?start=core-start"]
            assert ended
            assert await groups.press(data, NEWS) == ([], True)
        assert DEAD not in await groups.states()


# --- the line


async def test_the_line_answers_in_its_topic_and_in_the_persons_language(sqlite_url: str, start: Start) -> None:
    """It is a reply that survives the deletion of what it answers, in the forum's topic, in the asker's words."""
    async with start(sqlite_url, plugins=[]) as groups:
        russian = {"id": 71, "is_bot": False, "first_name": "Вера", "language_code": "ru"}
        topic = {"is_topic_message": True, "message_thread_id": 77, "message_id": 80}
        (call,) = await groups.say(f"/about@{groups.name.upper()}", FORUM, **topic, **{"from": russian})
        assert call.params["text"] == "На это я отвечаю в личном чате."
        assert call.params["message_thread_id"] in (77, "77")
        assert call.params["reply_parameters"] == {"message_id": 80, "allow_sending_without_reply": True}
        # In a group that is no forum the number is a thread of replies, and naming it would be an error.
        (call,) = await groups.say(f"/about@{groups.name}", message_thread_id=77)
        assert call.params["text"] == "I answer this in our private chat."
        assert "message_thread_id" not in call.params
        (pressed,), _ = await groups.press("core:about", FORUM, **topic)
        assert pressed.params["message_thread_id"] in (77, "77")


async def test_a_topic_that_the_bot_opened_does_not_make_every_command_its_own(sqlite_url: str, start: Start) -> None:
    """Telegram sends what is written in a topic as a reply to the message that opened it."""
    async with start(sqlite_url, plugins=[]) as groups:
        topic = {"is_topic_message": True, "message_thread_id": 77}
        assert await groups.say("/about", FORUM, **topic, reply_to_message=groups.reply(77)) == []
        assert len(await groups.say("/about", FORUM, **topic, reply_to_message=groups.reply(78))) == 1


async def test_one_line_a_minute_for_each_person_whatever_they_send(sqlite_url: str, start: Start) -> None:
    """Nobody fills a group with the bot's lines; who is anonymous shares them with the chat."""
    async with start(sqlite_url, plugins=[]) as groups:
        help_ = f"/help@{groups.name}"
        assert len(await groups.say(help_, user=71)) == 1
        assert await groups.say(f"/about@{groups.name}", BASIC, user=71) == []
        assert await groups.press("core:help", user=71) == ([], True)
        assert len(await groups.say(help_, user=72)) == 1
        for number in range(2):
            said = await groups.say(help_, sender_chat=SUPER, **{"from": HIDDEN})
            assert len(said) == (1 if number == 0 else 0)
        assert len(await groups.say(help_, FORUM, sender_chat=FORUM, **{"from": HIDDEN})) == 1
        await groups.kit.advance(59)
        assert await groups.say(help_, user=71) == []
        await groups.kit.advance(2)
        assert len(await groups.say(help_, user=71)) == 1


async def test_a_bare_start_in_a_group_is_silent(sqlite_url: str, start: Start) -> None:
    """It is what Telegram sends for whoever adds the bot."""
    async with start(sqlite_url, plugins=[]) as groups:
        for said in (
            "/start",
            f"/start@{groups.name}",
            f"/start@{groups.name} x",
            f"/start@{groups.name} core-start",
        ):
            assert await groups.say(said) == []
        assert await groups.say("/start", reply_to_message=groups.reply()) == []


# --- a plugin with routes for groups


routes = Routes()


@routes.command("quiz", description="A quiz for all of you", chat=GROUP)
async def quiz(ctx: Context) -> None:
    """A game of a group."""
    ctx.reply(f"quiz {ctx.user.first_name}", [[ctx.button("Guess", guess(n=1)), ctx.button("Mine", mine())]])


@routes.command("sky", description="The sky", chat=ANY)
async def sky(ctx: Context) -> None:
    """For every chat."""
    ctx.reply(f"sky of {ctx.id} " + "|".join(ctx.args.split()))


@routes.command("purse", description="Your money")
async def purse(ctx: Context) -> None:
    """For one's own eyes."""
    ctx.reply(f"purse of {ctx.id}" + "|".join(ctx.args.split()))


@routes.command("rule", description="Rules of all", role=OWNER, chat=ANY)
async def rule(ctx: Context) -> None:
    """An admin's command."""
    ctx.reply("ruled")


@routes.command("bet", chat=ANY)
async def bet(ctx: Context) -> None:
    """Ask in a group what is for groups."""
    ctx.ask(stake())
    ctx.reply("how much?")


@routes.command("pry", chat=ANY)
async def pry(ctx: Context) -> None:
    """Ask in a group what is private: a mistake."""
    ctx.ask(secret())
    ctx.reply("what is your secret?")


@routes.question("stake", chat=ANY)
async def stake(ctx: Context) -> None:
    """The answer."""
    ctx.reply(f"stake {ctx.text}")


@routes.question("secret")
async def secret(ctx: Context) -> None:
    """A private answer."""
    ctx.reply("told")


@routes.callback("guess/{n:int}", answer="manual", chat=GROUP | CHANNEL, park=True)
async def guess(ctx: Context, n: int) -> None:
    """A group's button."""
    ctx.answer(f"guessed {n}")
    ctx.reply(f"guess {n}")


@routes.callback("mine", answer="manual", park=True)
async def mine(ctx: Context) -> None:
    """A private button."""
    ctx.reply("mine")


@routes.deep_link("join/{n:int}", chat=ANY)
async def link(ctx: Context, n: int) -> None:
    """A link that adds the bot to a group."""
    ctx.reply(f"link {n}")


@routes.payment()
async def paid(ctx: Context, payment: View) -> None:
    """A fact, wherever it happens."""
    ctx.ask(secret())
    raise Refuse(ctx.t("You have this already."))


private = Routes()


@private.deep_link("page/{name:slug}")
async def private_link(ctx: Context, name: str) -> None:
    """A link for one person."""
    ctx.reply(f"private {name}")


@private.text()
async def chatter(ctx: Context) -> None:
    """The catch-all of the private chat."""
    ctx.reply("caught")


@pytest.fixture
def game(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """A plugin for groups, and one for people."""
    return [make_plugin("game", routes), make_plugin("diary", private)]


async def test_a_command_for_groups_answers_there(database_url: str, start: Start, game: list[LoadedPlugin]) -> None:
    """Where it asked for it, and only there; no name is needed. Who is nameless is no `ctx.user`, and Telegram itself
    is answered nothing."""
    async with start(database_url, game) as groups:
        assert texts(await groups.say("/quiz")) == ["quiz Vera"]
        assert texts(await groups.say("/sky  a b", FORUM)) == ["sky of game a|b"]
        (refused,) = await groups.say(f"/quiz@{groups.name}", sender_chat=SUPER, **{"from": HIDDEN})
        assert refused.params["text"] == "I can only do this for a person. Please write as yourself."
        assert texts(await groups.say("/sky d", sender_chat=SUPER, **{"from": HIDDEN})) == ["sky of game d"]
        forwarded = {"sender_chat": NEWS, "is_automatic_forward": True, "from": FORWARDED}
        assert await groups.say(f"/quiz@{groups.name}", **forwarded) == []
        anna = groups.kit.chat("Anna")
        await anna.send("/sky c")
        assert anna.last.text == "sky of game c"
        await anna.send("/quiz")
        assert "quiz" not in anna.last.text
        assert DEAD not in await groups.states()


async def test_a_group_that_takes_nothing_from_the_bot_is_no_failure(
    sqlite_url: str, start: Start, game: list[LoadedPlugin], caplog: pytest.LogCaptureFixture
) -> None:
    """403 in a group marks no person as one who blocked the bot, and leaves nothing for the owner to look at."""
    async with start(sqlite_url, game) as groups:
        groups.kit.telegram.fail("sendMessage", "403", times=2)
        await groups.say("/quiz")
        await groups.say(f"/about@{groups.name}")
        assert not groups.kit.running.bot.people.is_blocked(-1001)
        async with groups.kit.running.database.engine.connect() as connection:
            assert (await connection.execute(select(core_outbox.c.error))).all() == []
    assert "is dead" not in caplog.text


async def test_a_group_is_asked_for_no_question_where_none_may_be_open(
    sqlite_url: str, start: Start, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most of what people say in groups is not for the bot: it costs no look into the database."""
    async with start(sqlite_url, [make_plugin("diary", private)]) as groups:
        asked: list[int] = []
        question = groups.kit.running.bot.people.question

        async def noted(key: Any) -> Any:
            asked.append(key[0])
            return await question(key)

        monkeypatch.setattr(groups.kit.running.bot.people, "question", noted)
        await groups.say("hello everybody")
        assert asked == []
        await groups.say("yes", reply_to_message=groups.reply())
        assert len(asked) == 1


async def test_help_lists_what_works_where_it_stands(sqlite_url: str, start: Start, game: list[LoadedPlugin]) -> None:
    """The private one names no command that works in groups alone."""
    async with start(sqlite_url, game, admins=(1001,)) as groups:
        admin = groups.kit.chat("Admin", id=1001)
        await admin.send("/help")
        assert "/sky — " in admin.last.text
        assert "/rule — " in admin.last.text
        assert "/quiz" not in admin.last.text


async def test_telegrams_menus_are_for_private_chats_and_for_groups(
    sqlite_url: str, start: Start, game: list[LoadedPlugin], until: Until
) -> None:
    """Each shows what works there, without the admins' part; what an earlier version told everybody is taken back."""
    async with start(sqlite_url, game) as groups:
        bot, calls = groups.kit.telegram.world.bot, groups.kit.telegram.calls_of
        await until(lambda: len(calls("deleteMyCommands")) == 4)
        bot.commands["default", ""] = bot.commands["default", "ru"] = [{"command": "old", "description": "x"}]
        await groups.kit.restart()
        await until(lambda: len(calls("deleteMyCommands")) == 8)
        anna = groups.kit.user("Anna")
        here = {one["command"] for one in bot.commands_for(anna.user)}
        assert {"start", "sky", "purse"} <= here
        assert not here & {"quiz", "rule", "old"}
        for language in ("en", "ru"):
            for administrator in (False, True):
                there = [one["command"] for one in bot.commands_in_groups(language, administrator=administrator)]
                assert sorted(there) == ["quiz", "sky"]


async def test_a_bot_without_commands_for_groups_shows_them_no_menu(
    sqlite_url: str, start: Start, until: Until
) -> None:
    """Neither an empty list of its own, which Telegram would refuse, nor that of private chats."""
    async with start(sqlite_url, []) as groups:
        bot, calls = groups.kit.telegram.world.bot, groups.kit.telegram.calls_of
        await until(lambda: len(calls("deleteMyCommands")) == 6)
        assert all(call.params["commands"] for call in calls("setMyCommands"))
        assert bot.commands_in_groups("en") == []
        assert {scope for scope, _ in bot.commands} == {"all_private_chats"}


async def test_buttons_answer_where_they_may(sqlite_url: str, start: Start, game: list[LoadedPlugin]) -> None:
    """A group's in groups and channels, a person's in the private chat; the spinner ends in any case."""
    async with start(sqlite_url, game) as groups:
        for chat in (SUPER, NEWS):
            calls, ended = await groups.press("game:guess/3", chat)
            assert (texts(calls), ended) == (["guess 3"], True)
        calls, ended = await groups.press("game:mine")
        assert ([place(call) for call in calls], ended) == ([f"https://t.me/{groups.name}?start=core-start"], True)
        calls, ended = await groups.press("game:guess/no-number")
        assert ([place(call) for call in calls], ended) == ([f"https://t.me/{groups.name}?start=core-start"], True)
        anna = groups.kit.chat("Anna")
        await anna.send("/start")
        query = await anna.forge("game:guess/3")
        assert "That button has expired" in anna.last.text
        assert query.answered


async def test_a_question_takes_answers_where_it_may(
    database_url: str, start: Start, game: list[LoadedPlugin]
) -> None:
    """A group's question is answered in the group; a private one cannot be asked there."""
    async with start(database_url, game) as groups:
        assert texts(await groups.say("/bet", user=71)) == ["how much?"]
        assert await groups.say("ten", user=72) == []
        assert texts(await groups.say("ten", user=71)) == ["stake ten"]
        assert await groups.say("ten", user=71) == []
        assert await groups.say("/pry", user=71) == []
        assert await groups.say("my secret", user=71) == []
        assert DEAD in await groups.states()


async def test_an_open_private_question_takes_no_message_in_a_group(
    sqlite_url: str, start: Start, game: list[LoadedPlugin]
) -> None:
    """One that an earlier version asked there: talk is no answer, and who answers the bot is shown the way, once."""
    async with start(sqlite_url, game) as groups:
        row = {"chat_id": SUPER["id"], "user_id": 71, "route": "game.secret", "args": "{}", "created_at": now()}
        async with groups.kit.running.database.engine.begin() as connection:
            await connection.execute(core_dialogs.insert().values(**row))
        assert await groups.say("just talk", user=71) == []
        (line,) = await groups.say("my secret", user=71, reply_to_message=groups.reply())
        assert place(line) == f"https://t.me/{groups.name}?start=core-start"
        async with groups.kit.running.database.engine.connect() as connection:
            assert (await connection.execute(select(core_dialogs))).all() == []


async def test_a_catch_all_is_for_private_chats_unless_it_says_more(
    sqlite_url: str, start: Start, make_plugin: MakePlugin, game: list[LoadedPlugin]
) -> None:
    """Talk of a group goes to who asked for it; unknown commands are somebody else's."""
    loud = Routes()

    @loud.text(chat=GROUP)
    async def hears(ctx: Context) -> None:
        ctx.reply("heard")

    async with start(sqlite_url, game) as groups:
        assert await groups.say("talk") == []
    async with start(sqlite_url, [make_plugin("loud", loud)]) as groups:
        assert texts(await groups.say("talk")) == ["heard"]
        assert await groups.say(f"/unknown@{groups.name}") == []
        anna = groups.kit.chat("Anna")
        await anna.send("talk")
        assert "I did not quite get that" in anna.last.text


async def test_deep_links_in_a_group(sqlite_url: str, start: Start, game: list[LoadedPlugin]) -> None:
    """One for groups runs when the bot is added by it; a private one goes on in the private chat, with its rest."""
    async with start(sqlite_url, game) as groups:
        assert texts(await groups.say(f"/start@{groups.name} game-join-7")) == ["link 7"]
        (line,) = await groups.say(f"/start@{groups.name} diary-page-7_a")
        assert place(line) == f"https://t.me/{groups.name}?start=diary-page-7_a"
        assert await groups.say(f"/start@{groups.name} diary-page-%0a&x=y") == []  # written by hand
        assert await groups.say("/start diary-page-7") == []


# --- what the line's button leads to


async def test_the_link_runs_the_command_in_the_private_chat(
    sqlite_url: str, start: Start, game: list[LoadedPlugin]
) -> None:
    """In the plugin's own context, under the name that the owner gave it; admins' commands for admins only."""
    async with start(sqlite_url, game, admins=(1001,), commands={"game.purse": "wallet"}) as groups:
        (line,) = await groups.say(f"/wallet@{groups.name}")
        assert place(line).endswith("?start=core-wallet")
        admin, anna = groups.kit.chat("Admin", id=1001), groups.kit.chat("Anna", id=1002)
        await anna.send("/start core-wallet")
        assert anna.last.text == "purse of game"
        await admin.send("/start core-rule")
        assert admin.last.text == "ruled"
        for word in ("core-rule", "core-purse", "core-quiz", "core-start", "core-", "core", "core-nothing", "x"):
            await anna.send(f"/start {word}")
            assert "Hello, Anna" in anna.last.text
            assert "What I can do" in anna.keyboard[-1]


# --- plugins that are away


async def test_a_plugin_that_is_away_does_not_answer_in_a_group_either(
    sqlite_url: str, start: Start, game: list[LoadedPlugin]
) -> None:
    """Its command points to the private chat, which says why; what a group's route must not lose waits for it."""
    away = LoadedPlugin("game", "astral-game", "1.1", "astral_game_that_cannot_be_imported")
    async with start(sqlite_url, game, host={"on_error": "quarantine", "required": ()}) as groups:
        texts(await groups.say("/bet", user=71))
        groups.kit.plugins = [away, game[1]]
        await groups.kit.restart()
        assert await groups.say("/purse") == []
        for name in ("purse", "quiz"):
            (line,) = await groups.say(f"/{name}@{groups.name}")
            assert place(line) == f"https://t.me/{groups.name}?start=core-{name}"
        anna = groups.kit.chat("Anna")
        await anna.send("/start core-purse")
        assert "This is not available right now" in anna.last.text
        assert await groups.say("ten", user=71) == []
        calls, ended = await groups.press("game:mine")
        assert ([place(call) for call in calls], ended) == ([f"https://t.me/{groups.name}?start=core-start"], True)
        assert PARKED not in await groups.states()
        calls, _ = await groups.press("game:guess/4")
        assert calls == []
        assert PARKED in await groups.states()
        groups.kit.plugins = game
        before = len(groups.kit.calls())
        await groups.kit.restart()
        assert "guess 4" in texts(groups.heard(before))


# --- who else might speak


async def test_a_payment_in_a_group_is_handled_and_not_spoken_of(
    sqlite_url: str, start: Start, game: list[LoadedPlugin]
) -> None:
    """Money is a fact: it is nobody's fault where it was paid, and nobody else's business."""
    async with start(sqlite_url, game) as groups:
        fact = {"currency": "XTR", "total_amount": 5, "invoice_payload": "game:1", "telegram_payment_charge_id": "c1",
                "provider_payment_charge_id": "p1"}  # fmt: skip
        assert await groups.say("", successful_payment=fact) == []
        assert 'outcome="refused",plugin="game",route="payment"' in groups.kit.running.metrics.render().decode()


async def test_handlers_of_python_telegram_bot_hear_every_chat(
    sqlite_url: str, start: Start, make_plugin: MakePlugin, game: list[LoadedPlugin]
) -> None:
    """They say themselves what they want: groups, who is nameless, channels, and what no route of this chat takes."""
    foreign = Routes()

    async def hears(update: Update, context: RawContext) -> None:
        context.astral.reply("heard")

    foreign.raw(MessageHandler(filters.Regex("^(listen|/purse)"), hears))
    async with start(sqlite_url, [*game, make_plugin("foreign", foreign)]) as groups:
        assert texts(await groups.say("listen")) == ["heard"]
        assert texts(await groups.say("listen", sender_chat=SUPER, **{"from": HIDDEN})) == ["heard"]
        assert texts(await groups.say("/purse")) == ["heard"]
        (line,) = await groups.say(f"/purse@{groups.name}")
        place(line)
        post = {"message_id": 1, "date": 1, "chat": NEWS, "sender_chat": NEWS, "text": "listen"}
        before = len(groups.kit.calls())
        await groups.send({"update_id": 5, "channel_post": post})
        assert texts(groups.heard(before)) == ["heard"]


async def test_middleware_does_not_speak_for_a_private_route_in_a_group(
    sqlite_url: str, start: Start, make_plugin: MakePlugin
) -> None:
    """It wraps what runs; in a group a private route does not."""
    layers = Routes()

    @layers.middleware()
    async def nosy(ctx: Context, call_next: Callable[[], Awaitable[None]]) -> None:
        ctx.reply("a word about you")
        await call_next()

    async with start(sqlite_url, [make_plugin("game", routes, layers)]) as groups:
        (line,) = await groups.say(f"/purse@{groups.name}")
        place(line)
        assert await groups.say("/purse") == []
        assert texts(await groups.say("/quiz")) == ["a word about you", "quiz Vera"]
