"""Durable work for another chat than the one that caused it."""

from __future__ import annotations

from collections.abc import Callable

from astral_core import Context, Routes
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

routes = Routes()


@routes.command("wave")
async def wave(ctx: Context) -> None:
    """Wave to somebody, by their number."""
    ctx.defer(greet(sender=ctx.user.first_name), to=int(ctx.args))
    ctx.reply("waved")


@routes.step("greet")
async def greet(ctx: Context, sender: str) -> None:
    """Runs in the other's lane, in the other's language."""
    ctx.reply(f"{sender} waves, {ctx.user.first_name} ({ctx.language})")


async def test_a_step_runs_in_the_other_chats_lane(
    database_url: str, make_plugin: Callable[..., LoadedPlugin]
) -> None:
    """What it says goes to the other person, who is the one that its `ctx.user` and language are of."""
    async with bot_kit(database_url, [make_plugin("party", routes)]) as kit:
        anna, boris = kit.user("Anna"), kit.user("Boris", language_code="ru")
        await boris.send("/start")
        await boris.wait_for()
        await anna.send(f"/wave {boris.id}")
        await anna.wait_for("waved")
        await boris.wait_for("Anna waves, Boris (ru)")
