"""Hard cases of moved-in bots: what strangers found by trying to break them."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update
from telegram import BotCommand, InlineKeyboardButton, InlineKeyboardMarkup, Update, User
from telegram.ext import (
    CallbackQueryHandler,
    CommandHandler,
    ConversationHandler,
    Defaults,
    ExtBot,
    MessageHandler,
    PicklePersistence,
    TypeHandler,
    filters,
)

from astral_core import Context, Plugin
from astral_core.db.engine import open_database
from astral_core.db.tables import DEAD, core_due, core_inbox, core_ptb
from astral_core.errors import DeclarationError, HandlerError, PluginLoadError
from astral_core.host.state import LoadedPlugin
from astral_core.inbox.schedule import Trigger
from astral_core.ptb import application as application_module
from astral_core.ptb.codec import decode, encode
from astral_core.ptb.options import Options
from astral_playground.testkit.bot import BotKit, bot_kit
from astral_playground.testkit.process import until
from tests.ptb.cases import Stage

MakePlugin = Callable[..., LoadedPlugin]


class Mood(enum.Flag):
    """Flags may be combined: their names then are no names."""

    GLAD = 1
    WILD = 2


def bot_of(make_plugin: MakePlugin, *handlers: Any, name: str = "one", **options: Any) -> LoadedPlugin:
    """A plugin that holds a bot of these handlers."""
    plugin = Plugin()
    plugin.ptb(lambda application: application.add_handlers(list(handlers)), **options)
    return make_plugin(name, plugin)


async def values(bot: BotKit, store: str = "user") -> dict[Any, Any]:
    """What is kept in a store."""
    rows = await bot.rows(select(core_ptb.c.item, core_ptb.c.value).where(core_ptb.c.store == store))
    return {decode(bytes(row.item)) if row.item else "": decode(bytes(row.value)) for row in rows}


async def reply(update: Update, text: object) -> None:
    """Answer."""
    assert update.effective_message is not None
    await update.effective_message.reply_text(str(text))


# --- values


async def keeps_a_file(update: Update, context: Any) -> None:
    """Keep a file, whose address holds the bot's token."""
    found = await update.effective_message.photo[-1].get_file()  # type: ignore[union-attr]
    context.user_data["file"], context.user_data["path"] = found, found.file_path
    await reply(update, context.bot.token in found.file_path)


async def shows_the_path(update: Update, context: Any) -> None:
    """Tell whether the address is whole again."""
    await reply(
        update,
        context.user_data["path"] == context.user_data["file"].file_path
        and context.bot.token in context.user_data["path"],
    )


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364f80f00010501012718e3660000"
    "000049454e44ae426082"
)


