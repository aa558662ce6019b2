"""The kit's bot in trouble: Telegram fails, time passes, the process dies. The plugin under test is this file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from astral_core import Context, Handled, Plugin, PluginContext, core_users
from astral_core.errors import ConfigError
from astral_playground.testkit import settle
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat
from astral_playground.testkit.clock import MovableClock

pytestmark = pytest.mark.astral(plugins=[sys.modules[__name__]])
plugin = Plugin()


class Story:
    """What the handlers of one test did."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.handled: list[str] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()


@pytest.fixture(autouse=True)
async def story() -> AsyncIterator[Story]:
    """A new story a test; the handlers below write it."""
    STORIES.append(Story())
    yield STORIES[-1]
    STORIES.clear()


STORIES: list[Story] = []


@plugin.command("say")
async def say(ctx: Context) -> None:
    """Answers."""
    STORIES[-1].runs.append("say")
    ctx.reply("said")


@plugin.command("slow")
async def slow(ctx: Context) -> None:
    """Waits, the first time."""
    told = STORIES[-1]
    told.runs.append("slow")
    told.begun.set()
    if told.runs.count("slow") == 1:
        await told.go_on.wait()
    ctx.reply("slow said")


@plugin.step("later")
async def later(ctx: Context, text: str) -> None:
    """The second half of /write."""
    STORIES[-1].runs.append("later")


@plugin.command("write")
async def write(ctx: Context) -> None:
    """Writes a row and answers."""
    STORIES[-1].runs.append("write")
    ctx.defer(later(text="from before"))
    ctx.reply("written")


@plugin.job("count", every=72 * 3_600)
async def count(ctx: Context) -> None:
    """A job."""
    STORIES[-1].runs.append("count")


@plugin.telemetry()
async def heard(ctx: PluginContext, batch: list[Handled]) -> None:
    """Telemetry."""
    STORIES[-1].handled += [item.route for item in batch]


@plugin.hook
async def astral_export_user(ctx: PluginContext, user_id: int) -> dict[str, bytes | AsyncIterator[bytes]]:
    """One file as a whole, one in pieces."""

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"1", b"2"):
            yield piece

    return {"id.txt": str(user_id).encode(), "much.txt": pieces()}


@plugin.hook
async def astral_delete_user(ctx: PluginContext, user_id: int, reason: str) -> int:
    """Counts a row, and leaves the rest to a step."""
    async with ctx.work() as work:
        work.defer(later(text=f"{reason} {user_id}"), to=user_id)
    return 1


async def test_what_the_handler_deferred_is_done_too(chat: Chat, story: Story) -> None:
    """send() returns after the steps that the handler left behind, and after telemetry was handed out."""
    await chat.send("/write")
    assert [run for run in story.runs if run != "count"] == ["write", "later"]
    assert {"/write", "later"} <= set(story.handled)


async def test_a_throttled_message_is_there_when_send_returns(bot: BotKit, chat: Chat) -> None:
    """429 is waited out: the second try is in the list of calls."""
    bot.telegram.fail("sendMessage", "429", retry_after=0)
    await chat.send("/say")
    assert chat.texts == ["said"]
    assert [call.error_code for call in bot.calls("sendMessage", chat)] == [429, 0]


async def test_a_server_error_and_a_lost_answer_are_tried_again(bot: BotKit, chat: Chat) -> None:
    """500 sends once; a time-out after acceptance sends twice, because Telegram has no key to know it by."""
    bot.telegram.fail("sendMessage", "500")
    await chat.send("/say")
    assert chat.texts == ["said"]
    bot.telegram.fail("sendMessage", "timeout", delay=0.01)
    await chat.send("/say")
    assert chat.texts == ["said", "said", "said"]


async def test_a_refused_message_does_not_stop_the_chat(bot: BotKit, chat: Chat) -> None:
    """403 ends this message alone."""
    bot.telegram.fail("sendMessage", "403")
    await chat.send("/say")
    assert chat.texts == []
    await chat.send("/say")
    assert chat.texts == ["said"]


async def test_a_crash_in_a_handler_loses_nothing(database_url: str, bot: BotKit, chat: Chat, story: Story) -> None:
    """The update was acknowledged before; after the restart it is handled anew and answered once."""
    await chat.user.send("/slow")
    await story.begun.wait()
    await bot.crash()
    assert chat.texts == []
    await bot.restart()
    assert chat.texts == ["slow said"]
    assert story.runs.count("slow") == 2


async def test_a_crash_keeps_what_was_committed(database_url: str, bot: BotKit, chat: Chat, story: Story) -> None:
    """The handler had written and its message was on its way: it goes out again, the handler does not run again."""
    bot.telegram.fail("sendMessage", "slow", delay=1000)
    await chat.user.send("/write")
    await chat.user.wait_until(lambda: not bot.telegram.world.faults.rules)
    await bot.crash()
    await bot.restart()
    assert chat.texts == ["written"]
    assert sorted(run for run in story.runs if run != "count") == ["later", "write"]


