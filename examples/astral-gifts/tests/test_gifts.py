"""Buying a wish: a whole bot with this plugin and the payments plugin, and an emulated Telegram."""

import json
from typing import Any

import pytest
from astral_payments.api import OrderPaid
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat
from sqlalchemy import Row, select, text

from astral_gifts.tables import wishes

OWNER = 4242
LUCK = "🍀 A wish of luck"
PRICE = "40\N{NO-BREAK SPACE}⭐"
GREETING = "Anna, may the green light wait for you"

# Each test runs on SQLite and on PostgreSQL.
pytestmark = [
    pytest.mark.usefixtures("database_url"),
    pytest.mark.astral(settings={"admins": (OWNER,), "plugins": {"gifts": {"price": 40, "pause": 0}}}),
]


async def rows(bot: BotKit) -> list[Row[Any]]:
    """Return the rows of the table, oldest first."""
    return await bot.rows(select(wishes).order_by(wishes.c.given_at))


async def buy(chat: Chat, button: str = f"{LUCK} · {PRICE}") -> None:
    """Open /gift, choose a wish and pay for it."""
    await chat.send("/gift")
    await chat.tap(button)
    assert (await chat.pay()).status == "paid"


async def refund(bot: BotKit, order_id: str) -> None:
    """Let the bot's owner give an order's money back."""
    owner = bot.chat("Owner", id=OWNER)
    await owner.send(f"/refund {order_id}")
    assert "on its way back" in owner.last.text
    await bot.settled()


async def paid_again(bot: BotKit, order_id: str, user_id: int) -> None:
    """Let the event of a paid order come once more."""
    async with bot.context("payments").work() as work:
        work.emit(OrderPaid(order_id=order_id, user_id=user_id, product="gifts.luck"), to=user_id)
    await bot.settled()


def boxes(chat: Chat) -> list[str]:
    """The messages that hold a wish, or have held one."""
    return [text for text in chat.texts if GREETING in text or "This box went back" in text or "🎁" in text]


async def test_a_paid_wish_is_unwrapped_in_one_message(bot: BotKit, chat: Chat) -> None:
    """The price of the settings, the thanks of the payments plugin, and one message that ends as the wish."""
    await buy(chat)
    assert chat.stars == 0
    assert any("Thank you!" in text for text in chat.texts)
    assert len(boxes(chat)) == 1
    assert boxes(chat)[0].startswith(f"{LUCK}\n\n{GREETING}")
    edits = [str(call.params["text"]) for call in bot.calls("editMessageText", chat)]
    assert [text for text in edits if "🎁" in text or "🎉" in text] == ["✨ 🎁 ✨", "🎉 🍀 🎉"]
    assert [(row.user_id, row.code, row.taken_back_at) for row in await rows(bot)] == [(chat.id, "gifts.luck", None)]


async def test_an_event_that_comes_twice_brings_one_box(bot: BotKit, chat: Chat) -> None:
    """The order's id decides: the same order gives nothing again."""
    await buy(chat)
    (row,) = await rows(bot)
    shown = chat.texts
    await paid_again(bot, row.order_id, chat.id)
    assert chat.texts == shown
    assert len(await rows(bot)) == 1


async def test_who_has_a_wish_reads_it_again_and_buys_the_others(bot: BotKit) -> None:
    """In Russian, from the menu: the bought one has no price any more, and opens at a tap."""
    chat = bot.chat("Анна", language_code="ru")
    await buy(chat, f"🌿 Пожелание покоя · {PRICE}")
    await chat.send("/start")
    await chat.tap("Доброе пожелание для вас")
    assert [row[0] for row in chat.keyboard] == [
        f"🍀 Пожелание удачи · {PRICE}", f"💛 Пожелание любви · {PRICE}", "🌿 Пожелание покоя", "‹ Меню",
    ]  # fmt: skip
    await chat.tap("🌿 Пожелание покоя")
    assert "Анна, пусть сегодня вечером телефон молчит" in chat.last.text


async def test_a_refund_takes_the_wish_back(bot: BotKit, chat: Chat) -> None:
    """Out of the table and out of the message; it can be bought again then, and comes in a new box."""
    await buy(chat)
    (row,) = await rows(bot)
    await refund(bot, row.order_id)
    assert chat.stars == 40
    assert boxes(chat) == ["This box went back, and its Stars are with you again."]
    assert (await rows(bot))[0].taken_back_at is not None
    await chat.send("/gift")
    assert [f"{LUCK} · {PRICE}"] in chat.keyboard
    await buy(chat)
    assert GREETING in boxes(chat)[-1]
    assert [row.taken_back_at is None for row in await rows(bot)] == [False, True]


async def test_an_event_that_comes_after_the_refund_brings_nothing(bot: BotKit, chat: Chat) -> None:
    """Who has the money back gets no wish from an old event, not even one that was never handled."""
    await buy(chat)
    (row,) = await rows(bot)
    await refund(bot, row.order_id)
    await paid_again(bot, "an-order-that-was-never-handled", chat.id)
    assert len(await rows(bot)) == 1
    assert GREETING not in "".join(boxes(chat))


async def test_a_wish_whose_money_is_back_is_read_no_more(bot: BotKit, chat: Chat) -> None:
    """The payments plugin is asked at each reading: the news of a refund may be late."""
    await buy(chat)
    await chat.send("/gift")
    async with bot.running.database.engine.begin() as connection:
        await connection.execute(text("UPDATE payments_entitlements SET revoked_at = granted_at"))
    await chat.tap(LUCK)
    assert "This wish is not yours" in chat.last.text


async def test_a_wish_is_read_by_its_owner_alone(bot: BotKit, chat: Chat) -> None:
    """A forged button opens neither what was not bought nor what does not exist."""
    await buy(bot.chat("Ben"))
    await chat.send("/gift")
    for code in ("gifts.luck", "gifts.nothing"):
        await chat.forge(f"gifts:read/{code}")
        assert "This wish is not yours" in chat.last.text


async def test_a_stop_in_the_middle_of_the_unwrapping_loses_nothing(bot: BotKit, chat: Chat) -> None:
    """Killed right after the payment came, the bot goes on after its start, and the box comes once."""
    await chat.send("/gift")
    await chat.tap(f"{LUCK} · {PRICE}")
    chat.user.top_up(40)
    assert (await chat.user.pay()).status == "paid"
    await bot.crash()
    await bot.restart()
    assert len([text for text in boxes(chat) if GREETING in text]) == 1
    assert len(await rows(bot)) == 1


async def test_a_person_gets_and_deletes_the_own_rows(bot: BotKit) -> None:
    """The export holds the wish, the deletion leaves nothing of it, and others keep theirs."""
    anna, ben = bot.chat("Anna"), bot.chat("Ben")
    for chat in (anna, ben):
        await buy(chat)
    files = await bot.export(anna, plugin="gifts")
    assert [record["code"] for record in json.loads(files["gifts/wishes.json"])] == ["gifts.luck"]
    assert await bot.forget(anna, plugin="gifts") == 1
    assert await bot.export(anna, plugin="gifts") == {}
    assert [row.user_id for row in await rows(bot)] == [ben.id]
