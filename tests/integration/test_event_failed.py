"""A subscriber that fails for good: whoever declares the event hears of it, once, in the chat of the event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import pytest

from astral_core import Context, Event, EventFailed, Routes, Subscriber, Update, hookimpl
from astral_core.host.state import Plugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., Plugin]


class Sold(Event, frozen=True, kw_only=True):
    """Something was sold."""

    name: ClassVar[str] = "shop.sold"
    thing: str


shop, courier = Routes(), Routes()


@shop.command("buy")
async def buy(update: Update, ctx: Context) -> None:
    """Sells a rose."""
    ctx.emit(Sold(thing="rose"))
    ctx.reply("sold")


@courier.command("ride")
async def ride(update: Update, ctx: Context) -> None:
    """Puts a step that fails."""
    ctx.defer(fall)
    ctx.reply("rides")


@courier.step("fall")
async def fall(ctx: Context) -> None:
    """Has a bug."""
    raise ZeroDivisionError("a bug of a step")


async def bring(event: Sold, ctx: Context) -> None:
    """Has a bug."""
    raise ZeroDivisionError("a bug of the courier")


async def comfort(event: EventFailed, ctx: Context) -> None:
    """Tells whose event failed, and where."""
    ctx.reply(f"{event.plugin} dropped the {event.data['thing']} of {event.event} ({event.error_id})")


async def fail_too(event: EventFailed, ctx: Context) -> None:
    """Has a bug, too: that is nobody's news any more."""
    raise ZeroDivisionError("a bug of who comforts")


def events(*items: Any) -> Callable[..., Any]:
    """The hook that declares these."""

    @hookimpl
    def astral_events() -> Iterable[Any]:
        return items

    return astral_events


async def test_who_declares_an_event_hears_that_a_subscriber_failed(
    database_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, with the event's fields and the error's id; other plugins do not, and of steps nobody does."""
    plugins = [
        make_plugin("shop", shop, hooks=[events(Sold, Subscriber(EventFailed, comfort))]),
        make_plugin("courier", courier, hooks=[events(Subscriber(Sold, bring), Subscriber(EventFailed, comfort))]),
    ]
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.user("Anna", language_code="en")
        await anna.send("/buy")
        told = await anna.wait_for("courier dropped the rose of shop.sold")
        await anna.send("/ride")
        await kit.settled()
        assert [message.text for message in anna.messages if message.sender == "bot"] == ["sold", told.text, "rides"]
    [died] = [record for record in caplog.records if "is dead: plugin 'courier', route 'shop" in record.getMessage()]
    assert told.text.endswith(f"({died.args[0]})")


async def test_what_fails_while_it_tells_of_a_failure_ends_there(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """No news of news: two dead letters, and the chat goes on."""
    plugins = [
        make_plugin("shop", shop, hooks=[events(Sold, Subscriber(EventFailed, fail_too))]),
        make_plugin("courier", hooks=[events(Subscriber(Sold, bring))]),
    ]
    async with bot_kit(sqlite_url, plugins=plugins) as kit:
        anna = kit.user("Anna", language_code="en")
        await anna.send("/buy")
        await kit.settled()
        await anna.send("/buy")
        await kit.settled()
        assert [message.text for message in anna.messages if message.sender == "bot"] == ["sold", "sold"]
    assert sum("is dead: " in record.getMessage() for record in caplog.records) == 4
