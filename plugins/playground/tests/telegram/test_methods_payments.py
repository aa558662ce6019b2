"""Stars and invoices through the real client: the sheet, the 10 seconds, the payment, the refund."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import telegram
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard
from telegram import LabeledPrice
from telegram.error import BadRequest

from astral_playground.telegram import EmulatedUser, ManualClock, PageError, TelegramEmulator

Call = Callable[..., Any]

STARS: dict[str, Any] = {
    "title": "Подписка",
    "description": "30 дней",
    "payload": "sub:1",
    "currency": "XTR",
    "prices": [LabeledPrice("Подписка", 50)],
    "provider_token": "",
}


async def answer_checkout(bot: telegram.Bot, **answer: Any) -> telegram.PreCheckoutQuery:
    """Wait for the pre-checkout query by long polling and answer it."""
    offset = 0
    while True:
        for update in await bot.get_updates(offset=offset, timeout=5):
            offset = update.update_id + 1
            if update.pre_checkout_query is not None:
                await bot.answer_pre_checkout_query(update.pre_checkout_query.id, **answer)
                await bot.get_updates(offset=offset)
                return update.pre_checkout_query


async def test_pay_with_stars(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Invoice, pre-checkout, payment: the Stars move, the bot gets successful_payment with its payload."""
    sent = await bot.send_invoice(anna.id, **STARS)
    assert sent.invoice is not None
    assert (sent.invoice.currency, sent.invoice.total_amount) == ("XTR", 50)
    outcome, query = await asyncio.gather(anna.pay(), answer_checkout(bot, ok=True))
    assert (query.invoice_payload, query.total_amount, query.from_user.id) == ("sub:1", 50, anna.id)
    assert outcome.status == "paid"
    assert (anna.stars, tg.world.bot.stars) == (50, 50)
    update = (await bot.get_updates())[-1]
    assert update.message is not None
    assert update.message.successful_payment is not None
    assert update.message.successful_payment.telegram_payment_charge_id == outcome.charge_id
    assert update.message.successful_payment.invoice_payload == "sub:1"
    assert update.message.reply_to_message is not None
    assert (await bot.get_my_star_balance()).amount == 50


