"""Reactions of people and of the bot, and what the bot hears of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import telegram
from telegram.error import BadRequest

from astral_playground.telegram import EmulatedUser, TelegramEmulator, membership, reacting
from astral_playground.telegram.errors import PageError
from astral_playground.telegram.groups import Group, Member
from astral_playground.telegram.records import Message, User

HEART = {"type": "emoji", "emoji": "❤"}
THUMB = {"type": "emoji", "emoji": "👍"}


@pytest.fixture
def group(tg: TelegramEmulator, anna: EmulatedUser) -> Group:
    """A group that the bot administers; it asks for reactions."""
    tg.world.updates.allowed = ["message", "message_reaction", "message_reaction_count"]
    made = membership.add_group(tg.world, "Quiz", anna.user)
    membership.promote(tg.world, made, tg.world.bot.id, anna.id)
    return made


@pytest.fixture
def ben(tg: TelegramEmulator, group: Group) -> User:
    """A member of the group."""
    user = tg.world.add_user("Ben")
    membership.join(tg.world, group, user.id)
    return user


async def _sent(tg: TelegramEmulator, bot: telegram.Bot, room_id: int) -> Message:
    sent = await bot.send_message(room_id, "x")
    return tg.world.messages[room_id][sent.message_id]


async def test_reactions_in_a_group(
    tg: TelegramEmulator, bot: telegram.Bot, group: Group, ben: User, anna: EmulatedUser
) -> None:
    """An administrator bot that asks for them hears who reacts, from what to what; anonymous ones by their chat."""
    message = await _sent(tg, bot, group.id)
    reacting.react(tg.world, ben, message, ["❤️"])
    update = reacting.react(tg.world, ben, message, ["👍"])
    assert update is not None
    assert update.payload["user"]["id"] == ben.id
    assert (update.payload["old_reaction"], update.payload["new_reaction"]) == ([HEART], [THUMB])
    assert reacting.react(tg.world, ben, message, ["👍"]) is None
    group.put(Member(anna.id, "creator", anonymous=True))
    update = reacting.react(tg.world, anna.user, message, ["👍"])
    assert update is not None
    assert update.payload["actor_chat"]["id"] == group.id
    assert "user" not in update.payload
    assert reacting.counts(message) == [{"type": THUMB, "total_count": 2}]
    assert message.reactions.keys() == {ben.id, group.id}
    found = [one.message_reaction for one in await bot.get_updates(timeout=0) if one.message_reaction]
    assert [len(one.new_reaction) for one in found] == [1, 1, 1]


async def test_who_hears_nothing(tg: TelegramEmulator, bot: telegram.Bot, group: Group, ben: User) -> None:
    """A bot that does not administer the group, or does not ask for reactions, gets none."""
    message = await _sent(tg, bot, group.id)
    membership.promote(tg.world, group, tg.world.bot.id, ben.id, rights=frozenset())
    assert reacting.react(tg.world, ben, message, ["👍"]) is None
    membership.promote(tg.world, group, tg.world.bot.id, ben.id)
    tg.world.updates.allowed = None
    assert reacting.react(tg.world, ben, message, []) is None
    assert message.reactions == {}


async def test_a_channel_tells_numbers(
    tg: TelegramEmulator, bot: telegram.Bot, group: Group, anna: EmulatedUser
) -> None:
    """Reactions to a channel's posts are anonymous: message_reaction_count."""
    channel = membership.add_group(tg.world, "News", anna.user, kind="channel")
    membership.promote(tg.world, channel, tg.world.bot.id, anna.id)
    message = await _sent(tg, bot, channel.id)
    update = reacting.react(tg.world, anna.user, message, ["🔥"])
    assert update is not None
    assert update.type == "message_reaction_count"
    assert update.payload["reactions"] == [{"type": {"type": "emoji", "emoji": "🔥"}, "total_count": 1}]


