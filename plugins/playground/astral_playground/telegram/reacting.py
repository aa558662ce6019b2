"""Reactions: who may leave which, and what the bot hears of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .errors import PageError
from .groups import Group
from .records import Message, User
from .state import World
from .updates import REACTION_COUNT_QUEUE, REACTION_QUEUE, Update

# https://core.telegram.org/bots/api#reactiontypeemoji
_EMOJI = """
❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾
💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡
"""
EMOJI = frozenset(_EMOJI.split())
MOST = {False: 1, True: 3}  # reactions of a person on one message, by premium


def reaction(given: str) -> dict[str, Any]:
    """The Bot API's ReactionType of an emoji, or of a custom emoji's id (digits)."""
    if given.isdecimal():
        return {"type": "custom_emoji", "custom_emoji_id": given}
    return {"type": "emoji", "emoji": given.replace("\ufe0f", "")}


def is_allowed(group: Group | None, one: dict[str, Any]) -> bool:
    """Whether a chat takes a reaction; custom ones only where the chat names them."""
    if group is not None and group.reactions is not None:
        return one in group.reactions
    return str(one.get("emoji")).replace("\ufe0f", "") in EMOJI


def put(world: World, message: Message, actor: int, chosen: list[dict[str, Any]]) -> None:
    """Set somebody's reactions on a message and show them."""
    if chosen:
        message.reactions[actor] = chosen
    else:
        message.reactions.pop(actor, None)
    world.emit("reaction", message=message, reactions=counts(message))


def counts(message: Message) -> list[dict[str, Any]]:
    """The Bot API's ReactionCount of each reaction, most used first."""
    kinds = {
        one.get("emoji") or one["custom_emoji_id"]: one for chosen in message.reactions.values() for one in chosen
    }
    numbers = Counter(
        one.get("emoji") or one["custom_emoji_id"] for chosen in message.reactions.values() for one in chosen
    )
    return [{"type": kinds[name], "total_count": number} for name, number in numbers.most_common()]


def react(world: World, user: User, message: Message, reactions: Sequence[str]) -> Update | None:
    """Leave reactions (emoji, or ids of custom emoji) on a message in place of one's own before; none takes them off.

    The bot's update, if it gets one: message_reaction in private chats and in groups that it administers,
    message_reaction_count in channels. PageError if the chat does not take them.
    """
    group = world.groups.get(message.chat_id)
    chosen = [reaction(one) for one in reactions]
    _check(world, user, group, message, chosen)
    anonymous = group is not None and group.member(user.id).anonymous
    acting = group.id if group is not None and anonymous else user.id
    old = message.reactions.get(acting, [])
    if old == chosen:
        return None
    put(world, message, acting, chosen)
    if group is not None and group.type == "channel":
        return _counted(world, user, group, message)
    if group is not None and not group.member(world.bot.id).administers:
        return None
    actor = {"actor_chat": group.chat()} if group is not None and anonymous else {"user": user.to_dict()}
    payload = {
        "chat": (group or user).chat(), "message_id": message.message_id, **actor, "date": world.now,
        "old_reaction": old, "new_reaction": chosen,
    }  # fmt: skip
    return world.updates.add(
        "message_reaction", payload, user_id=user.id, chat_id=message.chat_id,
        queue_id=message.chat_id + REACTION_QUEUE, message_id=message.message_id, summary=" ".join(reactions),
    )  # fmt: skip


def _check(world: World, user: User, group: Group | None, message: Message, chosen: list[dict[str, Any]]) -> None:
    if group is None:
        if message.chat_id != user.id:
            raise PageError(409, f"{user.first_name} does not see this message")
        if user.blocked:
            raise PageError(409, f"{user.first_name} has blocked the bot; unblock it first")
    elif not group.member(user.id).present:
        raise PageError(409, f"{user.first_name} is not in {group.title!r}; let them join first")
    if world.find(message.chat_id, message.message_id) is None:
        raise PageError(404, f"there is no message {message.message_id}", "message_id")
    if len(chosen) > MOST[user.premium]:
        raise PageError(400, f"{user.first_name} may leave {MOST[user.premium]} reactions here", "reactions")
    for one in chosen:
        if not is_allowed(group, one) and not (user.premium and group is None and "custom_emoji_id" in one):
            raise PageError(400, f"the chat does not take the reaction {one}", "reactions")


def _counted(world: World, user: User, group: Group, message: Message) -> Update | None:
    """A channel's reactions are anonymous: an administrator bot hears the numbers."""
    if not group.member(world.bot.id).administers:
        return None
    payload = {
        "chat": group.chat(), "message_id": message.message_id, "date": world.now, "reactions": counts(message),
    }  # fmt: skip
    return world.updates.add(
        "message_reaction_count", payload, user_id=user.id, chat_id=group.id,
        queue_id=group.id + REACTION_COUNT_QUEUE, message_id=message.message_id, summary="reactions",
    )  # fmt: skip
