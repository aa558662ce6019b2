"""Alerts: what an owner has to know reaches each admin once an hour, whatever dies meanwhile, and nobody else."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from astral_core import N_, Context, PluginContext, Routes
from astral_core.alerts import LIMIT
from astral_core.db.engine import open_database
from astral_core.db.tables import DEAD, DONE, core_deaths, core_inbox, core_runs, now
from astral_core.errors import EffectError
from astral_core.host.alerts import Alert
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]
ADMINS = (7001, 7002)
PO = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "{n} reefs"\nmsgstr "Рифов: {n}"\n'
PAYLOAD = '{"update_id": %d, "message": {"message_id": 1, "date": 1, "chat": {"id": %d, "type": "private"}}}'
FAILED = [0]  # how often /flaky has failed


def plugin_of(make_plugin: MakePlugin) -> LoadedPlugin:
    """A plugin that raises alerts in every way."""
    routes = Routes()

    @routes.command("reef")
    async def reef(ctx: Context) -> None:
        key, n = ctx.args.split() or ("reef", "3")
        ctx.alert(key, N_("{n} reefs"), n=n)
        ctx.reply("seen")

    @routes.command("many")
    async def many(ctx: Context) -> None:
        for number in range(LIMIT + 5):
            ctx.alert(f"reef {number}", N_("{n} reefs"), n=number)
        ctx.reply("seen")

    @routes.command("flaky")
    async def flaky(ctx: Context) -> None:
        ctx.alert("flaky", N_("{n} reefs"), n=1)
        FAILED[0] -= 1
        if FAILED[0] >= 0:
            raise RuntimeError("not yet")
        ctx.reply("seen")

    @routes.command("wrong")
    async def wrong(ctx: Context) -> None:
        ctx.call("sendMessage", check=False, chat_id=ctx.chat.id, text="")
        ctx.reply("said")

    return make_plugin("watch", routes)


def alerts(chat: Any) -> list[str]:
    """What of the messages of a chat is an alert."""
    return [message.text for message in chat.messages if message.text.startswith("⚠️")]


async def rows(kit: BotKit, state: int) -> int:
    """How many alerts stand in the inbox in this state."""
    where = (core_inbox.c.ext_id.startswith("core.alert:"), core_inbox.c.state == state)
    async with kit.running.database.engine.connect() as connection:
        return int(
            (await connection.execute(select(func.count()).select_from(core_inbox).where(*where))).scalar_one()
        )


async def dead(kit: BotKit) -> int:
    """How many dead letters there are."""
    async with kit.running.database.engine.connect() as connection:
        found = await connection.execute(select(func.count()).where(core_inbox.c.state == DEAD))
        return int(found.scalar_one())


async def test_each_admin_reads_it_in_private_and_in_their_language_once_an_hour(
    database_url: str, make_plugin: MakePlugin, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The plugin's own text, with its values escaped. The same key is silent for an hour, another one is not."""
    folder = tmp_path / "locales" / "ru"
    folder.mkdir(parents=True)
    (folder / "astral_watch_under_test.po").write_text(PO, encoding="utf-8")
    async with bot_kit(database_url, [plugin_of(make_plugin)], admins=ADMINS) as kit:
        olga, boris = kit.chat("Olga", id=7001, language_code="ru"), kit.chat("Boris", id=7002, language_code="en")
        anna = kit.chat("Anna")
        for chat in (olga, boris):
            await chat.send("/start")
        await anna.send("/reef reef <3>")
        assert alerts(olga) == ["⚠️ watch\n\nРифов: <3>"]
        assert alerts(boris) == ["⚠️ watch\n\n<3> reefs"]
        assert "alert reef of plugin 'watch': <3> reefs" in caplog.text
        for minutes in (1, 30, 28):
            await kit.advance(minutes * 60)
            await anna.send("/reef reef 4")
        assert len(alerts(olga)) == 1
        await anna.send("/reef shoal 5")
        assert len(alerts(olga)) == 2
        await kit.advance(120)
        await anna.send("/reef reef 6")
        assert alerts(boris)[2:] == ["⚠️ watch\n\n6 reefs"]
        assert alerts(anna) == []


FILE, ALERT = (
    "locales/ru/astral_watch_under_test.po",
    "plugin 'watch': the text of an alert in the language 'ru' is wrong",
)


@pytest.mark.parametrize(
    ("translation", "told"),
    [("{n} < рифов", FILE), ("<b>Рифов: {n}", FILE), ("Рифов: {m}", FILE), ("Рифов: {n.no}", FILE),
     ("Рифов: {n}" + "!" * 4080, ALERT)],  # a message of its own, but too long for the rest of an alert
)  # fmt: skip
async def test_where_a_translation_is_broken_the_source_text_is_said(
    sqlite_url: str, make_plugin: MakePlugin, tmp_path: Path, caplog: pytest.LogCaptureFixture, translation: str,
    told: str,
) -> None:  # fmt: skip
    """The log names the file, or plugin and language; the admins do not miss an alert for it."""
    folder = tmp_path / "locales" / "ru"
    folder.mkdir(parents=True)
    po = PO.replace("Рифов: {n}", translation)
    (folder / "astral_watch_under_test.po").write_text(po, encoding="utf-8")
    async with bot_kit(sqlite_url, [plugin_of(make_plugin)], admins=ADMINS[:1]) as kit:
        olga = kit.chat("Olga", id=7001, language_code="ru")
        await olga.send("/start")
        await kit.chat("Anna").send("/reef")
        assert alerts(olga) == ["⚠️ watch\n\n3 reefs"]
        assert told in caplog.text


