"""Plugins that are away: who presses their buttons is told so, and nothing that came for them is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import pytest
from click.testing import Result
from sqlalchemy import delete, insert, select, text
from telegram import LabeledPrice

from astral_core import Context, Event, PluginContext, Routes, View
from astral_core.db.drop import drop_tables
from astral_core.db.engine import open_database
from astral_core.db.tables import DEAD, DEAD_EFFECT, DONE, PARKED, core_inbox, core_outbox, core_plugins
from astral_core.host.state import LoadedPlugin, State
from astral_playground.telegram import TelegramEmulator
from astral_playground.telegram.client import EmulatedUser
from astral_playground.testkit.bot import BotKit

MakePlugin = Callable[..., LoadedPlugin]
Post = Callable[..., Awaitable[tuple[int, Any]]]
MakeUpdate = Callable[..., dict[str, Any]]
Until = Callable[..., Awaitable[Any]]
Astral = Callable[..., Awaitable[Result]]

AWAY = "This is not available right now."
LENIENT = {"host": {"on_error": "quarantine", "required": ()}}
PAYMENT = {"currency": "XTR", "total_amount": 5, "invoice_payload": "shop:1", "telegram_payment_charge_id": "c1",
           "provider_payment_charge_id": "p1"}  # fmt: skip
BROKEN = LoadedPlugin("shop", "astral-shop", "1.1", "astral_shop_that_cannot_be_imported")


class Sold(Event):
    """An event of the plugin `till`, to which the shop subscribes."""

    name = "till.sold"
    what: str = ""


routes = Routes()


@routes.command("shop", description="The shop")
async def shop(ctx: Context) -> None:
    """Show the shop."""
    ctx.reply("Shop", buttons=[[ctx.button("Look", look())], [ctx.button("Order", order(what="moon"))]])


@routes.callback("look")
async def look(ctx: Context) -> None:
    """A press that means something only now."""
    ctx.reply("Look!")


@routes.callback("order/{what:slug}", park=True)
async def order(ctx: Context, what: str) -> None:
    """A press that must not be lost."""
    ctx.reply(f"Ordered {what}")


@routes.command("ask")
async def ask(ctx: Context) -> None:
    """Ask for something."""
    ctx.ask(answer())
    ctx.reply("How many?")


@routes.question("many")
async def answer(ctx: Context) -> None:
    """The answer."""
    ctx.reply("That many.")


@routes.pre_checkout()
async def checkout(ctx: Context, query: View) -> None:
    """Yes to everything."""
    ctx.answer_pre_checkout()


@routes.payment()
async def paid(ctx: Context, payment: View) -> None:
    """A payment."""
    ctx.reply("Thank you for the payment.")


@routes.step("pack")
async def pack(ctx: Context, what: str) -> None:
    """Durable work."""
    ctx.reply(f"Packed {what}")


@routes.command("later")
async def later(ctx: Context) -> None:
    """Defer work of the shop's."""
    ctx.defer(pack(what="stars"))


@routes.event(Sold)
async def on_sold(ctx: Context, event: Sold) -> None:
    """The shop hears of a sale."""
    ctx.reply(f"Sold {event.what}")


@routes.page("GET", "/page")
async def page(ctx: PluginContext, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
    """A page of the shop."""
    return aiohttp.web.Response(text="page")


till = Routes()


@till.command("sell")
async def sell(ctx: Context) -> None:
    """Emit the event."""
    ctx.emit(Sold(what="sun"))
    ctx.reply("selling")


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramEmulator]:
    """An emulated Telegram that outlives the bots of a test."""
    async with TelegramEmulator() as emulator:
        yield emulator


@pytest.fixture
async def kit(
    telegram: TelegramEmulator, database_url: str, make_plugin: MakePlugin
) -> AsyncIterator[Callable[..., Awaitable[BotKit]]]:
    """`await kit()`: the bot with its shop; `await kit(broken=True)`: the same one later, without it."""
    made = BotKit(telegram, database_url, overrides=LENIENT)
    works = make_plugin("shop", routes)
    other = make_plugin("till", till, events=[Sold])

    async def start(*, broken: bool = False, plugins: Sequence[LoadedPlugin] | None = None, **host: Any) -> BotKit:
        await made.stop()
        made.plugins = plugins if plugins is not None else [BROKEN if broken else works, other]
        made.overrides = {"host": {**LENIENT["host"], **host}}
        await made.start()
        return made

    yield start
    await made.stop()


