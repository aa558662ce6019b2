"""`astral due`: what waits for its time, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from click.testing import Result

from astral_core import Context, Routes
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

Astral = Callable[..., Awaitable[Result]]


async def test_what_waits_is_listed_run_and_cancelled(
    database_url: str, astral: Astral, make_plugin: Callable[..., LoadedPlugin]
) -> None:
    """The next one first; one that is run now runs within a second, one that is cancelled never does."""
    ran: list[str] = []
    routes = Routes()

    @routes.step("fire")
    async def fire(ctx: Context, key: str) -> None:
        ran.append(key)

    @routes.job("daily", every=30 * 86_400)
    async def daily(ctx: Context) -> None:
        ran.append("job")

    async with bot_kit(database_url, [make_plugin("tea", routes)]) as kit:
        await kit.settled()
        async with kit.context("tea").work() as work:
            for key, hours in (("a", 1), ("b", 2)):
                work.defer(fire(key=key), key=key, to=7, after=timedelta(hours=hours))
        records = json.loads((await astral(kit, "due", "list", "--json")).stdout)
        assert [(one["route"], one["key"], one["state"]) for one in records] == [
            ("tea.fire", "a", "waiting"), ("tea.fire", "b", "waiting"), ("tea.daily", "", "waiting"),
        ]  # fmt: skip
        listed = (await astral(kit, "due", "list")).output
        assert "tea.fire a" in listed
        assert "tea.daily" in listed
        first, second, _ = records
        assert "done" in (await astral(kit, "due", "now", str(first["id"]))).output
        assert "done" in (await astral(kit, "due", "cancel", str(second["id"]))).output
        await kit.advance(0)
        missing = await astral(kit, "due", "cancel", str(second["id"]))
        assert "nothing with the id" in missing.output
        await kit.advance(3 * 3600)
    assert ran == ["job", "a"]


async def test_nothing_waits(database_url: str, astral: Astral) -> None:
    """It says so."""
    async with bot_kit(database_url, []) as kit:
        await kit.settled()
        assert "nothing waits for its time" in (await astral(kit, "due", "list")).output


async def test_time_that_is_moved_on_runs_each_job_once(
    sqlite_url: str, make_plugin: Callable[..., LoadedPlugin]
) -> None:
    """A day is one run of an hourly job, as after a day of downtime; and none is early."""
    ran: list[Any] = []
    routes = Routes()

    @routes.job("hourly", every=3600)
    async def hourly(ctx: Context) -> None:
        ran.append(ctx)

    async with bot_kit(sqlite_url, [make_plugin("tea", routes)]) as kit:
        await kit.settled()
        assert len(ran) == 1
        await kit.advance(86_400)
        assert len(ran) == 2
        await kit.advance(1)
        assert len(ran) <= 3
        await kit.restart()
        assert len(ran) <= 3
