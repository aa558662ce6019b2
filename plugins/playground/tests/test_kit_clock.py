"""Time in tests: `astral_core.now()` follows `advance`, and stands still after `freeze`. The plugin is this file."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core import Context, Plugin, now
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat
from astral_playground.testkit.clock import MovableClock, moment_of

pytestmark = pytest.mark.astral(plugins=[sys.modules[__name__]])
plugin = Plugin()
AT_NINE = pytest.mark.astral(now="2026-03-01 09:00+00:00")
RUNS: list[datetime] = []


@plugin.command("time")
async def time_of_day(ctx: Context) -> None:
    """Says what time it is."""
    ctx.reply(now().strftime("%Y-%m-%d %H:%M:%S"))


@plugin.job("tick", every=3600)
async def tick(ctx: Context) -> None:
    """A job that notes when it ran."""
    RUNS.append(now())


async def test_advance_moves_the_time_that_plugins_see(bot: BotKit, chat: Chat) -> None:
    """Due times that a plugin compares with `now()` come, as do steps that wait for theirs."""
    before = now()
    assert abs(before - datetime.now(UTC)) < timedelta(seconds=5)
    await bot.advance(600)
    assert timedelta(seconds=600) <= now() - before < timedelta(seconds=660)
    await chat.send("/time")
    assert chat.last.text[:16] in {f"{before + timedelta(seconds=seconds):%Y-%m-%d %H:%M}" for seconds in (600, 660)}


@AT_NINE
async def test_the_hour_of_a_test_can_be_chosen(bot: BotKit, chat: Chat) -> None:
    """The hands stand still at it, and go on with `advance` alone."""
    await chat.send("/time")
    assert chat.last.text == "2026-03-01 09:00:00"
    await bot.advance(90)
    await chat.send("/time")
    assert chat.last.text == "2026-03-01 09:01:30"
    assert now() == datetime(2026, 3, 1, 9, 1, 30, tzinfo=UTC)


@AT_NINE
async def test_jobs_run_when_the_hands_have_come_there(database_url: str, bot: BotKit, chat: Chat) -> None:
    """Not a second before, on both databases, and however long the test takes; retries do not wait for the hands."""
    await bot.settled()
    RUNS.clear()  # the run of the start
    bot.telegram.fail("sendMessage", "500")
    await chat.send("/time")
    assert chat.texts == ["2026-03-01 09:00:00"]
    await bot.advance(3540)
    assert RUNS == []
    await bot.advance(60)
    assert [datetime(2026, 3, 1, 10, tzinfo=UTC)] == RUNS


async def test_a_bot_can_be_frozen_while_it_runs(bot: BotKit, chat: Chat) -> None:
    """From a moment on that lies ahead; jobs see the frozen hour, too."""
    bot.freeze(datetime(2126, 1, 1, 12, tzinfo=UTC))
    await chat.send("/time")
    assert chat.last.text == "2126-01-01 12:00:00"
    RUNS.clear()
    await bot.advance(3600)
    assert [datetime(2126, 1, 1, 13, tzinfo=UTC)] == RUNS


async def test_a_moment_without_a_zone_is_refused(bot: BotKit) -> None:
    """It would mean something else on every machine."""
    with pytest.raises(ValueError, match=r"has no zone. Fix: write it like"):
        bot.freeze("2026-03-01 09:00")
    with pytest.raises(ValueError, match="'nine' is no moment"):
        bot.freeze("nine")


def test_time_is_the_machine_s_again_after_a_test() -> None:
    """Nobody's clock is shown where no bot runs."""
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=5)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1)),  # noqa: DTZ001
       st.lists(st.floats(0, 1e7), max_size=5))  # fmt: skip
def test_a_frozen_clock_shows_the_moment_and_what_was_added(moment: datetime, steps: list[float]) -> None:
    """Exactly that, while the time of what is due never falls behind the hands."""
    clock, shown = MovableClock(), moment
    clock.freeze(moment_of(str(moment)))
    for step in steps:
        clock.advance(step)
        shown += timedelta(seconds=step)
        assert clock.now() == shown
        assert clock.time() >= shown.timestamp() - 0.001
