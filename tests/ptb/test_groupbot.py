"""A bot for groups: membership, reactions, jobs, groups of handlers, constants in bot_data."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from astral_core.db.tables import core_due, core_ptb
from astral_core.ptb.codec import decode
from astral_playground.testkit.bot import BotKit
from tests.ptb.conftest import BOTS

MORNING = "s:morning:astral_file_groupbot:morning:::1"  # the key of the daily job of setup
pytestmark = [
    pytest.mark.usefixtures("database_url"),
    pytest.mark.astral(plugins=[BOTS / "groupbot.py"], now="2026-12-01 08:00+00:00"),
]


async def kept(bot: BotKit, store: str = "bot") -> dict[object, object]:
    """What is kept of `bot_data`, or of another."""
    rows = await bot.rows(select(core_ptb.c.item, core_ptb.c.value).where(core_ptb.c.store == store))
    return {decode(bytes(row.item)): decode(bytes(row.value)) for row in rows}


async def test_who_comes_is_greeted_and_reactions_count(bot: BotKit) -> None:
    """Both kinds of update are asked of Telegram, because the handlers take them."""
    olga, boris = bot.chat("Olga"), bot.chat("Boris")
    group = bot.group("Stars", admins=[olga], bot="administrator")
    await bot.settled()  # the webhook is set
    await group.join(boris)
    assert group.last.text == "Welcome, Boris!"
    message = await group.send(olga, "hello")
    await group.react(boris, message, "👍")
    await group.react(olga, message, "🔥")
    await group.react(boris, message)
    await group.send(olga, "/best")
    assert group.last.text == "The best message has 1 reactions."


async def test_a_handler_of_an_early_group_stops_the_rest(bot: BotKit) -> None:
    """ApplicationHandlerStop. A command of the core that the bot does not name never reaches it."""
    olga, boris = bot.chat("Olga"), bot.chat("Boris")
    group = bot.group("Stars", admins=[olga], members=[boris], bot="administrator")
    bad = await group.send(boris, "echo hi")
    assert group.last.text == "echo hi"
    await group.seat(olga).send("/ban", reply_to=bad)
    assert group.last.text == "Banned."
    await group.send(boris, "echo again")
    assert group.last.text == "Banned."
    await boris.send("/privacy")
    assert "Send me my data" in str(boris.keyboard)


async def test_a_job_runs_once_and_can_be_taken_back(bot: BotKit) -> None:
    """It is found by its name, survives a crash, and sees the data of its chat."""
    olga = bot.chat("Olga")
    group = bot.group("Stars", admins=[olga])
    await group.send(olga, "/remind 60 tea")
    assert group.last.text == "Set."
    await group.send(olga, "/remind 120 coffee")
    assert group.last.text == "Set, and the old one is removed."
    await bot.crash()
    await bot.start()
    await bot.advance(100)
    assert group.last.text.startswith("Set,")
    await bot.advance(30)
    assert group.last.text == "Beep! coffee"
    await group.send(olga, "/unset")
    assert group.last.text == "There is none."
    await group.send(olga, "/remind 60 tea")
    await group.send(olga, "/unset")
    assert group.last.text == "Cancelled."
    await bot.advance(100)
    assert group.last.text == "Cancelled."
    assert (await kept(bot, "chat"))["rung"] == 1


async def test_a_repeating_job_arms_itself_and_ends_itself(bot: BotKit) -> None:
    """Each run arms the next; `schedule_removal` inside of it ends it."""
    olga = bot.chat("Olga")
    group = bot.group("Stars", admins=[olga])
    await group.send(olga, "/countdown")
    await bot.advance(10)
    assert group.last.text == "2 to go"
    await bot.crash()
    await bot.start()
    await bot.advance(60)
    assert group.last.text == "1 to go"
    await bot.advance(60)
    assert group.last.text == "0 to go"
    assert [row.key for row in await bot.rows(core_due) if row.route == "groupbot.ptb"] == [MORNING]
    before = len(group.messages)
    await bot.advance(200)
    assert len(group.messages) == before


async def test_a_daily_job_of_setup_is_there_once_however_often_the_bot_starts(bot: BotKit) -> None:
    """At nine, in the zone of the bot's Defaults."""
    for _ in range(3):
        await bot.crash()
        await bot.start()
    rows = [row for row in await bot.rows(core_due) if row.route == "groupbot.ptb"]
    assert len(rows) == 1
    await bot.advance(3_600)
    assert (await kept(bot))["mornings"] == 1
    await bot.advance(86_400)
    assert (await kept(bot))["mornings"] == 2


async def test_what_setup_puts_into_bot_data_is_not_kept(bot: BotKit) -> None:
    """Neither a constant nor an object of the process; what post_init counts is."""
    assert await kept(bot) == {"starts": 1}
    await bot.restart()
    assert await kept(bot) == {"starts": 2}
