"""When a handler fails: one apology with an id, its traceback, the row for a retry, and no secret anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import insert

from astral_core import Context, Handled, PluginContext, Routes
from astral_core.bot.speaking import scope_of
from astral_core.db.engine import open_database
from astral_core.db.tables import core_inbox, core_outbox
from astral_core.errors import Refuse
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]
Astral = Callable[..., Awaitable[Any]]
ERROR_ID = re.compile(r"[2-9A-Z]{4}-[2-9A-Z]{4}")

mended: list[bool] = []
routes = Routes()


@routes.command("fail")
async def fail(ctx: Context) -> None:
    """Has a bug until it is mended."""
    ctx.reply("half done")
    if not mended:
        raise ZeroDivisionError("a bug in the plugin")
    ctx.reply("mended")


@routes.command("say")
async def say(ctx: Context) -> None:
    """Works."""
    ctx.reply(f"said {ctx.args}")


@routes.command("no")
async def no(ctx: Context) -> None:
    """Refuses."""
    raise Refuse("No, sorry.")


@routes.command("long")
async def long(ctx: Context) -> None:
    """Makes a message that Telegram would refuse."""
    ctx.reply("x" * 5000)


@routes.command("leak")
async def leak(ctx: Context) -> None:
    """Fails with an error that shows all objects that a handler can reach."""
    run = scope_of(ctx)
    everything = [ctx, ctx.bot, run, run.transport, run.services.settings, ctx.plugin]
    raise RuntimeError(repr(everything) + str(run.services.settings))


@pytest.fixture
def plugin(make_plugin: MakePlugin) -> LoadedPlugin:
    """The plugin with these commands."""
    mended.clear()
    return make_plugin("weather", routes)


@pytest.mark.parametrize(("language", "sorry"), [("en", "Something went wrong"), ("ru", "Что-то пошло не так")])
async def test_the_user_reads_one_apology_with_the_id_of_the_traceback(
    language: str, sorry: str, sqlite_url: str, plugin: LoadedPlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """In their language; nothing of the failed handler is sent; the chat goes on."""
    async with bot_kit(sqlite_url, plugins=[plugin]) as kit:
        anna = kit.user("Anna", language_code=language)
        await anna.send("/fail")
        apology = await anna.wait_for(lambda message: bool(ERROR_ID.search(message.text)))
        await anna.send("/say on")
        await anna.wait_for("said on")
        texts = [message.text for message in anna.messages if message.sender != "user"]
        assert texts == [apology.text, "said on"]
        assert sorry in apology.text
    found = ERROR_ID.search(apology.text)
    records = [record for record in caplog.records if found and found[0] in record.getMessage() and record.exc_info]
    assert len(records) == 1
    assert "plugin 'weather', route '/fail'" in records[0].getMessage()
    assert "ZeroDivisionError: a bug in the plugin" in caplog.text


async def test_the_owner_lists_shows_retries_and_drops_dead_rows(
    database_url: str, plugin: LoadedPlugin, astral: Astral, until: Until
) -> None:
    """The payload is kept: mended and retried, the same update does its work at the next start."""
    async with bot_kit(database_url, plugins=[plugin]) as kit:
        anna = kit.user("Anna")
        for _ in range(2):
            await anna.send("/fail")
            apology = await anna.wait_for("Something went wrong")
        found = ERROR_ID.search(apology.text)
        assert found
        records = json.loads((await astral(kit, "inbox", "list", "--dead", "--json")).stdout)
        assert len(records) == 2
        assert records[0]["error_id"] == found[0]
        assert records[0]["error"] == "plugin 'weather', route '/fail': ZeroDivisionError: a bug in the plugin"
        shown = json.loads((await astral(kit, "inbox", "show", found[0].lower())).stdout)
        assert json.loads(shown["payload"])["message"]["text"] == "/fail"
        assert "done" in (await astral(kit, "inbox", "drop", str(records[1]["seq"]))).output
        assert "done" in (await astral(kit, "inbox", "retry", str(records[0]["seq"]))).output
        twice = await astral(kit, "inbox", "retry", str(records[0]["seq"]))
        assert twice.exit_code == 1
        assert "there is no row" in twice.output
        mended.append(True)
        await kit.restart()
        await anna.wait_for("mended")

        async def nothing_is_left() -> bool:
            return "nothing is pending, dead or parked" in (await astral(kit, "inbox", "list")).output

        await until(nothing_is_left)


async def test_a_message_that_telegram_would_refuse_fails_in_its_handler(
    sqlite_url: str, plugin: LoadedPlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """The traceback points at the handler's own line, not at a delivery later."""
    async with bot_kit(sqlite_url, plugins=[plugin]) as kit:
        anna = kit.user("Anna")
        await anna.send("/long")
        await anna.wait_for("Something went wrong")
    assert "5000 UTF-16 units, Telegram allows 4096" in caplog.text
    assert 'ctx.reply("x" * 5000)' in caplog.text


async def test_each_handled_row_is_one_line_one_metric_and_one_record(
    sqlite_url: str, make_plugin: MakePlugin, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """ok, refused, retried and dead rows are each told once, to the log, to metrics and to subscribers."""
    mended.clear()
    batches: list[Handled] = []

    telemetry = Routes()

    @telemetry.telemetry()
    async def take(ctx: PluginContext, batch: list[Handled]) -> None:
        batches.extend(batch)

    caplog.set_level("INFO", "astral.handled")
    async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes, telemetry)]) as kit:
        anna = kit.user("Anna")
        for command, heard in (("/say x", "said x"), ("/no", "No, sorry."), ("/fail", "Something went wrong")):
            await anna.send(command)
            await anna.wait_for(heard)
        metrics = kit.running.metrics.render().decode()
    told = [(item.route, item.outcome) for item in batches]
    assert told == [("/say", "ok"), ("/no", "refused"), ("/fail", "retry"), ("/fail", "dead")]
    assert [record.getMessage().split(" in ")[0] for record in caplog.records if record.name == "astral.handled"] == [
        f"command weather:{route} {outcome}" for route, outcome in told
    ]
    for route, outcome in told:
        assert f'astral_updates_done_total{{outcome="{outcome}",plugin="weather",route="{route}"}} 1.0' in metrics
    assert batches[0].user_id == anna.id
    assert ERROR_ID.fullmatch(batches[-1].error_id or "")


