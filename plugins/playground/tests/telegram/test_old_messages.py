"""Buttons of messages that the bot cannot see any more."""

from __future__ import annotations

import pytest
import telegram

from astral_playground.telegram import EmulatedUser, ManualClock, TelegramEmulator

HOUR = 3600.0  # s
KEYBOARD = telegram.InlineKeyboardMarkup([[telegram.InlineKeyboardButton("Yes", callback_data="yes")]])


@pytest.mark.parametrize(("hours", "is_seen"), [(47.9, True), (48.0, False)])
async def test_a_button_of_an_old_message(
    frozen: TelegramEmulator, frozen_bot: telegram.Bot, olga: EmulatedUser, clock: ManualClock, hours: float,
    is_seen: bool,
) -> None:  # fmt: skip
    """Of a message older than two days a press tells which it was, and no more (InaccessibleMessage)."""
    sent = await frozen_bot.send_message(olga.id, "Still?", reply_markup=KEYBOARD)
    clock.advance(hours * HOUR)
    await olga.press("Yes")
    update = (await frozen_bot.get_updates(offset=-1))[0]
    assert update.callback_query is not None
    message = update.callback_query.message
    assert message is not None
    assert (message.message_id, message.chat.id, message.is_accessible) == (sent.message_id, olga.id, is_seen)
    raw = frozen.world.updates.history[-1].payload["message"]
    assert ("text" in raw) is is_seen


async def test_a_button_of_a_deleted_message(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """So does a press on a message that the bot deletes at the same moment; a new answer arrives all the same."""
    sent = await bot.send_message(anna.id, "Still?", reply_markup=KEYBOARD)
    card = anna.last
    await bot.delete_message(anna.id, sent.message_id)
    query = await anna.press("Yes", message=card)
    assert tg.world.updates.history[-1].payload["message"] == {
        "chat": anna.user.chat(), "message_id": sent.message_id, "date": 0,
    }  # fmt: skip
    assert await bot.answer_callback_query(query.id, "Gone")
    assert anna.toasts == ["Gone"]