async def in_the_shop(kit: Any) -> tuple[BotKit, EmulatedUser]:
    """The bot with its shop, and somebody who has it open."""
    bot = await kit()
    anna = bot.user("Anna")
    await anna.send("/shop")
    await anna.wait_for("Shop")
    return bot, anna


async def test_who_presses_its_buttons_is_told_in_words(kit: Any) -> None:
    """Commands, buttons, links and open questions of a plugin that cannot be imported get a polite answer."""
    bot = await kit()
    vera = bot.user("Vera", language_code="ru")
    await vera.send("/shop")
    await vera.wait_for("Shop")
    await vera.send("/ask")
    await vera.wait_for("How many?")
    await kit(broken=True)
    assert (bot.running.host.plugins[1].state, bot.running.host.plugins[1].phase) == (State.FAILED, "import")
    for press in ("three", "/shop", "/start shop-sale"):
        await vera.send(press)
        assert "Сейчас это недоступно." in (await vera.wait_for()).text
    query = await vera.press("Look", message=next(m for m in vera.messages if m.text == "Shop"))
    assert (await vera.wait_answer(query)).text == "Сейчас это недоступно."
    await vera.send("/unknown")
    await vera.wait_for("Я не совсем понял")


async def test_an_open_question_is_still_open_when_it_is_back(kit: Any) -> None:
    """What a user was asked is not forgotten while nobody can take the answer."""
    bot = await kit()
    anna = bot.user("Anna")
    await anna.send("/ask")
    await anna.wait_for("How many?")
    await kit(broken=True)
    await anna.send("three")
    await anna.wait_for(AWAY)
    await kit()
    await anna.send("three")
    await anna.wait_for("That many.")


async def test_payments_are_kept_and_go_on_when_it_is_back(
    kit: Any, post: Post, make_update: MakeUpdate, until: Until, astral: Astral
) -> None:
    """The user is told that it is safe; the row leaves the lane, is listed as parked, and is handled later."""
    bot, anna = await in_the_shop(kit)
    await kit(broken=True)
    status, _ = await post(bot, make_update("", user=anna.id, successful_payment=PAYMENT))
    assert status == 200
    await anna.wait_for("Your payment has arrived and is safe.")
    await anna.send("/sell")
    await anna.wait_for("selling")  # the lane goes on
    listed = (await astral(bot, "inbox", "list")).output
    assert "parked" in listed
    assert "shop" in listed
    await kit()
    await anna.wait_for("Thank you for the payment.")
    await until(lambda: _states(bot, PARKED, DEAD, empty=True))


async def test_a_press_that_must_not_be_lost_waits_too(kit: Any) -> None:
    """A route with `park=True` is handled when its plugin is back, and the user knows that."""
    _, anna = await in_the_shop(kit)
    await kit(broken=True)
    query = await anna.press("Order", message=next(m for m in anna.messages if m.text == "Shop"))
    await anna.wait_for("I have kept this.")
    assert (await anna.wait_answer(query)).answered
    await kit()
    await anna.wait_for("Ordered moon")


async def test_durable_work_and_events_wait_for_it(kit: Any, until: Until) -> None:
    """A step that was deferred, and an event that came while its subscriber was away, are done when it is back."""
    bot = await kit()
    anna = bot.user("Anna")
    await bot.running.inbox.lanes.stop(1)  # what is deferred now is handled by the next process
    await anna.send("/later")
    await kit(broken=True)
    await anna.send("/sell")
    await anna.wait_for("selling")
    await until(lambda: _states(bot, PARKED))
    await kit()
    await anna.wait_for("Sold sun")
    assert "Sold sun" in [message.text for message in anna.messages]


async def test_a_payment_is_declined_before_it_costs_anything(kit: Any) -> None:
    """Who wants to pay while the plugin is away is told so by Telegram, and keeps the money."""
    bot = await kit()
    anna = bot.user("Anna", stars=10)
    await anna.send("/shop")
    await anna.wait_for("Shop")
    await kit(broken=True)
    await bot.running.bot.application.bot.send_invoice(
        anna.id, "Moon", "A moon", "shop:1", "XTR", [LabeledPrice("Moon", 5)]
    )
    await anna.wait_for(lambda message: message.invoice is not None)
    outcome = await anna.pay()
    assert "You were not charged" in str(outcome.error)
    assert anna.stars == 10