async def test_telegram_keeps_what_is_sent_to_a_bot_that_is_down(bot: BotKit, chat: Chat) -> None:
    """An act returns at once while nobody is there; the restart brings the answer."""
    await bot.stop()
    await chat.send("/say")
    assert chat.texts == []
    await bot.restart()
    assert chat.texts == ["said"]


async def test_held_back_updates_come_when_telegram_goes_on(bot: BotKit, chat: Chat) -> None:
    """With paused delivery an act returns at once, too."""
    bot.telegram.switch(paused=True)
    await chat.send("/say")
    assert chat.texts == []
    bot.telegram.switch(paused=False)
    await bot.settled()
    assert chat.texts == ["said"]


async def test_time_of_telegram_moves_by_hand(bot: BotKit, chat: Chat) -> None:
    """A message that is sent after an hour carries a date of an hour later."""
    await chat.send("/say")
    before = chat.last.date
    await bot.advance(3600)
    await chat.send("/say")
    assert 3600 <= chat.last.date - before < 3660


async def test_a_sleeper_wakes_when_the_clock_has_been_moved_far_enough() -> None:
    """Not before, and not later; time never goes back."""
    clock = MovableClock()
    sleeper = asyncio.create_task(clock.sleep(1000))
    await asyncio.sleep(0)
    clock.advance(500)
    for _ in range(5):  # turns of the loop, in which it could wake
        await asyncio.sleep(0)
    assert not sleeper.done()
    clock.advance(501)
    await sleeper
    with pytest.raises(ValueError, match="only moves forward"):
        clock.advance(-1)


async def test_a_job_runs_when_a_test_wants_it(bot: BotKit, story: Story) -> None:
    """Beside its own time; a name that no plugin has is an error that lists those that there are."""
    await bot.settled()
    runs = story.runs.count("count")
    await bot.run_job("kitbot.count")
    assert story.runs.count("count") == runs + 1
    with pytest.raises(ConfigError, match=r"there are: kitbot\.count"):
        await bot.run_job("kitbot.cuont")


async def test_a_job_runs_when_its_time_has_come_by_the_moved_clock(bot: BotKit, story: Story) -> None:
    """Once for each slot that the clock is moved to, and not before."""
    await bot.settled()
    runs = story.runs.count("count")
    await bot.advance(72 * 3_600)
    assert story.runs.count("count") == runs + 1
    await bot.advance(1)
    assert story.runs.count("count") == runs + 1
    await bot.advance(144 * 3_600)
    assert story.runs.count("count") == runs + 2


async def test_a_bot_that_hangs_is_named_with_what_it_does(
    bot: BotKit, chat: Chat, monkeypatch: pytest.MonkeyPatch, story: Story
) -> None:
    """The error says how many chats are busy, and with which updates."""
    await bot.settled()  # the jobs of the start
    monkeypatch.setattr(settle, "TIMEOUT", 0.3)
    with pytest.raises(TimeoutError, match="1 chats have something to do"):
        await chat.send("/slow")
    story.go_on.set()
    await bot.settled()
    assert chat.texts == ["slow said"]


async def test_the_kit_shows_what_plugins_keep(bot: BotKit, chat: Chat) -> None:
    """Rows of a table or a query, and a plugin's context; a plugin that does not run is an error that lists those."""
    await chat.send("/say")
    assert [row.first_name for row in await bot.rows(core_users)] == ["Anna"]
    assert await bot.rows(select(core_users.c.id)) == [(chat.id,)]
    assert bot.context("kitbot").id == "kitbot"
    with pytest.raises(LookupError, match="no plugin 'kitbto' runs in this bot; these do: core, kitbot"):
        bot.context("kitbto")


async def test_the_kit_shows_what_plugins_give_out_and_lets_them_forget(
    bot: BotKit, chat: Chat, story: Story
) -> None:
    """Of all plugins or of one; files are whole, and what a plugin left behind is done when `forget` returns."""
    files = {"kitbot/id.txt": str(chat.id).encode(), "kitbot/much.txt": b"12"}
    assert await bot.export(chat) == await bot.export(chat.user, plugin="kitbot") == files
    assert await bot.export(chat, plugin="core") == {}
    assert await bot.forget(chat) == 1
    assert story.runs.count("later") == 1
    assert await bot.forget(chat, plugin="core") == 0
    with pytest.raises(LookupError, match="no plugin 'kitbto' runs in this bot"):
        await bot.export(chat, plugin="kitbto")
