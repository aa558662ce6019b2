"""One chat, one plugin, one stranger: what they fill is theirs alone, and the owner is told of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import select

from astral_core import Context, Routes
from astral_core.db.tables import DEAD, core_inbox, core_users
from astral_core.errors import IngestRefused
from astral_core.host.state import LoadedPlugin
from astral_core.inbox import waits as waits_module
from astral_core.inbox.backlog import BEHIND
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]
Post = Callable[..., Awaitable[tuple[int, Any]]]
PEOPLE = 50  # of each of two plugins


class Api:
    """Somebody's API that gives no answer until it is told to."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.asked = 0

    async def ask(self) -> None:
        """Wait for the answer."""
        self.asked += 1
        await self.answers.wait()


def slow_plugin(make_plugin: MakePlugin, name: str, api: Api, *, reads: bool = False) -> LoadedPlugin:
    """A plugin that asks an API; it has read the database before if it `reads`."""
    routes = Routes()

    async def ask(ctx: Context) -> None:
        """Ask."""
        if reads:
            await ctx.session.execute(select(core_users.c.id).limit(1))
        await api.ask()
        ctx.reply(f"{name} has it")

    routes.command(name, description="Ask")(ask)
    return make_plugin(name, routes)


async def details(kit: BotKit) -> dict[str, Any]:
    """What /readyz tells its owner."""
    async with aiohttp.ClientSession() as http, http.get(f"{kit.url}/readyz") as response:
        assert response.status == 200
        found: dict[str, Any] = await response.json()
        return found