async def test_declined_by_the_bot(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """The bot's error message is shown to the person, and no Stars move."""
    await bot.send_invoice(anna.id, **STARS)
    answer = answer_checkout(bot, ok=False, error_message="Уже оплачено")
    outcome, _ = await asyncio.gather(anna.pay(), answer)
    assert (outcome.status, outcome.error) == ("failed", "Уже оплачено")
    assert anna.toasts == ["Уже оплачено"]
    assert (anna.stars, tg.world.bot.stars) == (100, 0)
    assert tg.world.transactions == []


async def test_ten_seconds(
    frozen: TelegramEmulator, frozen_bot: telegram.Bot, olga: EmulatedUser, clock: ManualClock
) -> None:
    """Without an answer within 10 s the person sees BOT_PRECHECKOUT_TIMEOUT; a later answer is too old."""
    await frozen_bot.send_invoice(olga.id, **STARS)
    paying = asyncio.create_task(olga.pay())
    updates: tuple[telegram.Update, ...] = ()
    while not updates or updates[-1].pre_checkout_query is None:
        updates = await frozen_bot.get_updates()
    assert clock.sleepers() == [10]
    clock.advance(9.9)
    assert not paying.done()
    clock.advance(0.1)
    outcome = await paying
    assert (outcome.status, outcome.error) == ("failed", "BOT_PRECHECKOUT_TIMEOUT")
    assert olga.toasts == ["BOT_PRECHECKOUT_TIMEOUT"]
    assert olga.stars == 100
    query = updates[-1].pre_checkout_query
    with pytest.raises(BadRequest, match="Query is too old"):
        await frozen_bot.answer_pre_checkout_query(query.id, ok=True)


async def test_pre_checkout_needs_a_reason(call: Call, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A no needs an error message; an unknown query is too old."""
    status, answer = await call("answerPreCheckoutQuery", pre_checkout_query_id="1", ok=False)
    assert (status, answer["description"]) == (400, 'Bad Request: parameter "error_message" is required')
    with pytest.raises(BadRequest, match="Query is too old"):
        await bot.answer_pre_checkout_query("1", ok=True)


async def test_not_enough_stars_and_top_up(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A price above the balance cannot be paid until Stars are bought."""
    await bot.send_invoice(anna.id, **{**STARS, "prices": [LabeledPrice("x", 150)]})
    with pytest.raises(PageError, match="Not enough stars: the price is 150, the balance 100"):
        await anna.pay()
    anna.top_up(50)
    outcome, _ = await asyncio.gather(anna.pay(), answer_checkout(bot, ok=True))
    assert outcome.status == "paid"
    assert anna.stars == 0


async def test_two_checkouts_cannot_overdraw(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Two payments at once whose sum is more than the balance: one goes through."""
    price = {**STARS, "prices": [LabeledPrice("x", 80)]}
    invoices = [await bot.send_invoice(anna.id, **price) for _ in range(2)]
    messages = [message for message in anna.messages if message.message_id in {i.message_id for i in invoices}]
    paying = [asyncio.create_task(anna.pay(message)) for message in messages]
    for _ in paying:
        await answer_checkout(bot, ok=True)
    outcomes = await asyncio.gather(*paying)
    assert sorted(outcome.status for outcome in outcomes) == ["failed", "paid"]
    assert anna.stars == 20


async def test_an_invoice_can_be_paid_twice(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Telegram lets a person pay one invoice again: two charges with one payload."""
    await bot.send_invoice(anna.id, **STARS)
    first, _ = await asyncio.gather(anna.pay(), answer_checkout(bot, ok=True))
    second, _ = await asyncio.gather(anna.pay(), answer_checkout(bot, ok=True))
    assert first.charge_id != second.charge_id
    assert anna.stars == 0


async def test_one_checkout_at_a_time(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """While an invoice is in checkout it can neither be paid again nor cancelled."""
    await bot.send_invoice(anna.id, **STARS)
    paying = asyncio.create_task(anna.pay())
    await asyncio.sleep(0)
    with pytest.raises(PageError, match="in checkout already"):
        await anna.pay()
    with pytest.raises(PageError, match="cannot be cancelled"):
        await anna.cancel()
    await answer_checkout(bot, ok=True)
    assert (await paying).status == "paid"


async def test_cancel_says_nothing_to_the_bot(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Closing the sheet makes no update and moves no Stars."""
    await bot.send_invoice(anna.id, **STARS)
    before = len(tg.world.updates.history)
    await anna.cancel()
    assert len(tg.world.updates.history) == before
    assert anna.stars == 100


async def test_refund(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A refund gives the Stars back once, tells the bot, and stands in the list of transactions."""
    await bot.send_invoice(anna.id, **STARS)
    outcome, _ = await asyncio.gather(anna.pay(), answer_checkout(bot, ok=True))
    assert await bot.refund_star_payment(anna.id, outcome.charge_id)
    assert (anna.stars, tg.world.bot.stars) == (100, 0)
    with pytest.raises(BadRequest, match="Charge_already_refunded"):
        await bot.refund_star_payment(anna.id, outcome.charge_id)
    update = (await bot.get_updates())[-1]
    assert update.message is not None
    assert update.message.refunded_payment is not None
    assert update.message.refunded_payment.telegram_payment_charge_id == outcome.charge_id
    transactions = (await bot.get_star_transactions()).transactions
    assert [(one.id, one.amount, one.receiver is not None) for one in transactions] == [
        (outcome.charge_id, 50, False),
        (outcome.charge_id, 50, True),
    ]
    source = transactions[0].source
    assert isinstance(source, telegram.TransactionPartnerUser)
    assert (source.invoice_payload, source.user.id) == ("sub:1", anna.id)
    assert len((await bot.get_star_transactions(offset=1, limit=5)).transactions) == 1


async def test_refund_errors(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A charge that is not there or another's, and Stars that the bot no longer has."""
    boris = tg.user("Борис")
    await boris.send("/start")
    await bot.send_invoice(anna.id, **STARS)
    outcome, _ = await asyncio.gather(anna.pay(), answer_checkout(bot, ok=True))
    for user_id, charge, words in (
        (anna.id, "nothing", "Charge_id_invalid"),
        (boris.id, outcome.charge_id, "Charge_id_invalid"),
        (999, outcome.charge_id, "User_id_invalid"),
    ):
        with pytest.raises(BadRequest, match=words):
            await bot.refund_star_payment(user_id, charge)
    tg.world.bot.stars = 10
    with pytest.raises(BadRequest, match="Balance_too_low"):
        await bot.refund_star_payment(anna.id, outcome.charge_id)


async def test_invoice_link(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A link's invoice is paid without a message; a subscription gets its end."""
    link = await bot.create_invoice_link(**STARS, subscription_period=2592000)
    assert link.startswith("https://t.me/$")
    outcome, _ = await asyncio.gather(anna.pay(link=link), answer_checkout(bot, ok=True))
    assert outcome.status == "paid"
    paid = (await bot.get_updates())[-1].message
    assert paid is not None
    assert paid.successful_payment is not None
    assert paid.successful_payment.is_first_recurring
    assert paid.successful_payment.subscription_expiration_date is not None
    with pytest.raises(PageError, match="there is no invoice link"):
        await anna.pay(link="https://t.me/$nowhere")


async def test_roubles(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Other currencies need a provider's token and leave the Stars alone."""
    prices = [LabeledPrice("Книга", 50_000), LabeledPrice("Доставка", 10_000)]
    await bot.send_invoice(anna.id, "Книга", "Бумажная", "book:1", "RUB", prices, provider_token="1:TEST:x")
    outcome, query = await asyncio.gather(anna.pay(), answer_checkout(bot, ok=True))
    assert (query.currency, query.total_amount, outcome.status) == ("RUB", 60_000, "paid")
    assert anna.stars == 100
    with pytest.raises(BadRequest, match="Charge_id_invalid"):
        await bot.refund_star_payment(anna.id, outcome.charge_id)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"provider_token": "1:TEST:x"}, "STARS_INVOICE_INVALID"),
        ({"prices": [{"label": "a", "amount": 1}, {"label": "b", "amount": 1}]}, "STARS_INVOICE_INVALID"),
        ({"prices": []}, "there must be at least one price"),
        ({"prices": {}}, "expected an Array of labeled prices"),
        ({"prices": [1]}, "can't parse labeled price: LabeledPrice must be an Object"),
        ({"prices": [{"label": "", "amount": 1}]}, "can't parse labeled price: LabeledPrice label must be non-empty"),
        (
            {"prices": [{"label": "a", "amount": 1.5}]},
            'can\'t parse labeled price: Field "amount" must be of type Number',
        ),
        ({"prices": [{"label": "a", "amount": 0}]}, "CURRENCY_TOTAL_AMOUNT_INVALID"),
        ({"prices": [{"label": "a", "amount": -5}]}, "CURRENCY_TOTAL_AMOUNT_INVALID"),
        ({"prices": [{"label": "a", "amount": 100_001}]}, "CURRENCY_TOTAL_AMOUNT_INVALID"),
        ({"prices": "["}, "can't parse prices JSON object"),
        ({"prices": None}, 'parameter "prices" is required'),
        ({"payload": ""}, 'parameter "payload" is required'),
        ({"payload": "я" * 64 + "x"}, "INVOICE_PAYLOAD_INVALID"),
        ({"title": ""}, 'parameter "title" is required'),
        ({"title": "я" * 33}, "INVOICE_TITLE_INVALID"),
        ({"description": "я" * 256}, "INVOICE_DESCRIPTION_INVALID"),
        ({"currency": "EUR"}, "PAYMENT_PROVIDER_INVALID"),
        ({"currency": "euro", "provider_token": "x"}, "CURRENCY_INVALID"),
        ({"subscription_period": 2592000}, "SUBSCRIPTION_PERIOD_INVALID"),
    ],
)
async def test_refused_invoices(
    tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession, change: dict[str, Any], words: str
) -> None:
    """Stars: no provider token and exactly one price; payload of 1-128 bytes; sane texts and amounts."""
    body = {**STARS, "chat_id": anna.id, "prices": [{"label": "x", "amount": 5}], **change}
    async with http.post(f"{tg.base_url}{tg.token}/sendInvoice", json=body) as answer:
        assert (answer.status, (await answer.json())["description"]) == (400, f"Bad Request: {words}")
    assert len(anna.messages) == 1


async def test_longest_payload(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """128 bytes of payload pass."""
    assert await bot.send_invoice(anna.id, **{**STARS, "payload": "я" * 64})


async def test_pay_button_first(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """The pay button stands first in an invoice's keyboard, and there is one in each."""
    pay, other = Button("Заплатить", pay=True), Button("Позже", callback_data="later")
    await bot.send_invoice(anna.id, **STARS)
    assert anna.last.buttons == ["Pay ⭐️50"]
    await bot.send_invoice(anna.id, **STARS, reply_markup=Keyboard([[pay], [other]]))
    assert anna.last.buttons == ["Заплатить", "Позже"]
    with pytest.raises(BadRequest, match="Button_pos_invalid"):
        await bot.send_invoice(anna.id, **STARS, reply_markup=Keyboard([[pay, pay]]))
    with pytest.raises(BadRequest, match="Reply_markup_buy_empty"):
        await bot.send_invoice(anna.id, **STARS, reply_markup=Keyboard([[other]]))


async def test_blocked_people_do_not_pay(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Who blocked the bot cannot open its invoices."""
    await bot.send_invoice(anna.id, **STARS)
    await anna.block()
    with pytest.raises(PageError, match="has blocked the bot"):
        await anna.pay()


async def test_no_invoice(anna: EmulatedUser, settle: Callable[..., Any]) -> None:
    """Paying without an invoice is a clear mistake."""
    with pytest.raises(LookupError, match="sees no invoice"):
        await anna.pay()
    with pytest.raises(PageError, match="is no invoice"):
        await anna.pay(anna.messages[0])
