"""A plugin's own metrics stand beside the core's, under its name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from astral_core import Context, PluginContext
from astral_core.errors import DeclarationError
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit


async def test_they_are_exported_and_are_made_once(
    sqlite_url: str, make_plugin: Callable[..., LoadedPlugin], http: aiohttp.ClientSession
) -> None:
    """Asked for again they are the same; as another kind, or with other labels, they are refused with the name."""
    found: list[PluginContext] = []

    async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
        found.append(ctx)
        yield

    async def ride(ctx: Context) -> None:
        ctx.counter("rides", "Rides taken", "kind").labels("bus").inc()
        ctx.histogram("ride_seconds", "Time of a ride").observe(0.5)
        ctx.reply("done")

    plugin = make_plugin("weather", commands={"ride": ride}, hooks=[astral_lifespan])
    async with bot_kit(sqlite_url, [plugin]) as kit:
        anna = kit.user("Anna")
        for _ in range(2):
            await anna.send("/ride")
            await anna.wait_for("done")
        async with http.get(f"{kit.url}/metrics") as response:
            text = await response.text()
        assert 'astral_weather_rides_total{kind="bus"} 2.0' in text
        assert "astral_weather_ride_seconds_sum 1.0" in text
        assert 'astral_handler_seconds_count{plugin="weather",route="/ride"} 2.0' in text
        wrong: list[Callable[[], Any]] = [
            lambda: found[0].gauge("rides", "Rides taken", "kind"),
            lambda: found[0].counter("rides", "Rides taken"),
        ]
        for ask in wrong:
            with pytest.raises(DeclarationError, match=r"'weather'.*astral_weather_rides"):
                ask()
