"""A subscriber that fails for good: whoever declares the event hears of it, once, in the chat of the event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from astral_core import Context, Event, EventFailed, Routes
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]


class Sold(Event, frozen=True, kw_only=True):
    """Something was sold."""

    name: ClassVar[str] = "shop.sold"
    thing: str


shop, courier = Routes(), Routes()


@shop.command("buy")
async def buy(ctx: Context) -> None:
    """Sells a rose."""
    ctx.emit(Sold(thing="rose"))
    ctx.reply("sold")


@courier.command("ride")
async def ride(ctx: Context) -> None:
    """Puts a step that fails."""
    ctx.defer(fall())
    ctx.reply("rides")


@courier.step("fall")
async def fall(ctx: Context) -> None:
    """Has a bug."""
    raise ZeroDivisionError("a bug of a step")


async def bring(ctx: Context, event: Sold) -> None:
    """Has a bug."""
    raise ZeroDivisionError("a bug of the courier")


async def comfort(ctx: Context, event: EventFailed) -> None:
    """Tells whose event failed, and where."""
    ctx.reply(f"{event.plugin} dropped the {event.data['thing']} of {event.event} ({event.error_id})")


async def fail_too(ctx: Context, event: EventFailed) -> None:
    """Has a bug, too: that is nobody's news any more."""
    raise ZeroDivisionError("a bug of who comforts")


def hears(event: type[Event], handler: Callable[..., Any]) -> Routes:
    """A subscriber."""
    routes = Routes()
    routes.event(event)(handler)
    return routes


async def test_who_declares_an_event_hears_that_a_subscriber_failed(
    database_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, with the event's fields and the error's id; other plugins do not. Of a step the person alone is told."""
    plugins = [
        make_plugin("shop", shop, hears(EventFailed, comfort), events=[Sold]),
        make_plugin("courier", courier, hears(Sold, bring), hears(EventFailed, comfort)),
    ]
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.user("Anna", language_code="en")
        await anna.send("/buy")
        told = await anna.wait_for("courier dropped the rose of shop.sold")
        await anna.send("/ride")
        await kit.settled()
        said = [message.text for message in anna.messages if message.sender == "bot"]
        assert said[:-1] == ["sold", told.text, "rides"]
        assert said[-1].startswith("I could not finish something")
    [died] = [record for record in caplog.records if "is dead: plugin 'courier', route 'shop" in record.getMessage()]
    assert told.text.endswith(f"({died.args[0]})")


async def test_what_fails_while_it_tells_of_a_failure_ends_there(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """No news of news: two dead letters, and the chat goes on."""
    plugins = [
        make_plugin("shop", shop, hears(EventFailed, fail_too), events=[Sold]),
        make_plugin("courier", hears(Sold, bring)),
    ]
    async with bot_kit(sqlite_url, plugins=plugins) as kit:
        anna = kit.user("Anna", language_code="en")
        await anna.send("/buy")
        await kit.settled()
        await anna.send("/buy")
        await kit.settled()
        assert [message.text for message in anna.messages if message.sender == "bot"] == ["sold", "sold"]
    assert sum("is dead: " in record.getMessage() for record in caplog.records) == 4