async def test_a_row_that_was_not_run_any_more_is_told_with_its_number(sqlite_url: str, until: Until) -> None:
    """It killed the process each time: there is no traceback to look at, but the row itself. Each is told of."""
    async with bot_kit(sqlite_url, [], admins=ADMINS[:1]) as kit:
        olga, anna = kit.chat("Olga", id=7001), kit.chat("Anna")
        for chat in (olga, anna):
            await chat.send("/start")
        source = f"tg:{kit.running.settings.bot_id}"
        await kit.stop()
        database = open_database(sqlite_url, pool_size=2)
        killer: dict[str, Any] = {"source": source, "lane": anna.id, "kind": "message", "crashes": 1, "due_at": now()}
        async with database.engine.begin() as connection:
            await connection.execute(insert(core_deaths).values(process="gone"))
            for seq in (901, 902):
                await connection.execute(insert(core_runs).values(seq=seq, process="gone"))
                await connection.execute(
                    insert(core_inbox).values(**killer, seq=seq, ext_id=str(seq), payload=PAYLOAD % (seq, anna.id))
                )
        await database.dispose()
        await kit.start()
        first, second = sorted(await until(lambda: alerts(olga) if len(alerts(olga)) == 2 else None))
        assert first.startswith("⚠️ core\n\nA row (message, number 901) killed the process each time")
        assert "astral inbox show 902" in second
        assert "in the log" not in first + second


