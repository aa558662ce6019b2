"""What a bot on PostgreSQL shows as the time: the database's, whatever its own machine's clock says."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from astral_core import Context, Plugin, clock, now
from astral_core.db.tables import core_due
from astral_core.host.state import LoadedPlugin
from astral_playground.telegram import TelegramEmulator
from astral_playground.testkit.bot import BotKit

plugin = Plugin()
pytestmark = pytest.mark.postgres
HOUR, OFF = timedelta(hours=1), timedelta(days=1)


@plugin.step("ring")
async def ring(ctx: Context) -> None:
    """Ring."""


@plugin.command("wake")
async def wake(ctx: Context) -> None:
    """In an hour, by what the handler takes for the time."""
    ctx.defer(ring(), at=now() + HOUR, key="k")


class WrongClock:
    """The clock of a machine that is a day ahead."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time() + OFF.total_seconds()

    def ahead(self) -> float:
        """No test has moved it."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Nobody sleeps by it for long."""
        await clock.SystemClock().sleep(seconds)


class WrongDates(datetime):
    """What `datetime.now` gives on such a machine."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        """A day too late."""
        return datetime.now(tz) + OFF


async def test_a_bot_whose_machine_is_a_day_ahead_knows_the_time(
    unmade_postgres_url: str,
    make_plugin: Callable[..., LoadedPlugin],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`now()` is right in handlers, so is what they arm by it; the owner is told that the machine is not."""
    monkeypatch.setattr(clock, "datetime", WrongDates)
    async with TelegramEmulator(clock=WrongClock()) as telegram:
        kit = BotKit(telegram, unmade_postgres_url, [make_plugin("bell", plugin)])
        with caplog.at_level(logging.WARNING, "astral.inbox"):
            await kit.start()
        try:
            await kit.chat("Anna").send("/wake")
            [row] = await kit.rows(select(core_due).where(core_due.c.key == "k"))
            assert abs(row.due_at - datetime.now(UTC) - HOUR) < timedelta(minutes=5)
            assert abs(kit.running.bot.services.time() - time.time()) < 300
            kit.running.readiness.gauges()
            shown = kit.running.metrics.registry.get_sample_value("astral_clock_off_seconds")
            assert abs(shown - OFF.total_seconds()) < 300
        finally:
            await kit.stop()
    assert [line for line in caplog.messages if "86400 s ahead of the database's" in line]
