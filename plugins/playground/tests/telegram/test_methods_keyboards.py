"""Keyboards and callback queries through the real client."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import telegram
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard
from telegram.error import BadRequest

from astral_playground.telegram import EmulatedUser, ManualClock, TelegramEmulator

Call = Callable[..., Any]


async def test_buttons_reach_the_person(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """All kinds of buttons pass, row by row."""
    keyboard = Keyboard(
        [
            [Button("Да", callback_data="я" * 32), Button("Сайт", url="https://example.org")],
            [Button("Код", copy_text=telegram.CopyTextButton("ABC"))],
            [Button("Поиск", switch_inline_query_current_chat="")],
            [Button("Приложение", web_app=telegram.WebAppInfo("https://example.org/app"))],
        ]
    )
    sent = await bot.send_message(anna.id, "x", reply_markup=keyboard)
    assert sent.reply_markup == keyboard
    assert anna.last.buttons == ["Да", "Сайт", "Код", "Поиск", "Приложение"]


PARSE = "Can't parse inline keyboard button: "


@pytest.mark.parametrize(
    ("button", "words"),
    [
        ({"text": "a", "callback_data": "я" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "a", "callback_data": ""}, PARSE + "Text buttons are unallowed in the inline keyboard"),
        ({"text": "a"}, PARSE + "Text buttons are unallowed in the inline keyboard"),
        ({"callback_data": "x"}, PARSE + 'Can\'t find field "text"'),
        ({"text": 5, "callback_data": "x"}, PARSE + 'Field "text" must be of type String'),
        ({"text": "", "callback_data": "x"}, PARSE + "Text must be non-empty"),
        ({"text": "a", "callback_data": 5}, PARSE + 'Field "callback_data" must be of type String'),
        ({"text": "a", "callback_data": "x", "style": "loud"}, PARSE + "invalid button style specified"),
        (
            {"text": "a", "callback_data": "x", "url": "https://example.org"},
            PARSE + "InlineKeyboardButton must have exactly one optional field",
        ),
        ("text", PARSE + "InlineKeyboardButton must be an Object"),
        ({"text": "a", "url": "no address"}, "inline keyboard button URL 'no address' is invalid: Wrong HTTP URL"),
        ({"text": "a", "url": "http://localhost/x"}, "inline keyboard button URL 'http://localhost/x' is invalid"),
        ({"text": "a", "web_app": {"url": "http://example.org"}}, "Only HTTPS links are allowed"),
        ({"text": "a", "web_app": 1}, "Only HTTPS links are allowed"),
        ({"text": "a", "copy_text": {"text": ""}}, "BUTTON_COPY_TEXT_INVALID"),
        ({"text": "a", "pay": True}, "BUTTON_TYPE_INVALID"),
    ],
)
async def test_refused_buttons(
    tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession, button: Any, words: str
) -> None:
    """Exactly one action a button, 1-64 bytes of data, good addresses; a pay button belongs to invoices."""
    body = {"chat_id": anna.id, "text": "x", "reply_markup": {"inline_keyboard": [[button]]}}
    async with http.post(f"{tg.base_url}{tg.token}/sendMessage", json=body) as answer:
        assert answer.status == 400
        description = (await answer.json())["description"]
    assert description.lower().startswith("bad request: ")
    assert words.lower() in description.lower()
    assert len(anna.messages) == 1


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("{", "can't parse reply keyboard markup JSON object"),
        ("[]", "object expected as reply markup"),
        (
            '{"inline_keyboard": [1]}',
            'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays',
        ),
        ('{"inline_keyboard": {}}', 'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays'),
        ('{"keyboard": [["a", 5]]}', "can't parse keyboard button: KeyboardButton must be a String or an Object"),
        ('{"keyboard": [[""]]}', "can't parse keyboard button: Text must be non-empty"),
        ('{"keyboard": [[{}]]}', "can't parse keyboard button: Can't find field \"text\""),
    ],
)
async def test_refused_markups(
    tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession, markup: str, words: str
) -> None:
    """Broken markup objects are named as Telegram names them."""
    form = {"chat_id": str(anna.id), "text": "x", "reply_markup": markup}
    async with http.post(f"{tg.base_url}{tg.token}/sendMessage", data=form) as answer:
        assert (await answer.json())["description"] == f"Bad Request: {words}"


async def test_too_many_buttons(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """100 buttons pass, 101 do not, nor do more than 10 KB."""
    rows = [[Button("a", callback_data=str(number))] for number in range(100)]
    assert await bot.send_message(anna.id, "x", reply_markup=Keyboard(rows))
    with pytest.raises(BadRequest, match="Reply markup is too long"):
        await bot.send_message(anna.id, "x", reply_markup=Keyboard([*rows, rows[0]]))
    long = [[Button("я" * 64, callback_data="x" * 64)] for _ in range(60)]
    with pytest.raises(BadRequest, match="Reply markup is too long"):
        await bot.send_message(anna.id, "x", reply_markup=Keyboard(long))


async def test_reply_keyboard(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A reply keyboard belongs to the person, not to the message, until it is removed or used up."""
    keyboard = telegram.ReplyKeyboardMarkup(
        [["Да", telegram.KeyboardButton("Где я", request_location=True)]], one_time_keyboard=True
    )
    sent = await bot.send_message(anna.id, "x", reply_markup=keyboard)
    assert sent.reply_markup is None
    assert anna.user.reply_keyboard is not None
    assert anna.user.reply_keyboard["keyboard"] == [[{"text": "Да"}, {"text": "Где я", "request_location": True}]]
    await anna.send("Да")
    assert anna.user.reply_keyboard is None
    await bot.send_message(anna.id, "x", reply_markup=telegram.ReplyKeyboardMarkup([["Ещё"]]))
    await anna.send("Ещё")
    assert anna.user.reply_keyboard is not None
    await bot.send_message(anna.id, "x", reply_markup=telegram.ReplyKeyboardRemove())
    assert anna.user.reply_keyboard is None
    await bot.send_message(anna.id, "x", reply_markup=telegram.ForceReply())
    assert anna.user.reply_keyboard is None


