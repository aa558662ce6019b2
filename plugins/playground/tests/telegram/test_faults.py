"""Faults on purpose: rules for calls, as the real client meets them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import telegram
from telegram.error import BadRequest, Forbidden, NetworkError

from astral_playground.telegram import EmulatedUser, ManualClock, TelegramEmulator
from astral_playground.telegram.faults import Faults


async def test_429(tg: TelegramEmulator, call: Callable[..., Any], anna: EmulatedUser) -> None:
    """Too Many Requests with its seconds, then the call works again."""
    tg.fail("sendMessage", "429", retry_after=7)
    status, answer = await call("sendMessage", chat_id=anna.id, text="x")
    assert (status, answer["parameters"]) == (429, {"retry_after": 7})
    assert answer["description"] == "Too Many Requests: retry after 7"
    assert len(anna.messages) == 1
    status, _ = await call("sendMessage", chat_id=anna.id, text="x")
    assert status == 200


async def test_500_403_400(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """The client's own error classes come out."""
    tg.fail("sendMessage", "500")
    with pytest.raises(NetworkError, match="Internal Server Error"):
        await bot.send_message(anna.id, "x")
    tg.fail("sendMessage", "403")
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(anna.id, "x")
    tg.fail("sendMessage", "400", description="Bad Request: because")
    with pytest.raises(BadRequest, match="Because"):
        await bot.send_message(anna.id, "x")
    assert len(anna.messages) == 1


async def test_times_and_chat(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A rule for a chat leaves others alone and is used up after `times`; `*` is any method."""
    boris = tg.user("Борис")
    await boris.send("/start")
    tg.fail("*", "500", chat_id=anna.id, times=2)
    assert await bot.get_me()
    assert await bot.send_message(boris.id, "x")
    for _ in range(2):
        with pytest.raises(NetworkError):
            await bot.send_message(anna.id, "x")
    assert await bot.send_message(anna.id, "x")
    assert tg.world.faults.rules == []


async def test_for_ever(tg: TelegramEmulator, bot: telegram.Bot) -> None:
    """times None never ends by itself."""
    fault = tg.fail("getMe", "500", times=None)
    for _ in range(3):
        with pytest.raises(NetworkError):
            await bot.get_me()
    assert tg.world.faults.remove(fault.id)
    assert not tg.world.faults.remove(fault.id)
    assert await bot.get_me()


async def test_rule_by_the_query_that_is_answered(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser
) -> None:
    """A rule for a chat also meets answers to its presses, which name no chat."""
    keyboard = telegram.InlineKeyboardMarkup([[telegram.InlineKeyboardButton("a", callback_data="1")]])
    await bot.send_message(anna.id, "x", reply_markup=keyboard)
    query = await anna.press("a")
    tg.fail("answerCallbackQuery", "500", chat_id=anna.id)
    with pytest.raises(NetworkError):
        await bot.answer_callback_query(query.id)
    assert await bot.answer_callback_query(query.id)


async def test_accepted_then_no_answer(
    tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession, bot: telegram.Bot
) -> None:
    """`timeout`: the message is sent, the connection ends without an answer; the record tells."""
    tg.fail("sendMessage", "timeout", delay=0)
    with pytest.raises(NetworkError):
        await bot.send_message(anna.id, "Привет")
    assert anna.last.text == "Привет"
    call = tg.calls_of("sendMessage")[0]
    assert (call.ok, call.description) == (False, "accepted, then no answer: a fault rule")


async def test_refused_calls_do_not_hang(tg: TelegramEmulator, bot: telegram.Bot) -> None:
    """Under `timeout` a call that is refused gets its error at once."""
    tg.fail("sendMessage", "timeout", delay=600)
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(5, "x")


async def test_slow(
    frozen: TelegramEmulator,
    frozen_bot: telegram.Bot,
    olga: EmulatedUser,
    clock: ManualClock,
    settle: Callable[..., Any],
) -> None:
    """`slow`: the call starts late and then works."""
    frozen.fail("sendMessage", "slow", delay=3)
    sending = asyncio.create_task(frozen_bot.send_message(olga.id, "x"))
    await settle(lambda: clock.sleepers() == [3])
    assert len(olga.messages) == 1
    clock.advance(3)
    assert (await sending).text == "x"


def test_bad_rules() -> None:
    """Unknown kinds and impossible counts are named."""
    faults = Faults()
    with pytest.raises(ValueError, match="kind 'fire' is unknown"):
        faults.add("getMe", "fire")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="times must be at least 1"):
        faults.add("getMe", "500", times=0)
    assert faults.rules == []


def test_first_rule_wins() -> None:
    """Of several rules the oldest one that fits is taken."""
    faults = Faults()
    faults.add("sendPhoto", "500")
    first, second = faults.add("*", "429"), faults.add("getMe", "500")
    assert faults.take("getMe", None) is first
    assert faults.take("getMe", None) is second
    assert faults.take("getMe", None) is None
