"""Data of bots of python-telegram-bot: whose it is, what happens to it, and how much of it there may be."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from telegram import Update
from telegram.ext import CommandHandler, MessageHandler, filters

from astral_core import Plugin, RawContext
from astral_core.db.drop import drop_tables
from astral_core.db.tables import core_ptb
from astral_core.errors import HandlerError
from astral_core.host.state import LoadedPlugin
from astral_core.ptb import data as data_module
from astral_core.ptb.codec import decode
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]


def bot_of(make_plugin: MakePlugin, name: str, *handlers: Any) -> LoadedPlugin:
    """A plugin that holds a bot of these handlers."""
    plugin = Plugin()
    plugin.ptb(lambda application: application.add_handlers(list(handlers)))
    return make_plugin(name, plugin)


async def note(update: Update, context: RawContext) -> None:
    """Note a word everywhere."""
    (word,) = context.args or [""]
    for data in (context.user_data, context.chat_data, context.bot_data):
        assert data is not None
        data["word"] = word
    assert update.message is not None
    await update.message.reply_text("noted")


async def tell(update: Update, context: RawContext) -> None:
    """Tell what is noted."""
    stores = (context.user_data, context.chat_data, context.bot_data)
    assert update.effective_message is not None
    await update.effective_message.reply_text(" ".join(str((data or {}).get("word")) for data in stores))


async def kept(bot: BotKit) -> set[tuple[str, str, Any]]:
    """What is kept: plugin, store, value."""
    return {(row.plugin, row.store, decode(bytes(row.value))) for row in await bot.rows(core_ptb)}


async def test_two_bots_do_not_see_each_others_data(database_url: str, make_plugin: MakePlugin) -> None:
    """In one process, with the same keys."""
    plugins = [
        bot_of(make_plugin, "one", CommandHandler("note1", note), CommandHandler("tell1", tell)),
        bot_of(make_plugin, "two", CommandHandler("note2", note), CommandHandler("tell2", tell)),
    ]
    async with bot_kit(database_url, plugins) as bot:
        anna = bot.chat("Anna")
        await anna.send("/note1 a")
        await anna.send("/tell2")
        assert anna.last.text == "None None None"
        await anna.send("/note2 b")
        await anna.send("/tell1")
        assert anna.last.text == "a a a"
        await anna.send("/tell2")
        assert anna.last.text == "b b b"


async def test_a_person_gets_and_deletes_their_own(database_url: str, make_plugin: MakePlugin) -> None:
    """`user_data`, and `chat_data` of the private chat; others keep theirs, and so does the bot."""
    plugins = [bot_of(make_plugin, "one", CommandHandler("note", note))]
    async with bot_kit(database_url, plugins) as bot:
        anna, ben = bot.chat("Anna"), bot.chat("Ben")
        await anna.send("/note secret")
        await ben.send("/note other")
        await anna.send("/mydata")
        archive = zipfile.ZipFile(
            io.BytesIO(bot.telegram.world.files.by_id(anna.last.content["document"]["file_id"]).data)
        )
        told = json.loads(archive.read("one/ptb.json"))
        assert {(one["store"], one["item"], one["value"]) for one in told} == {
            ("user", "word", "secret"), ("chat", "word", "secret"),
        }  # fmt: skip
        await anna.send("/forget")
        await anna.tap("Yes, delete everything")
        await bot.settled()
        assert await kept(bot) == {("one", "user", "other"), ("one", "chat", "other"), ("one", "bot", "other")}


async def test_the_data_of_a_group_moves_with_it(database_url: str, make_plugin: MakePlugin) -> None:
    """When it becomes a supergroup."""
    plugins = [bot_of(make_plugin, "one", CommandHandler("note", note), CommandHandler("tell", tell))]
    async with bot_kit(database_url, plugins) as bot:
        anna = bot.chat("Anna")
        group = bot.group("Stars", admins=[anna], kind="group", bot="administrator")
        await group.send(anna, "/note old")
        await group.migrate()
        await group.send(anna, "/tell")
        assert group.last.text == "old old old"


async def test_what_is_left_goes_with_the_plugins_tables(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """`astral db drop`."""
    plugins = [bot_of(make_plugin, "one", CommandHandler("note", note))]
    async with bot_kit(sqlite_url, plugins) as bot:
        await bot.chat("Anna").send("/note a")
        await drop_tables(bot.running.database, "one")
        assert await bot.rows(select(func.count()).select_from(core_ptb)) == [(0,)]


async def test_a_dict_has_an_end(
    sqlite_url: str, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody who writes on and on fills no database: the handler fails, and what was there stays."""
    monkeypatch.setattr(data_module, "MOST", 300)

    async def more(update: Update, context: RawContext) -> None:
        assert context.user_data is not None
        assert update.message is not None
        context.user_data.setdefault("all", []).append(update.message.text)

    plugins = [bot_of(make_plugin, "one", MessageHandler(filters.TEXT, more))]
    async with bot_kit(sqlite_url, plugins) as bot:
        anna = bot.chat("Anna")
        await anna.send("a" * 200)
        await anna.send("b" * 200)
        await bot.settled()
        rows = await bot.rows(core_ptb)
        assert [decode(bytes(row.value)) for row in rows] == [["a" * 200]]
    assert "user_data has" in caplog.text
    assert "at most 300 are kept" in caplog.text


async def test_two_chats_at_once_lose_nothing_of_a_set(
    database_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """Sets are merged; of a number the later one stays, with a warning."""
    begun: list[int] = []

    async def join(update: Update, context: RawContext) -> None:
        assert update.effective_user is not None
        context.bot_data.setdefault("people", set()).add(update.effective_user.first_name)
        context.bot_data["n"] = context.bot_data.get("n", 0) + 1
        begun.append(1)
        async with asyncio.timeout(10):
            while len(begun) < 2:  # noqa: ASYNC110  # both have read before one of them writes
                await asyncio.sleep(0.01)

    plugins = [bot_of(make_plugin, "one", CommandHandler("join", join))]
    async with bot_kit(database_url, plugins) as bot:
        anna, ben = bot.chat("Anna"), bot.chat("Ben")
        with caplog.at_level(logging.WARNING, "astral.ptb"):
            await asyncio.gather(anna.send("/join"), ben.send("/join"))
            await bot.settled()
        found = {decode(bytes(row.item)): decode(bytes(row.value)) for row in await bot.rows(core_ptb)}
    assert found == {"people": {"Anna", "Ben"}, "n": 1}
    assert "two chats have changed bot_data['n'] at the same time" in caplog.text


async def test_data_is_there_inside_of_a_handler_alone(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """The error says where it is."""
    applications: list[Any] = []
    plugin = Plugin()

    def setup(application: Any) -> None:
        application.add_handler(CommandHandler("tell", tell))
        applications.append(application)

    plugin.ptb(setup)
    async with bot_kit(sqlite_url, [make_plugin("one", plugin)]):
        with pytest.raises(HandlerError, match="while a handler, a job or post_init runs"):
            applications[-1].user_data[5]
    assert "token" not in repr(applications[-1])
    assert applications[-1].bot.token not in repr(applications[-1]) + repr(applications[-1].bot)
