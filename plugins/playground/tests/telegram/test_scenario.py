"""A whole bot on python-telegram-bot lives in the emulator: by long polling and by webhook."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard
from telegram import LabeledPrice, Update
from telegram.ext import (
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    PreCheckoutQueryHandler,
    filters,
)
from telegram.request import HTTPXRequest

from astral_playground.telegram import EmulatedUser, TelegramEmulator

Context = ContextTypes.DEFAULT_TYPE
BLOCKED: list[int] = []


async def start(update: Update, _context: Context) -> None:
    """Greet with two buttons."""
    assert update.effective_message is not None
    assert update.effective_user is not None
    keyboard = Keyboard([[Button("Купить", callback_data="buy"), Button("Имя", callback_data="name")]])
    await update.effective_message.reply_html(
        f"Привет, <b>{update.effective_user.first_name}</b>!", reply_markup=keyboard
    )


async def pressed(update: Update, context: Context) -> None:
    """Sell, or edit the greeting."""
    query = update.callback_query
    assert query is not None
    assert query.message is not None
    if query.data == "buy":
        await query.answer()
        await context.bot.send_invoice(
            query.message.chat.id,
            "Карта",
            "Натальная карта",
            "natal:1",
            "XTR",
            [LabeledPrice("x", 30)],
            provider_token="",
        )
    else:
        await query.answer("Меняю", show_alert=True)
        await query.edit_message_text("Как вас зовут?")


async def checkout(update: Update, _context: Context) -> None:
    """Agree to every payment."""
    assert update.pre_checkout_query is not None
    await update.pre_checkout_query.answer(ok=update.pre_checkout_query.invoice_payload.startswith("natal:"))


async def paid(update: Update, context: Context) -> None:
    """Give the money back at once."""
    message = update.effective_message
    assert message is not None
    assert message.successful_payment is not None
    assert message.from_user is not None
    await message.reply_text("Спасибо!")
    await context.bot.refund_star_payment(message.from_user.id, message.successful_payment.telegram_payment_charge_id)


async def echo(update: Update, _context: Context) -> None:
    """Say it again."""
    assert update.effective_message is not None
    await update.effective_message.reply_text(update.effective_message.text or "")


async def member(update: Update, _context: Context) -> None:
    """Note who blocked the bot."""
    assert update.my_chat_member is not None
    if update.my_chat_member.new_chat_member.status == "kicked":
        BLOCKED.append(update.my_chat_member.from_user.id)


def build(tg: TelegramEmulator, tls: ssl.SSLContext) -> Application[Any, Any, Any, Any, Any, Any]:
    """The bot, whose only setting is where Telegram is."""

    def request() -> HTTPXRequest:
        options = {"trust_env": False, "verify": tls}
        return HTTPXRequest(read_timeout=30, connect_timeout=30, pool_timeout=30, httpx_kwargs=options)

    app = (
        ApplicationBuilder()
        .token(tg.token)
        .base_url(tg.base_url)
        .base_file_url(tg.base_file_url)
        .request(request())
        .get_updates_request(request())
        .updater(None)
        .job_queue(None)
        .build()
    )
    app.add_handler(CommandHandler("start", start))
    app.add_handler(CallbackQueryHandler(pressed))
    app.add_handler(PreCheckoutQueryHandler(checkout))
    app.add_handler(MessageHandler(filters.SUCCESSFUL_PAYMENT, paid))
    app.add_handler(ChatMemberHandler(member, ChatMemberHandler.MY_CHAT_MEMBER))
    app.add_handler(MessageHandler(filters.TEXT & ~filters.COMMAND, echo))
    return app


@pytest.fixture(params=["polling", "webhook"])
async def living_bot(
    request: pytest.FixtureRequest, tg: TelegramEmulator, tls: ssl.SSLContext
) -> AsyncIterator[TelegramEmulator]:
    """The bot runs and gets its updates one way or the other."""
    BLOCKED.clear()
    app = build(tg, tls)
    async with app:
        if request.param == "polling":
            task = asyncio.create_task(poll(app))
            yield tg
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        else:
            async for _ in hook(app):
                yield tg


async def poll(app: Application[Any, Any, Any, Any, Any, Any]) -> None:
    """Long polling, one update after the other."""
    offset = 0
    while True:
        for update in await app.bot.get_updates(offset=offset, timeout=30):
            offset = update.update_id + 1
            await app.process_update(update)


async def hook(app: Application[Any, Any, Any, Any, Any, Any]) -> AsyncIterator[None]:
    """A webhook on a port of its own."""

    async def take(request: web.Request) -> web.Response:
        await app.process_update(Update.de_json(await request.json(), app.bot))
        return web.Response()

    server = web.Application()
    server.router.add_post("/hook", take)
    runner = web.AppRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await app.bot.set_webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
    yield
    await runner.cleanup()


async def test_a_visit(living_bot: TelegramEmulator) -> None:
    """Greeting, alert, edit, echo: what the person sees is what the bot meant."""
    anna = living_bot.user("Анна", language_code="ru")
    await anna.send("/start")
    greeting = await anna.wait_for("Привет")
    assert greeting.text == "Привет, Анна!"
    assert greeting.buttons == ["Купить", "Имя"]
    query = await anna.press("Имя")
    await anna.wait_answer(query)
    assert anna.toasts == ["Меняю"]
    edited = await anna.wait_for("Как вас зовут?")
    assert edited is greeting
    assert edited.buttons == []
    await anna.send("Анна 🌟")
    assert (await anna.wait_for()).text == "Анна 🌟"


async def test_a_purchase(living_bot: TelegramEmulator) -> None:
    """Invoice, payment, thanks, refund: in the end nobody has lost a Star."""
    anna = living_bot.user("Анна", stars=30)
    await anna.send("/start")
    await anna.wait_for("Привет")
    await anna.press("Купить")
    await anna.wait_for(lambda message: message.invoice is not None)
    outcome = await anna.pay()
    assert outcome.status == "paid"
    await anna.wait_for("Спасибо!")
    await anna.wait_until(lambda: anna.stars == 30)
    kinds = [min(message.content) for message in anna.messages]
    assert kinds.count("successful_payment") == kinds.count("refunded_payment") == 1
    assert living_bot.world.bot.stars == 0


async def test_a_block(living_bot: TelegramEmulator, settle: Callable[..., Any]) -> None:
    """The bot hears that it was blocked."""
    anna = living_bot.user("Анна")
    await anna.send("/start")
    await anna.wait_for("Привет")
    await anna.block()
    await settle(lambda: [anna.id] == BLOCKED)


async def test_many_people(living_bot: TelegramEmulator) -> None:
    """Twenty people at once each get their own answers in their own order."""
    people = [living_bot.user(f"u{number}") for number in range(20)]

    async def visit(person: EmulatedUser) -> list[str]:
        for number in range(3):
            await person.send(f"{person.id}-{number}")
        await person.wait_for(f"{person.id}-2")
        return [message.text for message in person.messages if message.sender == "bot"]

    for person, texts in zip(people, await asyncio.gather(*map(visit, people)), strict=True):
        assert texts == [f"{person.id}-{number}" for number in range(3)]


async def test_the_bot_survives_an_error(living_bot: TelegramEmulator) -> None:
    """An error of Telegram in a handler does not stop the next update."""
    anna = living_bot.user("Анна")
    living_bot.fail("sendMessage", "500")
    await anna.send("раз")
    await anna.wait_until(lambda: len(living_bot.calls_of("sendMessage")) == 1)
    await anna.send("два")
    await anna.wait_for("два")
    assert isinstance(living_bot.calls[-1].result, dict)
