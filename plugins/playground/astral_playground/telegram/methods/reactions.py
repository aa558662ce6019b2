"""setMessageReaction, deleteMessageReaction, deleteAllMessageReactions."""

from __future__ import annotations

from typing import Any

from astral_playground.telegram import reacting
from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.groups import Group
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import Message
from astral_playground.telegram.state import World

from .registry import method

MOST = 1  # reactions of a bot on one message


def _reaction(item: object) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise bad_request("Can't parse ReactionType: expected an Object")
    kind = item.get("type")
    if kind == "emoji":
        if not isinstance(item.get("emoji"), str):
            raise bad_request("Can't parse ReactionType: Can't find field \"emoji\"")
        return {"type": "emoji", "emoji": item["emoji"]}
    if kind == "custom_emoji":
        if not isinstance(item.get("custom_emoji_id"), str | int):
            raise bad_request("Can't parse ReactionType: Can't find field \"custom_emoji_id\"")
        return {"type": "custom_emoji", "custom_emoji_id": str(item["custom_emoji_id"])}
    raise bad_request("Can't parse ReactionType: invalid reaction type specified")


def _message(world: World, params: Params) -> Message:
    room = world.chat_for_bot(params.text("chat_id"), write=False)
    message = world.find(room.id, params.integer("message_id"))
    if message is None:
        raise bad_request("Message to react not found")
    return message


@method("setMessageReaction")
def set_message_reaction(world: World, params: Params) -> bool:
    """The bot's own reaction, or none; people see it, and no update tells of it."""
    items = params.json("reaction", "reaction types")
    if items is not None and not isinstance(items, list):
        raise bad_request("Expected an Array of ReactionType")
    chosen = [_reaction(item) for item in items or []]
    message = _message(world, params)
    group = world.groups.get(message.chat_id)
    if len(chosen) > MOST:
        raise bad_request("REACTIONS_TOO_MANY")
    if any(not reacting.is_allowed(group, one) for one in chosen) or message.sender == "service":
        raise bad_request("REACTION_INVALID")
    reacting.put(world, message, world.bot.id, chosen)
    return True


def _deletes(world: World, params: Params) -> tuple[Group, int]:
    """The chat, and the person or chat whose reactions go."""
    room = world.chat_for_bot(params.text("chat_id"), write=False)
    if not isinstance(room, Group) or room.type == "channel":
        raise bad_request("Method is available only for groups and supergroups")
    if not room.member(world.bot.id).may("can_delete_messages"):
        raise bad_request("Not enough rights to delete reactions")
    actor = params.integer("actor_chat_id", low=-(1 << 52)) or params.integer("user_id", high=1 << 52)
    if not actor:
        raise bad_request("Invalid user_id specified")
    return room, actor


@method("deleteMessageReaction")
def delete_message_reaction(world: World, params: Params) -> bool:
    """Take somebody's reactions off a message of a group."""
    _, actor = _deletes(world, params)
    reacting.put(world, _message(world, params), actor, [])
    return True


@method("deleteAllMessageReactions")
def delete_all_message_reactions(world: World, params: Params) -> bool:
    """Take somebody's reactions off all messages of a group."""
    group, actor = _deletes(world, params)
    for message in list(world.messages[group.id].values()):
        if actor in message.reactions:
            reacting.put(world, message, actor, [])
    return True
