"""forwardMessage(s) and copyMessage(s) between chats of all kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import telegram
from telegram.error import BadRequest, Forbidden

from astral_playground.telegram import EmulatedUser, TelegramEmulator, acts_media, membership
from astral_playground.telegram.acts_media import Piece
from astral_playground.telegram.groups import Group, Member, Topic


@pytest.fixture
def group(tg: TelegramEmulator, anna: EmulatedUser) -> Group:
    """A forum of Anna's with the bot as a member."""
    made = membership.add_group(tg.world, "Desk", anna.user, forum=True)
    membership.join(tg.world, made, tg.world.bot.id, anna.id)
    made.topics[77] = Topic(77, "Questions")
    return made


async def test_a_forward_into_a_topic(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group
) -> None:
    """A helpdesk's first step: the person's message stands in the topic, with its origin, as the bot's message."""
    asked = await anna.send("Help!")
    sent = await bot.forward_message(group.id, anna.id, asked.message_id, message_thread_id=77)
    assert (sent.text, sent.message_thread_id) == ("Help!", 77)
    assert sent.forward_origin is not None
    assert sent.forward_origin.to_dict()["sender_user"]["id"] == anna.id
    assert sent.from_user is not None
    assert sent.from_user.id == bot.id
    again = await bot.forward_message(anna.id, group.id, sent.message_id)
    assert again.forward_origin == sent.forward_origin


async def test_a_copy_has_no_origin(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group, png: Callable[[int, int], bytes]
) -> None:
    """A helpdesk's answer: the copy is the bot's own, without the old buttons, with another caption if told."""
    photo, _ = acts_media.send_media(tg.world, anna.user, Piece("photo", png(4, 4), "old"), room=group, thread=77)
    copied = await bot.copy_message(anna.id, group.id, photo.message_id)
    assert copied.message_id == anna.last.message_id
    assert anna.last.content["caption"] == "old"
    assert anna.last.facts == {}
    await bot.copy_message(anna.id, group.id, photo.message_id, caption="<b>new</b>", parse_mode="HTML")
    assert anna.last.content["caption"] == "new"
    with_buttons = await bot.send_message(
        anna.id,
        "x",
        reply_markup=telegram.InlineKeyboardMarkup.from_button(telegram.InlineKeyboardButton("b", "t.me")),
    )
    await bot.copy_message(anna.id, anna.id, with_buttons.message_id)
    assert anna.last.buttons == []
    await bot.forward_message(anna.id, anna.id, with_buttons.message_id)
    assert anna.last.buttons == ["b"]


async def test_an_album_stays_together(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group, png: Callable[[int, int], bytes]
) -> None:
    """Pieces that go together are an album again; what is not there is passed over; captions can stay behind."""
    pieces = [Piece("photo", png(4, 4), "one"), Piece("photo", png(5, 5))]
    sent = [message.message_id for message, _ in acts_media.send_album(tg.world, anna.user, pieces)]
    ids = await bot.copy_messages(group.id, anna.id, [*sent, 999], message_thread_id=77, remove_caption=True)
    copies = [tg.world.messages[group.id][one.message_id] for one in ids]
    assert len({message.content["media_group_id"] for message in copies}) == 1
    assert [message.thread for message in copies] == [77, 77]
    assert [message.text for message in copies] == ["", ""]
    ids = await bot.forward_messages(group.id, anna.id, sent[:1])
    assert "media_group_id" not in tg.world.messages[group.id][ids[0].message_id].content
    assert tg.world.messages[group.id][ids[0].message_id].facts["forward_origin"]["type"] == "user"


async def test_what_does_not_go_along(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group
) -> None:
    """Nothing that is protected, that tells of an event, or that the bot may not send there."""
    secret = await bot.send_message(anna.id, "secret", protect_content=True)
    with pytest.raises(BadRequest, match="The message can't be forwarded"):
        await bot.forward_message(group.id, anna.id, secret.message_id)
    with pytest.raises(BadRequest, match="The message can't be copied"):
        await bot.copy_message(group.id, anna.id, secret.message_id)
    for send in (bot.forward_messages, bot.copy_messages):
        with pytest.raises(BadRequest, match="Messages can't be forwarded"):
            await send(group.id, anna.id, [secret.message_id])
        with pytest.raises(BadRequest, match="There are no messages to forward"):
            await send(group.id, anna.id, [999])
    joined = next(iter(tg.world.messages[group.id].values()))
    assert joined.sender == "service"
    with pytest.raises(BadRequest, match="The message can't be copied"):
        await bot.copy_message(anna.id, group.id, joined.message_id)
    group.put(Member(bot.id, "restricted", frozenset({"can_send_messages"})))
    voice, _ = acts_media.send_voice(tg.world, anna.user)
    with pytest.raises(BadRequest, match="The message can't be forwarded"):
        await bot.forward_message(group.id, anna.id, voice.message_id)


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("forwardMessage", {"message_id": 1}, 'parameter "from_chat_id" is required'),
        ("forwardMessage", {"from_chat_id": 1001, "message_id": 999}, "message to forward not found"),
        ("copyMessage", {"from_chat_id": 1001, "message_id": 999}, "message to copy not found"),
        ("copyMessage", {"from_chat_id": 5, "message_id": 1}, "chat not found"),
        ("copyMessages", {"from_chat_id": 1001}, "message identifiers are not specified"),
        ("copyMessages", {"from_chat_id": 1001, "message_ids": ["x"]}, "can't parse message identifier as a Number"),
        ("copyMessages", {"from_chat_id": 1001, "message_ids": [-1]}, "invalid message identifier specified"),
        (
            "forwardMessages",
            {"from_chat_id": 1001, "message_ids": [2, 1]},
            "message identifiers must be in a strictly increasing order",
        ),
    ],
)
async def test_refusals(
    anna: EmulatedUser, call: Callable[..., Any], method: str, params: dict[str, Any], words: str
) -> None:
    """Wrong sources are refused in the real server's words."""
    await anna.send("second")
    status, answer = await call(method, chat_id=anna.id, **params)
    assert (status, answer["description"]) == (400, f"Bad Request: {words}")


async def test_a_group_that_the_bot_has_left(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group
) -> None:
    """It can take nothing out of it any more."""
    said, _ = acts_media.send_dice(tg.world, anna.user, room=group)
    membership.leave(tg.world, group, bot.id)
    with pytest.raises(Forbidden, match="bot is not a member of the supergroup chat"):
        await bot.copy_message(anna.id, group.id, said.message_id)