async def test_a_chat_goes_on_where_it_could_not_be_told_to_wait(
    kit: Any, post: Post, make_update: MakeUpdate, until: Until
) -> None:
    """Telegram refused the words about the payment; the payment is handled all the same, and what comes after it."""
    bot, anna = await in_the_shop(kit)
    await kit(broken=True)
    bot.telegram.world.faults.add("sendMessage", "400")
    await post(bot, make_update("", user=anna.id, successful_payment=PAYMENT))
    await until(lambda: _refused(bot))
    await kit()
    await anna.wait_for("Thank you for the payment.")
    await anna.send("/sell")
    await anna.wait_for("selling")


async def test_who_disagrees_does_not_hand_a_payment_to_and_fro(
    telegram: TelegramEmulator, postgres_url: str, make_plugin: MakePlugin, post: Post, make_update: MakeUpdate,
    until: Until,
) -> None:  # fmt: skip
    """While the chat is one replica's that lacks the plugin, the row waits, and the user is told once."""
    works = make_plugin("shop", routes)
    other = make_plugin("till", till, events=[Sold])
    able = BotKit(telegram, postgres_url, plugins=[works, other], overrides=LENIENT)
    lacks = BotKit(telegram, postgres_url, plugins=[BROKEN, other], overrides=LENIENT)
    await able.start()
    await able.stop()
    await lacks.start()
    try:
        anna = lacks.user("Anna")
        await anna.send("/sell")
        await anna.wait_for("selling")
        await post(lacks, make_update("", user=anna.id, successful_payment=PAYMENT))
        await anna.wait_for("Your payment has arrived and is safe.")
        await able.start()
        for _ in range(3):
            await able.running.roster.replay()
            await lacks.running.roster.replay()
        assert await _states(lacks, PARKED)
        await lacks.stop()
        await able.running.roster.replay()
        await anna.wait_for("Thank you for the payment.")
        assert [message.text for message in anna.messages if "is safe" in message.text][1:] == []
    finally:
        await lacks.stop()
        await able.stop()


async def test_replicas_that_start_together_remember_together(kit: Any) -> None:
    """Both write the same rows; neither start fails."""
    bot = await kit()
    async with bot.running.database.engine.begin() as connection:
        await connection.execute(delete(core_plugins))
    await asyncio.gather(*(bot.running.roster.remember() for _ in range(5)))
    assert set(await _remembered(bot)) == {"core", "shop", "till"}


async def test_forgetting_reaches_a_plugin_that_is_away(kit: Any, until: Until) -> None:
    """What was typed for it is gone at once; what it holds is deleted when it is back; payments stay."""
    bot, anna = await in_the_shop(kit)
    async with bot.running.database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE shop_guests (user_id BIGINT)"))
        await connection.execute(delete(core_plugins).where(core_plugins.c.id == "shop"))
    await kit(broken=True)
    assert bot.running.host.registry.away["shop"].holds_user_data
    await bot.running.roster.remember()
    async with bot.running.database.engine.begin() as connection:
        row = {
            "source": "tg:1",
            "ext_id": "9",
            "lane": anna.id,
            "kind": "message",
            "state": PARKED,
            "parked_for": "shop",
        }
        await connection.execute(insert(core_inbox).values(**row, payload='{"text": "born in Omsk"}'))
        paid = {**row, "ext_id": "10", "payload": '{"message": {"successful_payment": {}}}'}
        await connection.execute(insert(core_inbox).values(**paid))
    await anna.send("/mydata")
    await anna.wait_for("its data is not in here")
    await anna.send("/forget")
    await anna.wait_for("Delete everything that I know")
    await anna.press("Yes, delete everything")
    await anna.wait_for("Done, except for one part of me")

    async def rows() -> dict[str, Any]:
        async with bot.running.database.engine.connect() as connection:
            return {row.ext_id: row for row in await connection.execute(select(core_inbox))}

    async def promised() -> bool:
        return any(
            (row.kind, row.state, row.parked_for) == ("step", PARKED, "shop") for row in (await rows()).values()
        )

    await until(promised)
    found = await rows()
    assert (found["9"].state, found["9"].payload) == (DONE, None)
    assert found["10"].state == PARKED


