"""The Python side for tests: people, waiting without sleeping, records, the clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import telegram
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard

from astral_playground.telegram import EmulatedUser, ManualClock, PageError, TelegramEmulator


async def test_wait_for_sees_what_came_after_the_act(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A message that came before the wait began counts, one from before the act does not."""
    await bot.send_message(anna.id, "старое")
    await anna.send("ещё")
    await bot.send_message(anna.id, "новое")
    assert (await anna.wait_for()).text == "новое"
    with pytest.raises(TimeoutError):
        await anna.wait_for("старое", timeout=0.05)


async def test_wait_for_wakes(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A waiting test wakes at the message that fits, by a part of its text or by a function."""
    waiting = asyncio.create_task(anna.wait_for(lambda message: "3" in message.text))
    for number in range(5):
        await bot.send_message(anna.id, str(number))
    assert (await waiting).text == "3"
    assert (await anna.wait_for("4")).text == "4"


async def test_wait_for_sees_edits(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """An edited message counts as new."""
    sent = await bot.send_message(anna.id, "минуту", reply_markup=Keyboard([[Button("a", callback_data="1")]]))
    await anna.press("a")
    await bot.edit_message_text("готово", anna.id, sent.message_id)
    assert (await anna.wait_for("готово")).message_id == sent.message_id


async def test_a_wait_in_vain_tells_the_story(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """The error has the last messages, calls and updates."""
    await bot.send_message(anna.id, "Привет")
    with pytest.raises(TimeoutError) as error:
        await anna.wait_for("Пока", timeout=0.01)
    text = str(error.value)
    for part in ("Анна has waited 0.01 s for 'Пока'", "bot: Привет", "sendMessage -> ok", "message created"):
        assert part in text
    with pytest.raises(TimeoutError, match="for a condition"):
        await anna.wait_until(lambda: False, timeout=0.01)


async def test_deleted_messages_do_not_fit(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """What is gone is not found by a wait."""
    sent = await bot.send_message(anna.id, "x")
    await bot.delete_message(anna.id, sent.message_id)
    with pytest.raises(TimeoutError):
        await anna.wait_for("x", timeout=0.01)


async def test_people_are_apart(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Each person sees their own chat only."""
    boris = tg.user("Борис")
    await boris.send("/start")
    await bot.send_message(boris.id, "Борису")
    assert [message.text for message in anna.messages] == ["/start"]
    with pytest.raises(LookupError, match="has not written to Анна yet"):
        _ = anna.last
    assert boris.last.text == "Борису"


async def test_ids_are_the_same_each_time() -> None:
    """The same acts give the same ids, message numbers and query ids."""

    async def run() -> list[Any]:
        async with TelegramEmulator(clock=ManualClock()) as tg:
            anna, boris = tg.user("Анна"), tg.user("Борис")
            message = await anna.send("a")
            tg.world.post(
                anna.user, "bot", {"text": "x"}, markup={"inline_keyboard": [[{"text": "a", "callback_data": "1"}]]}
            )
            query = await anna.press("a")
            return [anna.id, boris.id, message.message_id, query.id, [u.update_id for u in tg.world.updates.history]]

    first = await run()
    assert first == await run()
    assert first[:3] == [1001, 1002, 1]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"first_name": ""}, 400),
        ({"first_name": "x" * 65}, 400),
        ({"username": "a b"}, 400),
        ({"language_code": "Russian!"}, 400),
        ({"stars": -1}, 400),
        ({"id": 0}, 400),
        ({"id": 42}, 400),
        ({"id": 1001}, 409),
        ({"username": "ANNA"}, 409),
        ({"age": 5}, 400),
    ],
)
async def test_refused_people(tg: TelegramEmulator, anna: EmulatedUser, fields: dict[str, Any], status: int) -> None:
    """Impossible people are not made."""
    with pytest.raises(PageError) as error:
        tg.user(**{"first_name": "Борис", **fields})
    assert error.value.status == status
    assert error.value.field == next(iter(fields))
    assert list(tg.world.users) == [anna.id]


async def test_what_people_cannot_do(tg: TelegramEmulator, anna: EmulatedUser) -> None:
    """Empty and endless texts, places off the Earth, replies to nothing, writing to a blocked bot."""
    for text in ("", " \n", "я" * 4097, "\ud83d"):
        with pytest.raises(PageError):
            await anna.send(text)
    for place in ((91, 0), (0, 181), (float("nan"), 0)):
        with pytest.raises(PageError, match="degrees"):
            await anna.send_location(*place)
    with pytest.raises(PageError, match=r"photo\.jpg: Bad Request: IMAGE_PROCESS_FAILED"):
        await anna.send_photo(b"text")
    with pytest.raises(PageError, match="caption is longer"):
        await anna.send_document(b"x", "a", caption="я" * 1025)
    await anna.block()
    with pytest.raises(PageError, match="unblock it first"):
        await anna.send("x")
    assert len(anna.messages) == 1


async def test_reply_of_a_person(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A person's reply carries what it answers."""
    await bot.send_message(anna.id, "вопрос")
    await anna.send("ответ", reply_to=anna.last)
    update = (await bot.get_updates())[-1]
    assert update.message is not None
    assert update.message.reply_to_message is not None
    assert update.message.reply_to_message.text == "вопрос"


async def test_calls_are_linked_to_updates(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A call into a chat belongs to its newest update; an answer to a press to that press."""
    keyboard = Keyboard([[Button("a", callback_data="1")]])
    await bot.send_message(anna.id, "x", reply_markup=keyboard)
    query = await anna.press("a")
    await anna.send("между")
    await bot.answer_callback_query(query.id)
    start, press, text = tg.world.updates.history
    assert [call.method for call in start.calls] == ["sendMessage"]
    assert [call.method for call in press.calls] == ["answerCallbackQuery"]
    assert text.calls == []
    assert tg.calls_of("sendMessage")[0].update_id == start.update_id
    assert press.calls[0].chat_id == anna.id


async def test_reset(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A reset empties chats and queues; the person begins anew, unknown to the bot."""
    boris = tg.user("Борис")
    await boris.send("b")
    tg.world.reset(anna.user)
    assert anna.messages == []
    assert len(boris.messages) == 1
    assert not anna.user.started
    tg.world.reset()
    assert boris.messages == []
    assert await bot.get_updates() == ()
    assert tg.calls == []


async def test_manual_clock() -> None:
    """Sleepers wake in order of their time, and only when it has come."""
    clock, woken = ManualClock(100.0), []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleep(seconds)) for seconds in (3, 1, 2, 0)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert woken == [0]
    clock.advance(2)
    for _ in range(3):
        await asyncio.sleep(0)
    assert woken == [0, 1, 2]
    assert clock.sleepers() == [1]
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert clock.sleepers() == []
    with pytest.raises(ValueError, match="only moves forward"):
        clock.advance(-1)


async def test_repr_tells_no_secret(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Neither token nor webhook secret stands in a repr."""
    await bot.set_webhook("http://127.0.0.1:9/", secret_token="s3cret")
    for thing in (tg, tg.world, tg.world.webhook, anna):
        assert tg.token not in repr(thing)
        assert "s3cret" not in repr(thing)
