"""What of a message goes along when it is forwarded or copied, by the bot or by a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import ballots
from .origins import origin
from .records import Message
from .state import World

_OF_THE_SENDING = frozenset({"has_protected_content", "media_group_id", "effect_id", "business_connection_id"})
_NO_COPY = frozenset({"invoice", "paid_media", "giveaway", "game", "story"})
_OPENS = ("url", "login_url", "switch_inline_query", "switch_inline_query_current_chat", "copy_text")


def can_forward(message: Message) -> bool:
    """Whether a message can be forwarded: none that tells of something that happened, and none that is protected."""
    return message.sender != "service" and not message.content.get("has_protected_content")


def can_copy(world: World, message: Message) -> bool:
    """Whether it can be copied: no invoices, nothing that is paid for, and quizzes whose answers the bot knows."""
    if not can_forward(message) or _NO_COPY & message.content.keys():
        return False
    shown = message.content.get("poll")
    poll = None if shown is None else world.polls.get(shown["id"])
    return poll is None or not poll.quiz or poll.by_bot or poll.is_closed


def taken(message: Message) -> dict[str, Any]:
    """The content that goes along."""
    return {name: value for name, value in message.content.items() if name not in _OF_THE_SENDING}


def forward_facts(world: World, message: Message) -> dict[str, Any]:
    """Facts of the forward: where it comes from, and the bot that it was sent through."""
    found: dict[str, Any] = {"forward_origin": origin(world, message)}
    if "via_bot" in message.facts:
        found["via_bot"] = message.facts["via_bot"]
    return found


def kept_markup(message: Message) -> dict[str, Any] | None:
    """The buttons of a forward: they stay if each of them only opens something."""
    buttons = [button for row in message.button_rows for button in row]
    if buttons and all(any(name in button for name in _OPENS) for button in buttons):
        return message.markup
    return None


def after_forward(world: World, source: Message, sent: Message) -> None:
    """A forwarded poll is the same poll: its votes count together."""
    sent.markup = kept_markup(source)
    shown = source.content.get("poll")
    if shown is not None and shown["id"] in world.polls:
        world.polls[shown["id"]].messages.append(sent)


def copied(world: World, message: Message) -> dict[str, Any]:
    """The content of a copy; that of a poll is a new one without votes, which `after_copy` enters."""
    content = taken(message)
    if "poll" in content and content["poll"]["id"] in world.polls:
        old = world.polls[content["poll"]["id"]]
        fresh = replace(old, id=ballots.poll_id(world), by_bot=True, is_closed=False, votes={}, messages=[])
        if fresh.open_period:
            fresh.closes_at = world.now + fresh.open_period
        world.polls[fresh.id] = fresh
        content["poll"] = fresh.to_dict()
    return content


def after_copy(world: World, sent: Message) -> None:
    """Let a copied poll run."""
    shown = sent.content.get("poll")
    if shown is not None and shown["id"] in world.polls:
        ballots.enter(world, world.polls[shown["id"]], sent)
