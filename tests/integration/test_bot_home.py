"""The core's own conversation: menu, help, about, language, and what people may ask about their data."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import func, select

from astral_core import OWNER, Context, PluginContext, Routes, core_users
from astral_core.db.tables import core_dialogs
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]

routes = Routes()


@routes.callback("open")
async def open_(ctx: Context) -> None:
    """A menu item's route."""
    ctx.show("opened")


@routes.callback("late")
async def late(ctx: Context) -> None:
    """Another one."""


@routes.callback("admin")
async def admin(ctx: Context) -> None:
    """For admins."""


@routes.command("ask")
async def ask(ctx: Context) -> None:
    """Ask something."""
    ctx.ask(answer())
    ctx.reply("what?")


@routes.question("answer")
async def answer(ctx: Context) -> None:
    """Take the answer."""
    ctx.reply("answered")


def speaks_russian(message: Any) -> bool:
    """Whether this is the menu in Russian."""
    return "Что я умею" in message.buttons


# Out of order, and one for admins.
routes.menu("Last", late(), order=90)
routes.menu("First & <best>", open_(), order=10)
routes.menu("Admin's", admin(), order=50, role=OWNER)


async def test_the_menu_is_assembled_from_all_plugins_in_order(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Plugins' items first, by order, then the core's own; items for admins are shown to admins."""
    plugin = make_plugin("weather", routes)
    async with bot_kit(sqlite_url, plugins=[plugin], admins=(1001,)) as kit:
        boss, anna = kit.user("Boss", id=1001), kit.user("Anna <b>", id=1002)
        await anna.send("/start")
        message = await anna.wait_for("Hello, Anna <b>!")
        assert message.buttons[:2] == ["First & <best>", "Last"]
        assert "What I can do" in message.buttons
        await boss.send("/start")
        assert (await boss.wait_for("Hello")).buttons[:3] == ["First & <best>", "Admin's", "Last"]
        await anna.press("First & <best>")
        await anna.wait_for("opened")


async def test_every_page_leads_on_and_back(sqlite_url: str) -> None:
    """/help and /about by command and by button, and from everywhere back to the menu."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        anna = kit.user("Anna")
        await anna.send("/help")
        shown = await anna.wait_for("What I can do")
        for name in ("start", "help", "about", "language", "privacy", "mydata", "forget"):
            assert f"/{name} — " in shown.text
        await anna.press("Your data")
        assert {"Send me my data", "Delete everything"} <= set((await anna.wait_for("Your data")).buttons)
        await anna.send("/help")
        shown = await anna.wait_for("What I can do")
        await anna.press("About this bot")
        about = await anna.wait_for("Built with Astral")
        assert about.message_id == shown.message_id
        await anna.press("‹ Menu")
        await anna.wait_for("What would you like to do?")
        await anna.press("What I can do")
        await anna.wait_for("What I can do")
        await anna.send("/about")
        assert (await anna.wait_for("Built with Astral")).message_id > shown.message_id


async def test_a_chosen_language_is_spoken_at_once_and_kept(database_url: str) -> None:
    """The choice goes over Telegram's own language, in every message, also after a restart."""
    async with bot_kit(database_url, plugins=[]) as kit:
        anna = kit.user("Анна", language_code="ru")
        await anna.send("/start")
        await anna.wait_for(speaks_russian)
        await anna.send("/language")
        choice = await anna.wait_for()
        assert {"✓ Русский", "English"} <= set(choice.buttons)
        await anna.press("English")
        await anna.wait_for("Hello, Анна!")
        await kit.restart()
        await anna.send("/start")
        await anna.wait_for("Hello, Анна!")
        await anna.send("/language")
        await anna.wait_for()
        await anna.press("Русский")
        await anna.wait_for(speaks_russian)


async def test_telegrams_menu_of_commands_is_announced_in_every_language(sqlite_url: str, until: Until) -> None:
    """Once for everybody and once for each other language, in its own words."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        calls = await until(lambda: len(found := kit.telegram.calls_of("setMyCommands")) == 2 and found)
        by_language = {call.params.get("language_code", ""): str(call.params["commands"]) for call in calls}
        assert set(by_language) == {"", "ru"}
        assert "About this bot" in by_language[""]
        assert "About this bot" not in by_language["ru"]


def exporting(deleted: list[tuple[str, int]], plugin_id: str) -> list[Any]:
    """The two privacy hooks of a plugin."""

    async def astral_export_user(ctx: PluginContext, user_id: int) -> dict[str, bytes]:
        return {"notes.json": json.dumps([ctx.id, user_id]).encode()}

    async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
        deleted.append((ctx.id, user_id))
        return 1

    return [astral_export_user, astral_delete_user]


async def test_mydata_is_one_zip_with_every_plugins_part(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """What the core knows and what each plugin knows of this person, and of nobody else."""
    plugins = [make_plugin(name, hooks=exporting([], name)) for name in ("moon", "sun")]
    async with bot_kit(sqlite_url, plugins=plugins) as kit:
        anna = kit.user("Anna", last_name="K", username="anna_k")
        await anna.send("/mydata")
        message = await anna.wait_for(lambda one: "document" in one.content)
        document = message.content["document"]
        assert document["file_name"] == "my-data.zip"
        data = kit.telegram.world.files.by_id(document["file_id"]).data
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: json.loads(archive.read(name)) for name in archive.namelist()}
        assert files["core/user.json"]["username"] == "anna_k"
        assert files["moon/notes.json"] == ["moon", anna.id]
        assert files["sun/notes.json"] == ["sun", anna.id]


async def test_forget_asks_first_then_deletes_dependents_first(database_url: str, make_plugin: MakePlugin) -> None:
    """Nothing happens before the second yes; then every plugin and the core forget, and /start begins anew."""
    deleted: list[tuple[str, int]] = []
    plugins = [
        make_plugin("moon", routes, hooks=exporting(deleted, "moon")),
        make_plugin("sun", hooks=exporting(deleted, "sun")),
    ]
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.user("Anna", last_name="K", username="anna_k")
        await anna.send("/language")
        await anna.wait_for()
        await anna.press("Русский")
        await anna.wait_for(speaks_russian)
        await anna.send("/ask")
        await anna.wait_for("what?")
        await anna.send("/forget")
        question = await anna.wait_for()
        await anna.press(question.buttons[1])
        await anna.wait_for()
        assert deleted == []
        await anna.send("/ask")
        await anna.wait_for("what?")
        await anna.send("/forget")
        question = await anna.wait_for()
        await anna.press(question.buttons[0], message=question)
        await anna.wait_for("/start")
        assert deleted == [("sun", anna.id), ("moon", anna.id)]
        async with kit.running.database.engine.connect() as connection:
            person = (await connection.execute(select(core_users).where(core_users.c.id == anna.id))).one()
            open_questions = await connection.scalar(select(func.count()).select_from(core_dialogs))
        assert (person.first_name, person.last_name, person.username, person.language) == ("", None, None, None)
        assert open_questions == 0
        await anna.send("an answer to nothing")
        assert (await anna.wait_for()).text != "answered"
