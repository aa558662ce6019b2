"""Polls in chats: entering them, voting, closing; each change is shown by their messages and told to the bot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import PageError
from .files import StoredFile
from .groups import CHANNEL_BOT, Group, Room
from .media import media_object
from .polls import Poll
from .records import Message, User
from .state import World
from .updates import Update

_FIRST_POLL = 5_400_000_000_000_001


def poll_id(world: World) -> str:
    """The next poll's id."""
    return f"{_FIRST_POLL + len(world.polls)}"


def is_no_channel(room: Room) -> bool:
    """Whether a chat is anything else than a channel."""
    return not isinstance(room, Group) or room.type != "channel"


def sticker_media(file: StoredFile) -> dict[str, Any]:
    """The Bot API's PollMedia of a sticker."""
    return {"sticker": media_object(file)}


def enter(world: World, poll: Poll, message: Message) -> None:
    """Keep a poll that `message` shows, and close it when its time is over."""
    world.polls[poll.id] = poll
    poll.messages.append(message)
    if poll.closes_at and not poll.is_closed:
        world.spawn(_close_later(world, poll))


async def _close_later(world: World, poll: Poll) -> None:
    await world.clock.sleep(poll.closes_at - world.clock.time())
    if world.polls.get(poll.id) is poll:  # the world may have been emptied meanwhile
        close(world, poll)


def close(world: World, poll: Poll) -> None:
    """No more votes."""
    if poll.close():
        changed(world, poll)


def changed(world: World, poll: Poll) -> Update | None:
    """Show a poll's new state in all its messages; the bot hears of its own ones, and of those that were closed."""
    shown = [one for one in poll.messages if world.find(one.chat_id, one.message_id) is one]
    for message in shown:
        message.content = {**message.content, "poll": poll.to_dict()}
        world.emit("poll", message=message)
    if not shown or (not poll.by_bot and not poll.is_closed):
        return None
    holder = shown[0]
    return world.updates.add(
        "poll", poll.to_dict(whole=False), user_id=holder.author or world.bot.id, chat_id=holder.chat_id,
        queue_id=int(poll.id), message_id=holder.message_id, summary=poll.question["question"][:80],
    )  # fmt: skip


def poll_of(world: World, message: Message) -> Poll:
    """The poll that a message shows; PageError if it shows none."""
    shown = message.content.get("poll")
    poll = world.polls.get(shown["id"]) if isinstance(shown, dict) else None
    if poll is None:
        raise PageError(409, f"message {message.message_id} has no poll")
    return poll


def vote(world: World, user: User, message: Message, options: Sequence[int | str]) -> Update | None:
    """Vote for options by place or text; the bot's poll_answer, if it gets one. PageError if that cannot be."""
    poll = poll_of(world, message)
    _check_voter(world, user, message, poll)
    texts = [option.text["text"] for option in poll.options]
    unknown = [option for option in options if isinstance(option, str) and option not in texts]
    if unknown:
        raise PageError(400, f"the poll has no option {unknown[0]!r}; it has {texts}", "options")
    poll.vote(user.id, [texts.index(option) if isinstance(option, str) else option for option in options])
    changed(world, poll)
    return _answered(world, user, message, poll)


def retract(world: World, user: User, message: Message) -> Update | None:
    """Take one's vote back; the bot's poll_answer, if it gets one. PageError if that cannot be."""
    poll = poll_of(world, message)
    _check_voter(world, user, message, poll)
    poll.retract(user.id)
    changed(world, poll)
    return _answered(world, user, message, poll)


def _check_voter(world: World, user: User, message: Message, poll: Poll) -> None:
    group = world.groups.get(message.chat_id)
    if group is None and message.chat_id != user.id:
        raise PageError(409, f"{user.first_name} does not see this poll")
    if group is not None and poll.members_only and not group.member(user.id).present:
        raise PageError(409, f"only members of {group.title!r} may vote")


def _answered(world: World, user: User, message: Message, poll: Poll) -> Update | None:
    if poll.is_anonymous or not poll.by_bot:
        return None
    chosen = poll.votes.get(user.id, ())
    group = world.groups.get(message.chat_id)
    voter: dict[str, Any] = {"user": user.to_dict()}
    if group is not None and group.member(user.id).anonymous:
        voter = {"voter_chat": group.chat(), "user": CHANNEL_BOT}
    payload = {
        "poll_id": poll.id, **voter, "option_ids": list(chosen),
        "option_persistent_ids": [poll.options[place].persistent_id for place in chosen],
    }  # fmt: skip
    return world.updates.add(
        "poll_answer", payload, user_id=user.id, chat_id=message.chat_id, queue_id=int(poll.id),
        message_id=message.message_id, summary=", ".join(poll.options[place].text["text"] for place in chosen)[:80],
    )  # fmt: skip
