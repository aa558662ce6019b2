"""Roles among replicas: one that is given or taken in a process works and ends in all of them within two seconds."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from astral_core import Context, Plugin
from astral_core.host.roles import give, take
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]
pytestmark = pytest.mark.postgres
plugin = Plugin(roles={"support": "Answers people"})
WITHIN = 2.0  # seconds


@plugin.command("close", role="support")
async def close(ctx: Context) -> None:
    """For support."""
    ctx.reply("closed")


async def change(kit: BotKit, person: int, *, given: bool) -> None:
    """What /roles does, in one of the processes."""
    async with kit.context("core").work() as work:
        await (give(work.session, "support", [person], None) if given else take(work.session, "support", person))
        work.after_commit(kit.running.bot.services.roles.changed)


async def test_all_replicas_know_within_two_seconds(
    unmade_postgres_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """The one that changes it at once, the other one before two seconds have passed; each is asked all the time."""
    plugins = [make_plugin("desk", plugin)]
    async with bot_kit(unmade_postgres_url, plugins) as kit:
        other = BotKit(kit.telegram, kit.database_url, plugins, secret=kit.secret)
        await other.start()
        try:
            for given in (True, False):
                for here, there in ((kit, other), (other, kit)):
                    person = 7001 if here is kit else 7002
                    roles = [one.running.bot.services.roles for one in (here, there)]
                    assert [await one.has("support", person) for one in roles] == [not given, not given]
                    await change(here, person, given=given)
                    began = time.monotonic()
                    assert await roles[0].has("support", person) is given

                    async def knows(known: Any = roles[1], who: int = person, wanted: bool = given) -> bool:
                        return await known.has("support", who) is wanted

                    await until(knows)
                    assert time.monotonic() - began < WITHIN
        finally:
            await other.stop()


async def test_a_person_uses_a_role_that_another_replica_gave(
    unmade_postgres_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """Their chat stays where it is: the replica that has it lets them, and stops letting them."""
    plugins = [make_plugin("desk", plugin)]
    async with bot_kit(unmade_postgres_url, plugins) as kit:
        other = BotKit(kit.telegram, kit.database_url, plugins, secret=kit.secret)
        await other.start()
        try:
            ben = kit.chat("Ben")
            await ben.send("/close")  # whoever got it has the chat now, and has looked
            assert ben.texts == ["I did not quite get that. Here is what I can do:"]
            for one, given in ((kit, True), (other, False)):
                await change(one, ben.id, given=given)
                began = time.monotonic()

                async def answered(wanted: bool = given) -> bool:
                    with suppress(LookupError):
                        await ben.send("/close")
                    return (ben.last.text == "closed") is wanted

                await until(answered)
                assert time.monotonic() - began < WITHIN + 1  # and what the answer takes
        finally:
            await other.stop()
