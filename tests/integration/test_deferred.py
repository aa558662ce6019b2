"""Durable work: for another chat than the one that caused it, under a key, and in lanes of the plugin's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from astral_core import Context, Routes, now
from astral_core.db.tables import core_inbox
from astral_core.errors import HandlerError
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
HOUR = timedelta(hours=1)
routes = Routes()
ran: list[tuple[str, bool]] = []


@routes.command("wave")
async def wave(ctx: Context) -> None:
    """Wave to somebody, by their number."""
    ctx.defer(greet(sender=ctx.user.first_name), to=int(ctx.args))
    ctx.reply("waved")


@routes.step("greet")
async def greet(ctx: Context, sender: str) -> None:
    """Runs in the other's lane, in the other's language."""
    ctx.reply(f"{sender} waves, {ctx.user.first_name} ({ctx.language})")


@routes.step("note")
async def note(ctx: Context, what: str) -> None:
    """Notes that it ran, and whether for somebody."""
    ran.append((what, ctx.has_user))


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of these tests."""
    ran.clear()
    return [make_plugin("party", routes)]


async def test_a_step_runs_in_the_other_chats_lane(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """What it says goes to the other person, who is the one that its `ctx.user` and language are of."""
    async with bot_kit(database_url, plugins) as kit:
        anna, boris = kit.user("Anna"), kit.user("Boris", language_code="ru")
        await boris.send("/start")
        await boris.wait_for()
        await anna.send(f"/wave {boris.id}")
        await anna.wait_for("waved")
        await boris.wait_for("Anna waves, Boris (ru)")


async def test_a_key_is_one_piece_of_work_in_its_lane(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """A second one replaces it, or leaves it with keep="first"; one that is cancelled never runs."""
    async with bot_kit(database_url, plugins) as kit:
        context = kit.context("party")
        async with context.work() as work:
            work.defer(note(what="first"), key="k", to=7, after=HOUR)
            work.defer(note(what="cancelled"), key="c", to=7, after=HOUR)
        async with context.work() as work:
            due = await work.pending(note, key="k", to=7)
            assert due is not None
            assert due > now()
            assert await work.pending(note, key="k", to=8) is None
            work.defer(note(what="second"), key="k", to=7, at=now() + HOUR)
            work.defer(note(what="never"), key="k", to=7, after=2 * HOUR, keep="first")
            work.defer(note(what="elsewhere"), key="k", to=8, after=HOUR)
            work.cancel(note, key="c", to=7)
        await kit.settled()
        assert ran == []
        await kit.advance(3 * 3600)
        assert sorted(what for what, _ in ran) == ["elsewhere", "second"]
        async with context.work() as work:
            assert await work.pending(note, key="k", to=7) is None


async def test_what_is_done_once_is_not_done_again(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """Although it has been done already; another key is other work."""
    async with bot_kit(database_url, plugins) as kit:
        for key in ("a", "a", "b", "a"):
            async with kit.context("party").work() as work:
                work.defer(note(what=key), key=key, keep="once", to=7)
            await kit.settled()
        assert [what for what, _ in ran] == ["a", "b"]


async def test_a_lane_of_ones_own_keeps_its_order_and_is_nobodys_chat(
    database_url: str, plugins: list[LoadedPlugin]
) -> None:
    """It has a name instead of a number."""
    async with bot_kit(database_url, plugins) as kit:
        async with kit.context("party").work() as work:
            for what in "abc":
                work.defer(note(what=what), lane=("order", 7))
            work.defer(note(what="d"), lane=("order", 8))
        await kit.settled()
        assert [one for one in ran if one[0] != "d"] == [("a", False), ("b", False), ("c", False)]
        async with kit.running.database.engine.connect() as connection:
            lanes = (await connection.execute(select(core_inbox.c.lane).order_by(core_inbox.c.seq))).scalars().all()
        assert len(set(lanes[:3])) == 1
        assert len(set(lanes)) == 2
        assert max(lanes) < -(2**60)  # Telegram's chats have 52 bits


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({}, "say either to="),
        ({"to": 7, "lane": ("order", 7)}, "say either to="),
        ({"lane": ()}, "names no lane"),
        ({"to": 2**70}, "is no chat id"),
        ({"to": 7, "after": 5}, "is no timedelta"),
        ({"to": 7, "after": HOUR, "at": now()}, "either after= or at="),
        ({"to": 7, "at": datetime(2030, 1, 1)}, "no time zone"),  # noqa: DTZ001  # that is the point
        ({"to": 7, "keep": "newest"}, "'newest'"),
        ({"to": 7, "keep": "once"}, "with a key"),
    ],
)
async def test_what_cannot_be_meant_is_told_where_it_is_said(
    sqlite_url: str, plugins: list[LoadedPlugin], said: dict[str, Any], what: str
) -> None:
    """With what to write instead; nothing is deferred."""
    async with bot_kit(sqlite_url, plugins) as kit:
        async with kit.context("party").work() as work:
            with pytest.raises(HandlerError, match=what):
                work.defer(note(what="never"), **said)
        await kit.settled()
        assert ran == []