async def test_a_line_about_one_row_does_not_name_the_plugin_of_another(
    sqlite_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """Workers are shared: what they log about a delivery carries its own row and plugin."""
    import logging

    from astral_core.observe.logs import scope

    seen: list[Any] = []

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((record.getMessage(), scope.get()))

    watch = Watch()
    logging.getLogger("astral.inbox").addHandler(watch)
    try:
        async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes)], inbox={"handlers": 1}) as kit:
            anna, boris = kit.user("Anna"), kit.user("Boris")
            kit.telegram.fail("sendMessage", "400", chat_id=anna.id)
            await anna.send("/say one")
            await boris.send("/say two")
            await boris.wait_for("said two")
            await until(lambda: any("was refused" in message for message, _ in seen))
    finally:
        logging.getLogger("astral.inbox").removeHandler(watch)
    (at,) = [at for message, at in seen if "was refused" in message]
    assert at == {"row": 1, "plugin": "weather"}


async def test_no_secret_appears_anywhere_in_a_scenario_full_of_failures(
    sqlite_url: str,
    plugin: LoadedPlugin,
    astral: Astral,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Log, output, metrics, reprs, the inbox and what users read: neither the token nor the webhook's secret."""
    caplog.set_level("INFO")
    caplog.set_level("DEBUG", "astral")
    async with bot_kit(sqlite_url, plugins=[plugin], web={"metrics_token": "metrics-token-of-the-owner"}) as kit:
        app = kit.running
        anna = kit.user("Anna")
        kit.telegram.fail("sendMessage", "500")
        kit.telegram.fail("setMyCommands", "500", times=2)
        for command in ("/say x", "/leak", "/fail"):
            await anna.send(command)
            await anna.wait_for("said x" if command == "/say x" else "Something went wrong")
        listed = await astral(kit, "inbox", "list", "--json")
        told = [
            caplog.text,
            "".join(capsys.readouterr()),
            app.metrics.render().decode(),
            repr([app, app.bot, app.bot.application, app.bot.application.bot, app.bot.transport]),
            repr([app.settings, app.webhook, app.host]),
            listed.output,
            str([message.text for message in anna.messages]),
        ]
        for secret in (kit.telegram.token, kit.telegram.token.partition(":")[2], kit.secret, "metrics-token-of"):
            for text in told:
                assert secret not in text, f"{secret} stands in {text[max(0, text.find(secret) - 300) :][:400]}"


async def test_a_method_that_telegram_does_not_know_is_a_dead_message_and_the_chat_goes_on(
    database_url: str, make_plugin: MakePlugin, astral: Astral, caplog: pytest.LogCaptureFixture
) -> None:
    """A misspelt method, or one that the server is too old for, is nobody's wrong token: nothing waits for it."""
    misspelt = Routes()

    @misspelt.command("sticker")
    async def sticker(ctx: Context) -> None:
        ctx.call("sendHologram", chat_id=ctx.chat.id, size="x")
        ctx.reply("after it")

    async with bot_kit(database_url, plugins=[make_plugin("weather", misspelt)]) as kit:
        anna = kit.user("Anna")
        await anna.send("/sticker")
        await anna.wait_for("after it")
        await kit.settled()
        (dead,) = json.loads((await astral(kit, "outbox", "list", "--json")).stdout)
        assert (dead["state"], dead["method"]) == ("dead", "sendHologram")
        assert "method not found" in dead["error"]
        assert ERROR_ID.fullmatch(dead["error_id"])
    assert f"error {dead['error_id']}: sendHologram of plugin 'weather' was refused" in caplog.text


async def test_what_is_pending_is_dropped_by_force_alone(
    database_url: str, plugin: LoadedPlugin, astral: Astral, until: Until
) -> None:
    """There is a way out of everything: a row, or a message, that the bot would go on with, goes with `--force`."""
    async with bot_kit(database_url, plugins=[plugin]) as kit:
        anna = kit.user("Anna")
        await anna.send("/say hi")
        await anna.wait_for("said hi")
        await kit.settled()
        await kit.stop()
        row = {"source": "tg:1", "ext_id": "x", "lane": anna.id, "kind": "message", "payload": "{}", "express": False}
        message = {"seq": 10**6, "n": 0, "lane": anna.id, "plugin": "weather", "effect": "no JSON"}
        database = open_database(kit.database_url)
        async with database.engine.begin() as connection:
            seq = (
                await connection.execute(insert(core_inbox).values(**row).returning(core_inbox.c.seq))
            ).scalar_one()
            number = (
                await connection.execute(insert(core_outbox).values(**message).returning(core_outbox.c.id))
            ).scalar_one()
        await database.dispose()
        for what, name in ((("inbox", "drop", str(seq)), "row"), (("outbox", "drop", str(number)), "message")):
            refused = await astral(kit, *what)
            assert refused.exit_code == 1
            assert f"{name} {what[2]} is pending" in refused.output
            assert (await astral(kit, *what, "--force")).output == f"{name} {what[2]}: done\n"
            gone = await astral(kit, *what)
            assert f"there is no dead {name} {what[2]}" in gone.output