async def test_no_token_is_kept_or_given_out(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Neither in the database nor in /mydata; handlers see the address as it was."""
    handlers = MessageHandler(filters.PHOTO, keeps_a_file), CommandHandler("path", shows_the_path)
    async with bot_kit(sqlite_url, [bot_of(make_plugin, *handlers)]) as bot:
        anna = bot.chat("Anna")
        await anna.send_photo(PNG)
        assert anna.last.text == "True"
        await anna.send("/path")
        assert anna.last.text == "True"
        token = bot.telegram.token
        assert not [row for row in await bot.rows(core_ptb) if token.encode() in bytes(row.value)]
        await anna.send("/mydata")
        sent = bot.telegram.world.files.by_id(anna.last.content["document"]["file_id"]).data
        assert token.encode() not in zipfile.ZipFile(io.BytesIO(sent)).read("one/ptb.json")


async def feels(update: Update, context: Any) -> None:
    """Keep what is hard to keep."""
    context.bot_data["mood"] = Mood.GLAD | Mood.WILD
    context.user_data["days"] = {"log": {dt.date(2026, 12, 1): (1, {2})}}
    await reply(update, "kept")


async def test_flags_and_odd_keys_are_kept_and_exported(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """A combination has no name; a date is no key of JSON."""
    async with bot_kit(sqlite_url, [bot_of(make_plugin, CommandHandler("feel", feels))]) as bot:
        anna = bot.chat("Anna")
        await anna.send("/feel")
        await bot.restart()
        await anna.send("/feel")
        assert (await values(bot, "bot"))["mood"] is Mood.GLAD | Mood.WILD
        [told] = json.loads((await bot.export(anna, plugin="one"))["one/ptb.json"])
        assert told["value"] == {"log": {"2026-12-01": [1, [2]]}}
        assert await bot.forget(anna, plugin="one") == 1


async def test_an_entry_that_cannot_be_read_costs_that_entry_alone(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """Another version of the bot wrote it: it stays as it is, and the log says so once."""

    async def counts(update: Update, context: Any) -> None:
        context.bot_data["n"] = context.bot_data.get("n", 0) + 1
        await reply(update, f"{context.bot_data['n']} {sorted(context.bot_data)}")

    async with bot_kit(sqlite_url, [bot_of(make_plugin, CommandHandler("n", counts))]) as bot:
        anna = bot.chat("Anna")
        await anna.send("/n")
        foreign = {"plugin": "one", "store": "bot", "chat_id": 0, "user_id": 0, "version": 5, "value": b"\xc1"}
        async with bot.running.database.engine.begin() as connection:
            await connection.execute(core_ptb.insert().values(item=encode("old"), **foreign))
        await bot.restart()
        await anna.send("/n")
        assert anna.last.text == "2 ['n']"
        await anna.send("/n")
        assert len(await bot.rows(select(core_ptb).where(core_ptb.c.value == b"\xc1"))) == 1
    assert caplog.text.count("cannot be read; it stays") == 1


async def test_many_entries_may_change_at_once(database_url: str, make_plugin: MakePlugin) -> None:
    """More than one statement takes."""

    async def fills(update: Update, context: Any) -> None:
        context.chat_data.update({f"k{number}": number for number in range(1_500)})
        await reply(update, "filled")

    async def empties(update: Update, context: Any) -> None:
        context.chat_data.clear()
        await reply(update, "emptied")

    handlers = CommandHandler("fill", fills), CommandHandler("empty", empties)
    async with bot_kit(database_url, [bot_of(make_plugin, *handlers)]) as bot:
        anna = bot.chat("Anna")
        await anna.send("/fill")
        assert len(await values(bot, "chat")) == 1_500
        await anna.send("/empty")
        assert await values(bot, "chat") == {}
        assert anna.last.text == "emptied"


async def test_a_task_that_outlives_its_handler_is_told_so(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """What it changes would be lost."""
    told: list[Exception] = []
    tasks: list[asyncio.Task[None]] = []

    async def later(context: Any) -> None:
        await asyncio.sleep(0.2)
        for act in (
            lambda: context.user_data,
            lambda: context.bot_data,
            lambda: context.job_queue.run_once(rings, 1),
        ):
            try:
                act()
            except Exception as error:  # noqa: BLE001  # whatever it is
                told.append(error)

    async def begins(update: Update, context: Any) -> None:
        tasks.append(asyncio.create_task(later(context)))
        await reply(update, "begun")

    async with bot_kit(sqlite_url, [bot_of(make_plugin, CommandHandler("go", begins))]) as bot:
        await bot.chat("Anna").send("/go")
        await asyncio.gather(*tasks)
    assert len(told) == 3
    assert all("the handler is done" in str(error) for error in told)


# --- beside others


async def watches(update: Update, context: Any) -> None:
    """Count every update."""
    context.bot_data["n"] = context.bot_data.get("n", 0) + 1


async def test_who_only_watches_takes_nothing_away(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Texts reach the other plugin, an unknown payment is a dead letter; and what was counted is kept."""
    plugin = Plugin()

    @plugin.text()
    async def echo(ctx: Context) -> None:
        ctx.reply(f"echo {ctx.text}")

    async with bot_kit(
        sqlite_url, [bot_of(make_plugin, TypeHandler(Update, watches)), make_plugin("two", plugin)]
    ) as bot:
        anna = bot.chat("Anna")
        await anna.send("hello")
        assert anna.last.text == "echo hello"
        assert (await values(bot, "bot"))["n"] == 1
        stage = Stage(bot, anna)
        order = {"currency": "XTR", "total_amount": 5, "invoice_payload": "nobody:x"}
        await stage.update("pre_checkout_query", {"id": "1", "from": stage.person, **order}, 900_001)
        [asked] = bot.telegram.calls_of("answerPreCheckoutQuery")
        assert "false" in str(asked.params["ok"]).lower()
        paid = {**order, "telegram_payment_charge_id": "a", "provider_payment_charge_id": "b"}
        chat = {"id": anna.id, "type": "private", "first_name": "Anna"}
        message = {"message_id": 90, "date": 1, "from": stage.person, "chat": chat, "successful_payment": paid}
        await stage.update("message", message, 900_002)
        kinds = await bot.rows(select(core_inbox.c.kind).where(core_inbox.c.state == DEAD))
        assert ("message",) in [tuple(row) for row in kinds]


async def test_the_bots_commands_are_in_the_menu_before_the_cores(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """What post_init asks Telegram to show is not covered by the core's own menu."""

    async def begins(application: Any) -> None:
        await application.bot.set_my_commands([BotCommand("start", "Begin here"), ("go", "Go")])

    plugin = bot_of(make_plugin, CommandHandler("go", watches), post_init=begins)
    async with bot_kit(sqlite_url, [plugin]) as bot:
        found = await until(lambda: len(calls := bot.telegram.calls_of("setMyCommands")) >= 2 and calls)
        calls = [call.params for call in found]
    menus = [one["commands"] for one in calls if "all_private_chats" in str(one["scope"])]
    assert menus[0][:2] == [{"command": "start", "description": "Begin here"}, {"command": "go", "description": "Go"}]
    assert [one["command"] for one in menus[0]].count("start") == 1
    assert "privacy" in [one["command"] for one in menus[0]]


async def shows_digits(update: Update, context: Any) -> None:
    """Buttons whose texts are other buttons' data, as authors number their states."""
    buttons = [InlineKeyboardButton(text, callback_data=data) for text, data in (("3", "2"), ("4", "3"))]
    assert update.message is not None
    await update.message.reply_text("choose", reply_markup=InlineKeyboardMarkup([buttons]))


async def tells_the_data(update: Update, context: Any) -> None:
    """Tell which button it was."""
    assert update.callback_query is not None
    await update.callback_query.answer(update.callback_query.data)


async def test_the_button_that_says_so_is_pressed(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """A text is looked for before the data of other buttons."""
    handlers = CommandHandler("go", shows_digits), CallbackQueryHandler(tells_the_data)
    async with bot_kit(sqlite_url, [bot_of(make_plugin, *handlers)]) as bot:
        anna = bot.chat("Anna")
        await anna.send("/go")
        for text in ("4", "3", "2"):
            await anna.tap(text)
        assert anna.toasts == ["3", "2", "2"]


async def test_who_asks_for_a_bot_that_is_away_is_told_so(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """The next version does not start: its commands are not unknown, and its jobs wait for it."""
    lenient: dict[str, Any] = {"host": {"on_error": "quarantine", "required": ()}}

    async def fails(application: Any) -> None:
        raise ValueError("no pool")

    async with bot_kit(sqlite_url, [bot_of(make_plugin, CommandHandler("daily", daily))], **lenient) as bot:
        anna = bot.chat("Anna")
        await anna.send("/daily")
        await bot.stop()
        bot.plugins = [bot_of(make_plugin, CommandHandler("daily", daily), post_init=fails)]
        await bot.start()
        await anna.send("/daily")
        assert anna.last.text.startswith("This is not available right now.")
        await bot.advance(90_000)
        assert not [one for one in anna.messages if one.text.startswith("ring")]
        await bot.stop()
        bot.plugins = [bot_of(make_plugin, CommandHandler("daily", daily))]
        await bot.start()
        await bot.advance(60)
        assert [one.text for one in anna.messages if one.text.startswith("ring")] == ["ring 1 hi"]


# --- errors


async def speaks_and_fails(update: Update, context: Any) -> None:
    """Speak at once, then fail."""
    await reply(update, "before")
    raise ValueError("a mistake")


async def fails_too(update: object, context: Any) -> None:
    """An error handler with a mistake of its own."""
    raise KeyError("another")


async def test_what_was_said_at_once_is_not_said_twice(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """A handler that fails is not tried again by itself: the person reads the apology, the owner has the letter."""
    async with bot_kit(sqlite_url, [bot_of(make_plugin, CommandHandler("go", speaks_and_fails))]) as bot:
        anna = bot.chat("Anna")
        await anna.send("/go")
        await bot.settled()
        said = [message.text for message in anna.messages if message.sender == "bot"]
        assert said[0] == "before"
        assert said[1].startswith("Something went wrong")
        assert len(said) == 2
        assert len(await bot.rows(select(core_inbox.c.seq).where(core_inbox.c.state == DEAD))) == 1


async def test_an_error_handler_that_fails_is_logged(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """As in the library; the next ones still get the error."""
    plugin = Plugin()

    async def tells(update: object, context: Any) -> None:
        assert isinstance(update, Update)
        await reply(update, repr(context.error))

    def setup(application: Any) -> None:
        application.add_handler(CommandHandler("go", speaks_and_fails))
        application.add_error_handler(fails_too)
        application.add_error_handler(tells)

    plugin.ptb(setup)
    async with bot_kit(sqlite_url, [make_plugin("one", plugin)]) as bot:
        anna = bot.chat("Anna")
        await anna.send("/go")
        assert [one.text for one in anna.messages if one.sender == "bot"] == ["before", "ValueError('a mistake')"]
    assert "the error handler fails_too failed itself" in caplog.text


async def test_a_filter_that_fails_is_an_error_like_others(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """The error handlers get it."""

    class Broken(filters.MessageFilter):
        def filter(self, message: object) -> bool:
            raise LookupError("a filter's mistake")

    plugin = Plugin()

    async def tells(update: object, context: Any) -> None:
        assert isinstance(update, Update)
        await reply(update, context.error)

    def setup(application: Any) -> None:
        application.add_handler(MessageHandler(Broken(), watches))
        application.add_error_handler(tells)

    plugin.ptb(setup)
    async with bot_kit(sqlite_url, [make_plugin("one", plugin)]) as bot:
        anna = bot.chat("Anna")
        await anna.send("hello")
        assert anna.last.text == "a filter's mistake"


def test_a_setup_that_adds_nothing_is_refused(make_plugin: MakePlugin, sqlite_url: str) -> None:
    """It made an application of its own, and the bot would be mute."""
    plugin = Plugin()
    plugin.ptb(lambda _: None)

    async def start() -> None:
        async with bot_kit(sqlite_url, [make_plugin("one", plugin)]):
            pass

    with pytest.raises(PluginLoadError, match="setup has added no handler"):
        asyncio.run(start())


# --- jobs


async def rings(context: Any) -> None:
    """Tell how often."""
    context.job.data["n"] += 1
    await context.bot.send_message(
        context.job.chat_id, f"ring {context.job.data['n']} {context.chat_data.get('word')}"
    )


async def reports(context: Any) -> None:
    """A job of no chat."""


async def daily(update: Update, context: Any) -> None:
    """Ring every day at eight."""
    context.chat_data["word"] = "hi"
    chat, new_york = update.effective_chat.id, ZoneInfo("America/New_York")  # type: ignore[union-attr]
    context.job_queue.run_daily(rings, dt.time(8, 0, tzinfo=new_york), chat_id=chat, data={"n": 0}, name="ring")


async def report(update: Update, context: Any) -> None:
    """One report for the whole bot, whoever asks."""
    found = context.job_queue.get_jobs_by_name("report")
    for job in found:
        job.schedule_removal()
    context.job_queue.run_repeating(reports, 3_600, name="report")
    await reply(update, len(found))


async def test_a_daily_job_keeps_its_zone_and_its_data(database_url: str, make_plugin: MakePlugin) -> None:
    """Also after the clocks have changed: eight is eight."""
    async with bot_kit(database_url, [bot_of(make_plugin, CommandHandler("daily", daily))]) as bot:
        bot.freeze("2026-10-30 10:00+00:00")
        anna = bot.chat("Anna")
        await anna.send("/daily")
        due = []
        for _ in range(4):
            [row] = [row for row in await bot.rows(core_due) if row.route == "one.ptb"]
            due.append(f"{row.due_at:%m-%d %H:%M}")
            await bot.advance(86_400 + 3_600 if len(due) == 3 else 86_400)
        assert due == ["10-30 12:00", "10-31 12:00", "11-01 13:00", "11-02 13:00"]
        said = [one.text for one in anna.messages if one.sender == "bot"]
        assert said == ["ring 1 hi", "ring 2 hi", "ring 3 hi", "ring 4 hi"]


async def test_a_persons_jobs_are_forgotten_with_them(database_url: str, make_plugin: MakePlugin) -> None:
    """What somebody wanted to be reminded of is theirs."""
    async with bot_kit(database_url, [bot_of(make_plugin, CommandHandler("daily", daily))]) as bot:
        anna, ben = bot.chat("Anna"), bot.chat("Ben")
        await anna.send("/daily")
        await ben.send("/daily")
        await anna.send("/forget")
        await anna.tap("Yes, delete everything")
        await bot.settled()
        assert [row.lane for row in await bot.rows(core_due) if row.route == "one.ptb"] == [ben.id]


def test_a_job_queue_that_is_not_installed_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a conversation's timeout is declared, and when a handler asks for the queue."""
    monkeypatch.setattr(application_module, "has_job_queue", lambda: False)

    def setup(application: Any) -> None:
        application.add_handler(CommandHandler("go", watches))

    made = application_module.build("one", setup, Options())
    with pytest.raises(HandlerError, match=r"astral-core\[job-queue\]"):
        made.job_queue.run_once(rings, 1)

    def timing(application: Any) -> None:
        application.add_handler(ConversationHandler([CommandHandler("go", watches)], {}, [], conversation_timeout=5))

    with pytest.raises(DeclarationError, match=r"astral-core\[job-queue\]"):
        application_module.build("one", timing, Options())


async def test_a_token_of_the_old_persistence_is_not_kept(
    sqlite_url: str, make_plugin: MakePlugin, tmp_path: Path
) -> None:
    """An address of a file that the old bot had kept holds it."""
    old: Any = PicklePersistence(tmp_path / "bot.pickle")
    old.set_bot(ExtBot("1:old"))
    plugins = [
        bot_of(make_plugin, CommandHandler("path", watches), persistence=PicklePersistence(tmp_path / "bot.pickle"))
    ]
    async with bot_kit(sqlite_url, plugins) as bot:
        token = bot.telegram.token
        await bot.stop()
        await old.update_user_data(1001, {"path": f"https://example.org/file/bot{token}/a.jpg"})
        await old.flush()
        database = open_database(sqlite_url)
        async with database.engine.begin() as connection:
            await connection.execute(core_ptb.delete())
        await database.dispose()
        await bot.start()
        assert await values(bot) == {"path": "https://example.org/file/bot{the bot's token}/a.jpg"}


async def test_a_job_of_no_chat_is_seen_from_everywhere(database_url: str, make_plugin: MakePlugin) -> None:
    """So that there is one of it."""
    async with bot_kit(database_url, [bot_of(make_plugin, CommandHandler("report", report))]) as bot:
        anna, ben = bot.chat("Anna"), bot.chat("Ben")
        await anna.send("/report")
        await ben.send("/report")
        assert (anna.last.text, ben.last.text) == ("0", "1")
        assert len([row for row in await bot.rows(core_due) if row.route == "one.ptb"]) == 1


async def test_jobs_and_timeouts_move_with_their_group(database_url: str, make_plugin: MakePlugin) -> None:
    """They speak in the supergroup, and find its data."""

    async def asks(update: Update, context: Any) -> int:
        return 1

    async def over(update: Update, context: Any) -> None:
        await context.bot.send_message(update.effective_chat.id, "over")  # type: ignore[union-attr]

    talk: Any = ConversationHandler(
        [CommandHandler("talk", asks)], {1: [], ConversationHandler.TIMEOUT: [MessageHandler(filters.ALL, over)]}, [],
        conversation_timeout=90_000, name="talk",
    )  # fmt: skip
    async with bot_kit(database_url, [bot_of(make_plugin, CommandHandler("daily", daily), talk)]) as bot:
        bot.freeze("2026-11-10 10:00+00:00")
        anna = bot.chat("Anna")
        group = bot.group("Stars", admins=[anna], kind="group", bot="administrator")
        await group.send(anna, "/daily")
        await group.send(anna, "/talk")
        await group.migrate()
        await bot.advance(86_400)
        assert group.last.text == "ring 1 hi"
        await bot.advance(10_000)
        assert group.last.text == "over"
        assert not [row for row in await bot.rows(core_ptb) if row.store.startswith("conversation")]


async def test_a_job_whose_function_is_gone_harms_nobody_else(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """The chat goes on, the job can be seen and removed, and its run is a dead letter."""

    async def lists(update: Update, context: Any) -> None:
        await reply(update, [job.name for job in context.job_queue.jobs()])

    plugins = [bot_of(make_plugin, CommandHandler("daily", daily), CommandHandler("jobs", lists))]
    async with bot_kit(sqlite_url, plugins) as bot:
        anna = bot.chat("Anna")
        await anna.send("/daily")
        async with bot.running.database.engine.begin() as connection:
            [row] = (await connection.execute(select(core_due).where(core_due.c.route == "one.ptb"))).all()
            gone = row.payload.replace(":rings", ":gone")
            await connection.execute(update(core_due).where(core_due.c.id == row.id).values(payload=gone))
        await anna.send("/jobs")
        assert anna.last.text == "['ring']"
        await bot.advance(90_000)
        assert len(await bot.rows(select(core_inbox.c.seq).where(core_inbox.c.state == DEAD))) == 1


async def test_jobs_of_setup_are_told_apart_by_their_chats(sqlite_url: str, tmp_path: Path) -> None:
    """The next version of the bot has two of three chats, and other data: exactly these jobs are there."""
    from astral_core.host.discover import from_file

    def version(chats: tuple[int, ...], word: str) -> None:
        lines = [
            "from astral_core import Plugin",
            "async def report(context): pass",
            "def setup(application):",
            f"    for chat in {chats}:",
            f"        application.job_queue.run_repeating(report, 3600, chat_id=chat, name='report', data={word!r})",
            "plugin = Plugin()",
            "plugin.ptb(setup)",
        ]
        (tmp_path / "many.py").write_text("\n".join(lines), encoding="utf-8")
        sys.modules.pop("astral_file_many", None)

    async def jobs(bot: BotKit) -> set[tuple[int, str]]:
        rows = [row for row in await bot.rows(core_due) if row.route == "many.ptb"]
        import base64

        return {(row.lane, decode(base64.b64decode(json.loads(row.payload)["job"]["data"]))) for row in rows}

    version((-100, -200, -300), "a")
    async with bot_kit(sqlite_url, [from_file(tmp_path / "many.py")]) as bot:
        assert await jobs(bot) == {(-100, "a"), (-200, "a"), (-300, "a")}
    version((-200, -300), "b")
    async with bot_kit(sqlite_url, [from_file(tmp_path / "many.py")]) as bot:
        assert await jobs(bot) == {(-200, "b"), (-300, "b")}


def test_a_clock_that_is_behind_counts_no_run_twice() -> None:
    """The next run of a daily job, of one each second, and of a short interval, by a clock that is 0.3 s behind."""
    at = dt.datetime(2026, 12, 1, 9, 0, tzinfo=dt.UTC)
    behind = at - dt.timedelta(seconds=0.3)
    daily = Trigger("cron", "UTC", fields={"hour": "9", "minute": "0", "second": "0"})
    assert daily.after(behind) == at + dt.timedelta(days=1)
    assert Trigger("cron", "UTC", fields={"second": "*"}).after(behind) == at + dt.timedelta(seconds=1)
    often = Trigger("interval", "UTC", at.isoformat(), seconds=2.0)
    assert often.after(behind) == at + dt.timedelta(seconds=2)
    assert often.after(at + dt.timedelta(seconds=0.01)) == at + dt.timedelta(seconds=2)


# --- what was there before


async def test_an_old_persistence_is_taken_over_once(
    sqlite_url: str, make_plugin: MakePlugin, tmp_path: Path
) -> None:
    """Data and conversations; what is deleted later does not come back."""
    old: Any = PicklePersistence(tmp_path / "bot.pickle")
    old.set_bot(ExtBot("1:old"))
    await old.update_user_data(1001, {"word": "old", "when": dt.date(2026, 1, 1)})
    await old.update_bot_data({"people": {1001}})
    await old.update_conversation("talk", (1001, 1001), 1)
    await old.flush()

    async def tells(update: Update, context: Any) -> int:
        await reply(update, f"{context.user_data.get('word')} {context.bot_data.get('people')}")
        return ConversationHandler.END

    talk: Any = ConversationHandler([], {1: [MessageHandler(filters.TEXT, tells)]}, [], name="talk")
    plugins = [bot_of(make_plugin, talk, persistence=PicklePersistence(tmp_path / "bot.pickle"))]
    async with bot_kit(sqlite_url, plugins) as bot:
        anna = bot.chat("Anna", id=1001)
        await anna.send("hello")
        assert anna.last.text == "old {1001}"
        await bot.forget(anna, plugin="one")
        await bot.restart()
        assert await values(bot) == {}


async def test_merging_sees_what_equality_does_not(caplog: pytest.LogCaptureFixture) -> None:
    """Telegram's objects are equal if their ids are: a change of a name is a change."""
    from astral_core.ptb.merge import merged

    old, new = User(1, "old", False), User(1, "new", False)
    found, lost = merged({1: old}, {1: new}, {1: old, 2: old})
    assert (found[1].first_name, found[2].first_name, lost) == ("new", "old", False)


async def test_the_zone_of_the_defaults_is_the_jobs(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """A time without a zone is one of the bot's."""

    async def makes(update: Update, context: Any) -> None:
        job = context.job_queue.run_daily(rings, dt.time(8, 0), chat_id=1, data={"n": 0})
        await reply(update, job.next_t.isoformat())

    plugin = bot_of(make_plugin, CommandHandler("job", makes), defaults=Defaults(tzinfo=ZoneInfo("Asia/Omsk")))
    async with bot_kit(sqlite_url, [plugin]) as bot:
        bot.freeze("2026-12-01 00:00+00:00")
        anna = bot.chat("Anna")
        await anna.send("/job")
        assert anna.last.text == "2026-12-01T08:00:00+06:00"
