"""After its first write a handler awaits its session alone: all else is an error here, a warning in production."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select, text

from astral_core import Context, core_users
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Wait = Callable[[Context], Awaitable[Any]]


async def sleeps(ctx: Context) -> None:
    """A pause."""
    await asyncio.sleep(0.001)


async def calls_telegram(ctx: Context) -> None:
    """python-telegram-bot's own method."""
    await ctx.bot.send_chat_action(ctx.chat.id, "typing")


async def computes(ctx: Context) -> None:
    """The process pool."""
    await ctx.run_cpu(len, "four")


async def shows_progress(ctx: Context) -> None:
    """The core's own immediate call."""
    await ctx.progress()


async def asks_somebody(ctx: Context) -> None:
    """The shared HTTP client."""
    async with ctx.http.get("http://127.0.0.1:1/"):
        pass


WAITS = [sleeps, calls_telegram, computes, shows_progress, asks_somebody]


def plugin_of(make_plugin: MakePlugin, wait: Wait, *, write_first: bool) -> LoadedPlugin:
    """A command that writes and waits, in one order or the other."""

    async def both(ctx: Context) -> None:
        await ctx.session.execute(select(core_users))
        if not write_first:
            await wait(ctx)
        await ctx.session.execute(text("UPDATE core_users SET last_name = 'written'"))
        await ctx.session.execute(select(core_users))
        if write_first:
            await wait(ctx)
        ctx.reply("done")

    return make_plugin("sky", commands={"both": both})


async def last_names(kit: Any) -> list[str | None]:
    """What the handler wrote."""
    async with kit.running.database.engine.connect() as connection:
        return list((await connection.execute(select(core_users.c.last_name))).scalars())


@pytest.mark.parametrize("wait", WAITS)
async def test_waiting_after_the_first_write_is_an_error_that_says_where(
    wait: Wait, make_plugin: MakePlugin, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The test kit raises in the handler: nothing is committed, and the message names plugin, route and way out."""
    async with bot_kit(database_url, plugins=[plugin_of(make_plugin, wait, write_first=True)]) as kit:
        anna = kit.user("Anna")
        await anna.send("/both")
        await anna.wait_for("Something went wrong")
        assert await last_names(kit) == [None]
    assert "plugin 'sky', route '/both'" in caplog.text
    assert "after the first write holds the database. Fix: do it before the first write" in caplog.text


@pytest.mark.parametrize("wait", WAITS[:-1])
async def test_waiting_before_the_first_write_is_fine(wait: Wait, make_plugin: MakePlugin, database_url: str) -> None:
    """Read, wait, write is the order to take, and statements after the first write are no waiting."""
    async with bot_kit(database_url, plugins=[plugin_of(make_plugin, wait, write_first=False)]) as kit:
        anna = kit.user("Anna")
        await anna.send("/both")
        await anna.wait_for("done")
        assert await last_names(kit) == ["written"]


@pytest.mark.parametrize("wait", [calls_telegram, computes, shows_progress])
async def test_in_production_it_is_a_warning(
    wait: Wait, make_plugin: MakePlugin, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A bot that serves people goes on; its owner reads which plugin holds the database."""
    plugin = plugin_of(make_plugin, wait, write_first=True)
    async with bot_kit(sqlite_url, plugins=[plugin], inbox={"slow_wait": "warn"}) as kit:
        anna = kit.user("Anna")
        await anna.send("/both")
        await anna.wait_for("done")
        assert await last_names(kit) == ["written"]
    assert "plugin 'sky', route '/both'" in caplog.text


async def test_a_cancelled_handler_is_cancelled_under_the_guard_too(
    make_plugin: MakePlugin, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The handler's time limit reaches it while it is looked at."""
    seen: list[str] = []

    async def slow(ctx: Context) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    plugin = make_plugin("sky", commands={"slow": slow})
    async with bot_kit(sqlite_url, plugins=[plugin], inbox={"handler_timeout": 0.3, "slow_wait": "raise"}) as kit:
        anna = kit.user("Anna")
        await anna.send("/slow")
        await anna.wait_for("Something went wrong")
    assert seen == ["cancelled", "cancelled"]