async def test_its_web_routes_ask_to_come_again(kit: Any, http: aiohttp.ClientSession) -> None:
    """503 with Retry-After for its pages and for webhooks that nobody serves, so that the sender repeats."""
    bot = await kit(broken=True)
    for method, path in (("GET", "/plugins/shop/page"), ("POST", "/webhook/yookassa")):
        async with http.request(method, f"{bot.url}{path}") as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "5")
    async with http.get(f"{bot.url}/plugins/nobody/page") as response:
        assert response.status == 404


async def test_a_plugin_that_was_switched_off_is_not_excused(kit: Any, post: Post, make_update: MakeUpdate) -> None:
    """Its owner wanted that: its buttons have expired. A payment that is on its way is kept all the same."""
    bot, anna = await in_the_shop(kit)
    await kit(plugins=[])
    await anna.press("Look", message=next(m for m in anna.messages if m.text == "Shop"))
    await anna.wait_for("That button has expired")
    await post(bot, make_update("", user=anna.id, successful_payment=PAYMENT))
    await anna.wait_for("Your payment has arrived and is safe.")


async def test_dropping_its_tables_gives_up_what_waited_for_it(
    kit: Any, post: Post, make_update: MakeUpdate, astral: Astral
) -> None:
    """`astral db drop` means for good: the core forgets the plugin, and what was parked is a dead letter with why."""
    bot, anna = await in_the_shop(kit)
    await kit(broken=True)
    await post(bot, make_update("", user=anna.id, successful_payment=PAYMENT))
    await anna.wait_for("Your payment has arrived and is safe.")
    await bot.stop()
    database = open_database(bot.database_url, 2)
    await drop_tables(database, "shop")
    await database.dispose()
    listed = (await astral(bot, "inbox", "list", "--dead")).output
    assert "the tables of plugin 'shop' were dropped" in listed
    await kit(plugins=[])
    assert "shop" not in await _remembered(bot)


async def test_what_did_not_change_is_not_written_again(kit: Any) -> None:
    """A restart with the same plugins leaves the memory of them alone."""
    bot = await kit()
    before = await _remembered(bot)
    await kit()
    assert await _remembered(bot) == before
    assert set(before) == {"core", "shop", "till"}


async def test_replicas_that_run_different_plugins_are_told_apart(
    telegram: TelegramEmulator,
    postgres_url: str,
    make_plugin: MakePlugin,
    caplog: pytest.LogCaptureFixture,
    astral: Astral,
) -> None:
    """One log line for each change, a metric, and a row that one of them has kept is handled by the other."""
    works = make_plugin("shop", routes)
    other = make_plugin("till", till, events=[Sold])
    one = BotKit(telegram, postgres_url, plugins=[works, other], overrides=LENIENT)
    two = BotKit(telegram, postgres_url, plugins=[BROKEN, other], overrides=LENIENT)
    await one.start()
    await two.start()
    try:
        for _ in range(2):
            await two.running.roster.compare()
        told = [record.getMessage() for record in caplog.records if "disagree" in record.getMessage()]
        assert len(told) == 1
        assert "'shop': active in" in told[0]
        assert "failed in" in told[0]
        metrics = two.running.metrics.render().decode()
        assert 'astral_plugin_disagreement{plugin="shop"} 1.0' in metrics
        assert 'astral_plugin_state{plugin="shop",state="failed"} 1.0' in metrics
        assert "without shop failed" in (await astral(two, "replicas")).output
        await one.stop()
        await two.running.roster.compare()
        assert 'astral_plugin_disagreement{plugin="shop"} 0.0' in two.running.metrics.render().decode()
    finally:
        await one.stop()
        await two.stop()


async def _remembered(bot: BotKit) -> dict[str, Any]:
    async with bot.running.database.engine.connect() as connection:
        rows = await connection.execute(select(core_plugins))
    return {row.id: (row.version, row.declared, row.seen_at) for row in rows}


async def _refused(bot: BotKit) -> bool:
    async with bot.running.database.engine.connect() as connection:
        dead = select(core_outbox.c.id).where(core_outbox.c.state == DEAD_EFFECT)
        return (await connection.execute(dead)).first() is not None


async def _states(bot: BotKit, *states: int, empty: bool = False) -> bool:
    async with bot.running.database.engine.connect() as connection:
        found = (await connection.execute(select(core_inbox.c.seq).where(core_inbox.c.state.in_(states)))).all()
    return bool(found) != empty