async def test_two_plugins_whose_apis_hang_hold_nobody_else_up(
    database_url: str, make_plugin: MakePlugin, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """A hundred people wait for them; others are answered meanwhile. Log, /metrics and /readyz name the plugins."""
    api = Api()
    plugins = [slow_plugin(make_plugin, name, api, reads=name == "stars") for name in ("stars", "moon")]
    async with bot_kit(database_url, plugins=plugins, inbox={"handlers": 8}) as kit:
        await asyncio.gather(*(
            kit.user(f"P{number}").send(f"/{name}") for number in range(PEOPLE) for name in ("stars", "moon")
        ))  # fmt: skip
        crowd = kit.running.inbox.crowd
        await until(lambda: {"stars", "moon"} <= set(crowd.waiting))
        others = [kit.user(f"O{number}") for number in range(20)]
        await asyncio.gather(*(other.send("/start") for other in others))
        for other in others:
            await other.wait_for()
        assert not api.answers.is_set()
        assert api.asked < 2 * PEOPLE  # no more than about 32 of each began: the others wait in their chats
        await until(lambda: "moon" in crowd.full)
        text = kit.running.metrics.render().decode() if kit.running.readiness.gauges() is None else ""
        assert 'astral_handlers_waiting{plugin="moon"}' in text
        assert "plugin 'moon'" in caplog.text
        assert "ask() at" in caplog.text
        assert any(line.startswith("plugin moon: ") for line in (await details(kit))["full"])
        api.answers.set()
        await until(lambda: len(kit.calls("sendMessage")) >= 2 * PEOPLE + 20, 60)
        assert api.asked == 2 * PEOPLE
        await until(lambda: not crowd.waiting)
        assert (await details(kit))["full"] == []


async def test_a_handler_that_holds_the_only_writer_and_waits_is_cut_off(
    sqlite_url: str, make_plugin: MakePlugin, until: Until, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """On SQLite it keeps everybody from writing: after half a second it fails, and its author is told what to do."""
    monkeypatch.setattr(waits_module, "HOLD", 0.05)
    routes, api = Routes(), Api()

    @routes.command("hold", description="Hold")
    async def hold(ctx: Context) -> None:
        """Write, and wait."""
        await ctx.session.execute(core_users.update().values(last_name="held"))
        await api.ask()

    async with bot_kit(sqlite_url, plugins=[make_plugin("hoard", routes)], inbox={"slow_wait": "warn"}) as kit:
        anna, boris = kit.user("Anna"), kit.user("Boris")
        await anna.send("/hold")
        await until(lambda: api.asked)
        await boris.send("/start")
        await boris.wait_for()
        await anna.wait_for("Something went wrong")
        assert "plugin 'hoard', route '/hold': waited for more than" in caplog.text
        assert "Fix: do it before the first write" in caplog.text
        assert {row.last_name for row in await kit.rows(select(core_users.c.last_name))} == {None}


async def test_a_chat_with_its_share_of_updates_waiting_is_refused_alone(
    database_url: str, make_plugin: MakePlugin, make_update: Callable[..., dict[str, Any]], post: Post,
    until: Until, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Its posts get 503, everybody else's 200; /readyz and log say which chat it is. Nothing is lost."""
    api = Api()
    plugin = slow_plugin(make_plugin, "stars", api)
    async with bot_kit(database_url, plugins=[plugin], inbox={"max_chat": 10, "handler_timeout": 120}) as kit:
        kit.user("Vera", id=7)
        statuses = [(await post(kit, make_update("/stars", 7)))[0] for _ in range(15)]
        taken = statuses.count(200)
        assert taken in (10, 11)  # one more where the database was counted in just that moment
        assert statuses[-1] == 503
        assert (await post(kit, make_update("hi", 8)))[0] == 200
        await kit.running.inbox.replica._count()
        assert (await post(kit, make_update("/stars", 7)))[0] == 503
        assert (await details(kit))["full"] == [f"chat 7 has {taken} updates waiting, more get 503"]
        assert f"chat 7 has {taken} updates waiting" in caplog.text
        assert f'rejected_total{{reason="chat"}} {16 - taken}.0' in kit.running.metrics.render().decode()
        api.answers.set()
        await until(lambda: api.asked == taken, 60)
        await until(lambda: not kit.running.inbox.lanes.active, 60)
        await kit.running.inbox.replica._count()
        assert (await post(kit, make_update("/stars", 7)))[0] == 200


async def test_of_a_polled_chat_the_surplus_waits_behind_and_holds_up_nobody(
    database_url: str, make_plugin: MakePlugin, make_update: Callable[..., dict[str, Any]], until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Telegram cannot be told to come again with one chat: what is too much even so is a dead letter, and is said."""
    api = Api()
    plugin = slow_plugin(make_plugin, "stars", api)
    bounds = {"max_chat": 4, "max_pending": 8, "handler_timeout": 120}
    async with bot_kit(database_url, plugins=[plugin], inbox=bounds) as kit:
        ingest = kit.running.ingest
        for _ in range(4 * BEHIND + 3):
            await ingest.take(json.dumps(make_update("/stars", 7)).encode(), polled=True)
        await kit.running.inbox.replica._count()
        for number in range(4):
            await ingest.take(json.dumps(make_update("hi", 100 + number)).encode(), polled=True)
        dead = await kit.rows(select(core_inbox).where(core_inbox.c.state == DEAD))
        assert len(dead) == 3
        assert {row.payload for row in dead} == {"{}"}
        assert "what it said is not kept" in dead[0].error
        assert "are dead letters without their content" in caplog.text
        api.answers.set()
        await until(lambda: api.asked == 4 * BEHIND, 60)


async def test_a_payment_is_taken_however_full_its_chat_is(
    sqlite_url: str, make_plugin: MakePlugin, make_update: Callable[..., dict[str, Any]], post: Post
) -> None:
    """Somebody floods a group in which somebody else pays."""
    api = Api()
    plugin = slow_plugin(make_plugin, "stars", api)
    paid = {"currency": "XTR", "total_amount": 1, "invoice_payload": "x", "telegram_payment_charge_id": "c",
            "provider_payment_charge_id": "p"}  # fmt: skip
    async with bot_kit(sqlite_url, plugins=[plugin], inbox={"max_chat": 2, "handler_timeout": 120}) as kit:
        while (await post(kit, make_update("/stars", 7)))[0] == 200:
            pass
        update = make_update("", 7, successful_payment=paid)
        assert (await post(kit, update))[0] == 200
        stored = await kit.rows(select(core_inbox).where(core_inbox.c.ext_id == str(update["update_id"])))
        assert "successful_payment" in stored[0].payload
        api.answers.set()


async def test_a_full_inbox_is_said(sqlite_url: str) -> None:
    """Of all chats together."""
    async with bot_kit(sqlite_url, [], inbox={"max_pending": 1}) as kit:
        kit.running.inbox.backlog.add(5, internal=False)
        with pytest.raises(IngestRefused):
            kit.running.inbox.backlog.admit(6, express=False)
        assert kit.running.readiness.full() == ["the inbox is full: updates of all chats get 503"]


async def test_a_page_that_hangs_takes_no_connection_of_telegram(
    sqlite_url: str, make_plugin: MakePlugin, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the connections a part may be with one route: who comes then is told to come later."""
    api, routes = Api(), Routes()

    @routes.page("GET", "/slow")
    async def slow(ctx: Any, request: web.Request) -> web.Response:
        """Wait."""
        await api.ask()
        return web.Response(text="at last")

    limits = {"max_connections": 32}
    async with bot_kit(sqlite_url, plugins=[make_plugin("pages", routes)], web=limits) as kit:
        url = f"{kit.url}/plugins/pages/slow"
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as http:
            hanging = [asyncio.create_task(http.get(url)) for _ in range(8)]
            await until(lambda: api.asked == 8)
            async with http.get(url) as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "5")
            assert "plugin 'pages': 8 requests to one of its routes are under way" in caplog.text
            anna = kit.user("Anna")
            await anna.send("/start")
            await anna.wait_for()
            api.answers.set()
            for answer in await asyncio.gather(*hanging):
                assert await answer.text() == "at last"
            async with http.get(url) as response:
                assert response.status == 200
