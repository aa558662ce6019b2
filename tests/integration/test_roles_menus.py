"""Telegram's menus of commands follow who may what: of administrators of groups, of owners, of people with a role."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from astral_core import CHAT_ADMIN, GROUP, N_, PRIVATE, Context, Plugin
from astral_core.db.tables import core_facts
from astral_core.host.roles import give, take
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit
from astral_playground.testkit.chat import Chat

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]
OLGA, SUE = 7001, 8001
plugin = Plugin(roles={"support": N_("Answers people")})


@plugin.command("tea", description="Tea for all", chat=PRIVATE | GROUP)
@plugin.command("close", description="Close a case", role="support")
@plugin.command("stop", description="Stop the game", chat=PRIVATE | GROUP, role=CHAT_ADMIN)
@plugin.command("secret", description="In no menu", role="support", hidden=True)
async def nothing(ctx: Context) -> None:
    """Do nothing."""


def desk(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """A plugin with commands for few."""
    return [make_plugin("desk", plugin)]


def menu(kit: BotKit, person: Chat) -> set[str]:
    """What the person's menu shows in the private chat, of the commands that this page is about."""
    shown = {one["command"] for one in kit.telegram.world.bot.commands_for(person.user.user)}
    return shown & {"tea", "close", "stop", "secret", "roles"}


async def announced(kit: BotKit, until: Until) -> None:
    """Wait until the start has told Telegram of all menus."""
    await until(lambda: kit.running.readiness.serving)
    await until(lambda: "astral-menu" not in {task.get_name() for task in asyncio.all_tasks()})
    await kit.settled()


async def change(kit: BotKit, role: str, person: int, *, given: bool = True) -> None:
    """Give or take a role as another process would: this one is told by nothing but the database."""
    async with kit.context("core").work() as work:
        await (give(work.session, role, [person], None) if given else take(work.session, role, person))


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_each_menu_shows_what_its_people_may(
    sqlite_url: str, make_plugin: MakePlugin, until: Until, language: str
) -> None:
    """In every language: all people's, owners', support's, a group's, and that of a group's administrators."""
    settings = {"admins": (OLGA,), "roles": {"support": (SUE,)}}
    async with bot_kit(sqlite_url, desk(make_plugin), **settings) as kit:
        olga, sue = (kit.chat(name, id=number, language_code=language) for name, number in (("O", OLGA), ("S", SUE)))
        ben = kit.chat("Ben", language_code=language)
        for person in (olga, sue, ben):
            await person.send("/start")
        await until(lambda: menu(kit, olga) == {"tea", "close", "roles"})
        await until(lambda: menu(kit, sue) == {"tea", "close"})
        await until(lambda: menu(kit, ben) == {"tea"})
        bot = kit.telegram.world.bot
        assert [one["command"] for one in bot.commands_in_groups(language)] == ["tea"]
        there = {one["command"] for one in bot.commands_in_groups(language, administrator=True)}
        assert there == {"tea", "stop"}


async def test_a_menu_follows_a_role_that_is_given_and_taken(
    database_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """Nothing is left at Telegram or in the database of a menu that shows no more than everybody's."""
    async with bot_kit(database_url, desk(make_plugin), admins=(OLGA,)) as kit:
        olga, ben = kit.chat("Olga", id=OLGA), kit.chat("Ben")
        await olga.send("/start")
        await ben.send("/start")
        await olga.send("/roles")
        await olga.tap("support")
        await olga.tap("Give it to somebody")
        await olga.send(str(ben.id))
        await until(lambda: menu(kit, ben) == {"tea", "close"})
        await olga.tap("✕ Ben")
        await olga.tap("Yes, take it")
        await until(lambda: menu(kit, ben) == {"tea"})
        await kit.settled()
        assert (f"chat:{ben.id}", "") not in kit.telegram.world.bot.commands
        assert not [row for row in await kit.rows(core_facts) if row.name.endswith(f":{ben.id}")]


async def test_a_start_shows_what_has_changed_and_nothing_else(
    sqlite_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """Roles of astral.toml, commands of a new version: each person's menu is set once."""
    async with bot_kit(sqlite_url, desk(make_plugin), admins=(OLGA,), roles={"support": (SUE,)}) as kit:
        olga, sue = kit.chat("Olga", id=OLGA), kit.chat("Sue", id=SUE)
        await olga.send("/start")
        await sue.send("/start")
        await until(lambda: menu(kit, sue) == {"tea", "close"})
        kit.overrides["roles"] = {}

        def own() -> list[Any]:
            calls = [*kit.calls("setMyCommands"), *kit.calls("deleteMyCommands")]
            return [call for call in calls if call.params["scope"]["type"] == "chat"]

        before = len(own())
        await kit.restart()
        await until(lambda: menu(kit, sue) == {"tea"})
        await kit.settled()
        assert {call.params["scope"]["chat_id"] for call in own()[before:]} <= {SUE, OLGA}
        assert len(own()) == before + 2  # one for each language
        await kit.restart()
        await announced(kit, until)
        assert len(own()) == before + 2


async def test_who_comes_after_a_role_was_given_gets_the_menu(
    sqlite_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """Telegram refuses a menu for somebody who never wrote to the bot; /start shows it."""
    async with bot_kit(sqlite_url, desk(make_plugin)) as kit:
        ben = kit.chat("Ben")
        await change(kit, "support", ben.id)
        await kit.restart()
        await announced(kit, until)
        assert menu(kit, ben) == {"tea"}
        await ben.send("/start")
        await until(lambda: menu(kit, ben) == {"tea", "close"})
        count = len(kit.calls("setMyCommands"))
        await ben.send("/start")
        assert len(kit.calls("setMyCommands")) == count


async def test_a_menu_that_telegram_refuses_harms_nobody(
    sqlite_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """No dead letter, no alert; the next /start tries it again."""
    async with bot_kit(sqlite_url, desk(make_plugin), roles={"support": (SUE,)}) as kit:
        sue = kit.chat("Sue", id=SUE)
        await announced(kit, until)
        kit.telegram.fail("setMyCommands", "400")
        await sue.send("/start")
        assert menu(kit, sue) == {"tea"}
        await sue.send("/start")
        await until(lambda: menu(kit, sue) == {"tea", "close"})