async def test_a_private_chat(tg: TelegramEmulator, bot: telegram.Bot, group: Group, anna: EmulatedUser) -> None:
    """In the chat with the bot it hears reactions, too, if it asks for them; one's own reaction makes no update."""
    message = await _sent(tg, bot, anna.id)
    update = reacting.react(tg.world, anna.user, message, ["👍"])
    assert update is not None
    assert update.payload["chat"]["type"] == "private"
    before = len(tg.world.updates.history)
    assert await bot.set_message_reaction(anna.id, message.message_id, "🔥")
    assert message.reactions[bot.id] == [{"type": "emoji", "emoji": "🔥"}]
    assert await bot.set_message_reaction(anna.id, message.message_id)
    assert bot.id not in message.reactions
    assert len(tg.world.updates.history) == before


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"reaction": {}}, "expected an Array of ReactionType"),
        ({"reaction": "["}, "can't parse reaction types JSON object"),
        ({"reaction": [5]}, "can't parse ReactionType: expected an Object"),
        ({"reaction": [{"type": "paid"}]}, "can't parse ReactionType: invalid reaction type specified"),
        ({"reaction": [{"type": "emoji"}]}, "can't parse ReactionType: Can't find field \"emoji\""),
        ({"reaction": [{"type": "emoji", "emoji": "x"}]}, "REACTION_INVALID"),
        ({"reaction": [HEART, THUMB]}, "REACTIONS_TOO_MANY"),
        ({"message_id": 999}, "message to react not found"),
    ],
)
async def test_refused_reactions(
    tg: TelegramEmulator, anna: EmulatedUser, call: Callable[..., Any], params: dict[str, Any], words: str
) -> None:
    """The bot leaves one reaction of those that there are; the words are the real server's."""
    given = {"chat_id": anna.id, "message_id": anna.messages[0].message_id, "reaction": [HEART], **params}
    status, answer = await call("setMessageReaction", **given)
    assert (status, answer["description"]) == (400, f"Bad Request: {words}")
    assert anna.messages[0].reactions == {}


async def test_what_people_may_leave(
    tg: TelegramEmulator, bot: telegram.Bot, group: Group, ben: User, anna: EmulatedUser
) -> None:
    """One reaction, three with Premium; only those that the chat allows; only on messages that one sees."""
    message = await _sent(tg, bot, group.id)
    with pytest.raises(PageError, match="1 reactions"):
        reacting.react(tg.world, ben, message, ["👍", "❤"])
    tg.world.change_user(ben, premium=True)
    assert reacting.react(tg.world, ben, message, ["👍", "❤"]) is not None
    group.reactions = [THUMB]
    with pytest.raises(PageError, match="does not take"):
        reacting.react(tg.world, ben, message, ["❤"])
    with pytest.raises(BadRequest, match="Reaction_invalid"):
        await bot.set_message_reaction(group.id, message.message_id, "❤")
    own = await _sent(tg, bot, anna.id)
    with pytest.raises(PageError, match="does not see"):
        reacting.react(tg.world, ben, own, ["👍"])
    carl = tg.world.add_user("Carl")
    with pytest.raises(PageError, match="is not in"):
        reacting.react(tg.world, carl, message, ["👍"])


async def test_the_bot_takes_reactions_away(
    tg: TelegramEmulator, call: Callable[..., Any], group: Group, ben: User
) -> None:
    """An administrator who may delete messages takes somebody's reactions off one message, or off all."""
    messages = [tg.world.post(group, "bot", {"text": "x"}, author=tg.world.bot.id) for _ in range(2)]
    for message in messages:
        reacting.react(tg.world, ben, message, ["👍"])
    where = {"chat_id": group.id, "user_id": ben.id}
    assert (await call("deleteMessageReaction", **where, message_id=messages[0].message_id))[0] == 200
    assert [bool(message.reactions) for message in messages] == [False, True]
    assert (await call("deleteAllMessageReactions", **where))[0] == 200
    assert not messages[1].reactions
