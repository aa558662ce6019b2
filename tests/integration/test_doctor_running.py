"""The doctor asks the bot that runs with its settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from astral_core.config import Settings, load_settings
from astral_core.doctor.running import check_running
from astral_playground.testkit.bot import BotKit, bot_kit

Until = Callable[..., Awaitable[Any]]


def same(kit: BotKit, **own: object) -> Settings:
    """Settings with the running bot's port."""
    return load_settings(web={"port": int(kit.url.rpartition(":")[2]), **own})


async def test_what_is_full_in_the_running_bot_is_a_note(sqlite_url: str, until: Until) -> None:
    """As /readyz says it to its owner; a bot that is well has no findings."""
    async with bot_kit(sqlite_url, [], inbox={"handlers": 1}) as kit:
        await until(lambda: kit.running.readiness.serving)
        assert await check_running(same(kit)) == []
        for _ in range(kit.running.inbox.crowd.most):
            kit.running.inbox.crowd.begin("stars", "somewhere")
        (finding,) = await check_running(same(kit))
        assert (finding.code, finding.fatal) == ("bot-full", False)
        assert finding.cause == "plugin stars: 4 handlers wait for something slow, no more than 4 may."


async def test_a_bot_that_gets_no_traffic_is_a_note(sqlite_url: str, until: Until) -> None:
    """Its log says why; the points of /readyz are named."""
    async with bot_kit(sqlite_url, []) as kit:
        await until(lambda: kit.running.readiness.serving)
        kit.running.readiness.end()
        (finding,) = await check_running(same(kit))
        assert (finding.code, finding.fatal) == ("bot-not-ready", False)
        assert "serving" in finding.cause


async def test_a_token_opens_the_details(sqlite_url: str, until: Until) -> None:
    """Without the right one nothing is told, and that is no finding."""
    async with bot_kit(sqlite_url, [], web={"metrics_token": "right-token"}) as kit:
        await until(lambda: kit.running.readiness.serving)
        kit.running.readiness.end()
        assert [one.code for one in await check_running(same(kit, metrics_token="right-token"))] == ["bot-not-ready"]
        assert await check_running(same(kit)) == []


async def test_whatever_else_answers_there_is_no_finding() -> None:
    """Another program's page, or JSON of another kind; nobody at all."""
    for body in ("ready", "[1]", '{"full": 7}', '"\\ud800"'):

        async def page(request: web.Request, body: str = body) -> web.Response:
            return web.Response(text=body, content_type="application/json")

        app = web.Application()
        app.router.add_get("/readyz", page)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        assert await check_running(load_settings(web={"port": port})) == []
        await runner.cleanup()
    assert await check_running(load_settings(web={"port": port})) == []