async def test_a_handler_that_is_rolled_back_alerts_nobody_and_one_that_runs_twice_once(
    database_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """An alert is committed with what the handler did; what is told of the dead one is the core's own alert."""
    async with bot_kit(database_url, [plugin_of(make_plugin)], admins=ADMINS[:1]) as kit:
        olga, anna = kit.chat("Olga", id=7001), kit.chat("Anna")
        await olga.send("/start")
        FAILED[0] = 1
        await anna.send("/flaky")
        assert anna.texts == ["seen"]
        assert alerts(olga) == ["⚠️ watch\n\n1 reefs"]
        await kit.advance(2 * 3600)
        caplog.clear()
        FAILED[0] = 2
        await anna.send("/flaky")
        (told,) = alerts(olga)[1:]
        assert "Route /flaky failed for good" in told
        assert "alert flaky" not in caplog.text


async def test_an_alert_outlives_the_process(database_url: str, make_plugin: MakePlugin) -> None:
    """kill -9 between the handler's commit and the message: it comes after the next start, and once."""
    async with bot_kit(database_url, [plugin_of(make_plugin)], admins=ADMINS[:1]) as kit:
        olga, anna = kit.chat("Olga", id=7001), kit.chat("Anna")
        await olga.send("/start")
        kit.telegram.fail("sendMessage", "500", chat_id=olga.id, times=None)
        await anna.user.send("/reef")
        await anna.user.wait_for("seen")
        await kit.crash()
        assert alerts(olga) == []
        kit.telegram.world.faults.clear()
        await kit.restart()
        assert alerts(olga) == ["⚠️ watch\n\n3 reefs"]
        await anna.send("/reef")
        assert len(alerts(olga)) == 1


async def test_a_plugin_may_not_flood(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """After a number of alerts of one plugin an admin reads once that there are more; the hour after, they go on."""
    async with bot_kit(sqlite_url, [plugin_of(make_plugin)], admins=ADMINS[:1]) as kit:
        olga = kit.chat("Olga", id=7001)
        await olga.send("/many")
        told = alerts(olga)
        assert len(told) == LIMIT + 1
        assert "The rest is in the log" in told[-1]
        assert await rows(kit, DONE) == LIMIT + 5
        await olga.send("/reef shoal 1")
        assert len(alerts(olga)) == LIMIT + 1
        await kit.advance(3601)
        await olga.send("/reef shoal 1")
        assert alerts(olga)[-1] == "⚠️ watch\n\n1 reefs"


async def test_without_admins_an_alert_is_an_error_in_the_log(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """With plugin and key; nobody gets a message."""
    async with bot_kit(sqlite_url, [plugin_of(make_plugin)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/reef")
        assert anna.texts == ["seen"]
        (record,) = [record for record in caplog.records if record.name == "astral.alerts"]
        assert (record.levelno, record.getMessage()) == (logging.ERROR, "alert reef of plugin 'watch': 3 reefs")


@pytest.mark.postgres
async def test_replicas_say_the_same_alert_once(
    unmade_postgres_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """Whichever of them raises it, and in whichever of them the admin's chat is."""
    plugin = plugin_of(make_plugin)
    async with bot_kit(unmade_postgres_url, [plugin], admins=ADMINS[:1]) as kit:
        other = BotKit(kit.telegram, kit.database_url, [plugin], {"admins": ADMINS[:1]}, secret=kit.secret)
        await other.start()
        try:
            olga = kit.user("Olga", id=7001)
            await olga.send("/start")
            await olga.wait_for()
            for bot in (kit, other):
                context = bot.running.host.contexts["watch"]
                async with context.work() as work:
                    work.alert("reef", N_("{n} reefs"), n=3)
            await until(lambda: alerts(olga))
            for bot in (kit, other):
                await bot.settled()
            assert alerts(olga) == ["⚠️ watch\n\n3 reefs"]
        finally:
            await other.stop()


async def test_a_refused_message_is_told_to_the_admins(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """With plugin, method and error id; the user's chat goes on."""
    async with bot_kit(sqlite_url, [plugin_of(make_plugin)], admins=ADMINS[:1]) as kit:
        olga, anna = kit.chat("Olga", id=7001), kit.chat("Anna")
        await olga.send("/start")
        await anna.send("/wrong")
        assert anna.texts == ["said"]
        (told,) = alerts(olga)
        assert told.startswith("⚠️ watch\n\nTelegram refused a message for good (sendMessage).")


async def test_an_alert_that_fails_causes_no_other(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Neither one that Telegram refuses nor one that cannot even be made."""
    async with bot_kit(sqlite_url, [plugin_of(make_plugin)], admins=ADMINS[:1]) as kit:
        anna = kit.chat("Anna")
        kit.telegram.fail("sendMessage", "400", chat_id=7001)
        await anna.send("/reef")
        assert await rows(kit, DONE) == 1
        await kit.advance(3601)
        context: PluginContext = kit.running.host.contexts["watch"]
        alert = Alert("watch", "broken", ["reefs"])
        object.__setattr__(alert, "texts", ["<b>no end"])  # as a version might have stored it that did not look
        async with context.work() as work:
            work._unit.rows += alert.rows(kit.running.bot.services)
        await kit.settled()
        assert await dead(kit) == 1


@pytest.mark.parametrize(
    ("key", "text", "values", "what"),
    [
        ("", "text", {}, "needs a key of 1 to 100"),
        ("k" * 101, "text", {}, "needs a key of 1 to 100"),
        ("key", "", {}, "has an empty text"),
        ("key", "{n} {m}", {"n": 1}, r"wants \{m\}; given are n"),
        ("key", "x" * 2001, {}, "at most 2000 characters"),
        ("key", "{n.no}", {"n": 1}, "cannot be filled in"),
        ("key", "Queue < 5 rows.", {}, "a bare '<'"),
        ("key", "<b>no end", {}, "<b> is never closed"),
        ("key", "<b></b>", {}, "the text is empty"),
        ("key", None, {}, "an empty text"),
        ("key", 5, {}, "of the type int"),
    ],
)
async def test_a_wrong_alert_is_refused_with_plugin_and_way_out(
    sqlite_url: str, make_plugin: MakePlugin, key: str, text: str, values: dict[str, Any], what: str
) -> None:
    """Where it is raised, not where it is delivered."""
    async with bot_kit(sqlite_url, [plugin_of(make_plugin)], admins=ADMINS) as kit:
        context = kit.running.host.contexts["watch"]
        async with context.work() as work:
            with pytest.raises(EffectError, match=what) as caught:
                work.alert(key, N_(text) if isinstance(text, str) else text, **values)
        assert "plugin 'watch'" in str(caught.value)
        assert "Fix: " in str(caught.value)


async def test_long_values_are_cut(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """An alert is short whatever a plugin puts into it."""
    async with bot_kit(sqlite_url, [plugin_of(make_plugin)], admins=ADMINS[:1]) as kit:
        olga = kit.chat("Olga", id=7001)
        await olga.send(f"/reef reef {'&' * 3000}")
        assert alerts(olga) == ["⚠️ watch\n\n" + "&" * 199 + "… reefs"]


async def test_a_plugin_that_is_set_aside_at_the_start_is_told_to_the_admins(
    sqlite_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """With its state and the way to the reason; the plugins that serve say nothing."""

    async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
        raise RuntimeError("no key")
        yield

    lenient = {"on_error": "quarantine", "required": ()}
    async with bot_kit(sqlite_url, [plugin_of(make_plugin)], admins=ADMINS[:1], host=lenient) as kit:
        olga = kit.chat("Olga", id=7001)
        await olga.send("/start")
        kit.plugins = [*(kit.plugins or []), make_plugin("kettle", hooks=[astral_lifespan])]
        await kit.restart()
        (told,) = await until(lambda: alerts(olga))
        assert told.startswith("⚠️ core\n\nSet aside: kettle (failed).")
        assert "astral plugins list" in told
        assert "watch" not in told