async def test_edit_takes_inline_keyboards_only(call: Call, anna: EmulatedUser, bot: telegram.Bot) -> None:
    """A reply keyboard cannot be put under an existing message."""
    sent = await bot.send_message(anna.id, "x")
    names = {"chat_id": anna.id, "message_id": sent.message_id, "text": "y"}
    status, answer = await call("editMessageText", **names, reply_markup={"keyboard": [["a"]]})
    assert (status, answer["description"]) == (400, "Bad Request: inline keyboard expected")


async def test_press_and_answer(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A press becomes a callback query with its message; the answer stops the spinner and shows the toast."""
    await bot.send_message(anna.id, "x", reply_markup=Keyboard([[Button("Карта", callback_data="natal:open")]]))
    query = await anna.press("Карта")
    update = (await bot.get_updates())[-1]
    assert update.callback_query is not None
    assert update.callback_query.data == "natal:open"
    assert update.callback_query.from_user.id == anna.id
    assert update.callback_query.message is not None
    assert update.callback_query.message.message_id == anna.last.message_id
    assert not query.done.is_set()
    assert await update.callback_query.answer("Готово", show_alert=True)
    assert await anna.wait_answer(query) is query
    assert (query.answered, query.text, query.alert) == (True, "Готово", True)
    assert anna.toasts == ["Готово"]


async def test_answers_that_come_too_late(
    frozen: TelegramEmulator, frozen_bot: telegram.Bot, olga: EmulatedUser, clock: ManualClock
) -> None:
    """After 15 seconds, a second time, or for an unknown query, an answer is refused; the spinner stops anyway."""
    await frozen_bot.send_message(olga.id, "x", reply_markup=Keyboard([[Button("a", callback_data="1")]]))
    first, second = await olga.press("a"), await olga.press("1")
    assert await frozen_bot.answer_callback_query(first.id)
    old = "Query is too old and response timeout expired or query id is invalid"
    with pytest.raises(BadRequest, match=old):
        await frozen_bot.answer_callback_query(first.id)
    while len(clock.sleepers()) < 2:
        await frozen_bot.get_me()
    clock.advance(16)
    await olga.wait_answer(second)
    assert not second.answered
    for query_id in (second.id, "0", "77"):
        with pytest.raises(BadRequest, match=old):
            await frozen_bot.answer_callback_query(query_id)
    assert olga.toasts == []


async def test_callback_answer_limits(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """200 characters of text; an address only of the bot itself."""
    await bot.send_message(anna.id, "x", reply_markup=Keyboard([[Button("a", callback_data="1")]]))
    query = await anna.press("a")
    with pytest.raises(BadRequest, match="Message_too_long"):
        await bot.answer_callback_query(query.id, "я" * 201)
    with pytest.raises(BadRequest, match="Url_invalid"):
        await bot.answer_callback_query(query.id, url="https://example.org/")
    assert await bot.answer_callback_query(query.id, "я" * 200, url="https://t.me/playground_bot?start=x")
    assert query.url == "https://t.me/playground_bot?start=x"


async def test_press_what_is_not_there(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A button that nobody sees cannot be pressed; the error shows the chat."""
    await bot.send_message(anna.id, "вот", reply_markup=Keyboard([[Button("a", callback_data="1")]]))
    with pytest.raises(LookupError, match=r"(?s)sees no button 'b'.*вот \[a\]"):
        await anna.press("b")


async def test_markup_survives_json(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """What the bot sent is what it gets back, absent fields left out."""
    sent = await bot.send_message(anna.id, "x", reply_markup=Keyboard([[Button("a", callback_data="1")]]))
    assert sent.reply_markup is not None
    assert json.loads(sent.reply_markup.to_json()) == {"inline_keyboard": [[{"text": "a", "callback_data": "1"}]]}
