"""Whether the bot may use a group or channel, in the words of Telegram's server."""

from __future__ import annotations

from .errors import ApiError, bad_request, forbidden
from .groups import GENERAL, Group


def admit(group: Group, bot_id: int, *, write: bool) -> None:
    """Refuse the bot a chat in which it is not, or may not write. Raises ApiError."""
    own, kind = group.member(bot_id), f"{group.type} chat"
    if group.migrated_to is not None:
        why = "Bad Request: group chat was upgraded to a supergroup chat"
        raise ApiError(400, why, migrate_to=group.migrated_to)
    if own.status == "kicked":
        raise forbidden(f"bot was kicked from the {kind}")
    if not own.present and (write or not group.username):
        raise forbidden(f"bot is not a member of the {kind}")
    if write and group.type == "channel" and not own.may("can_post_messages"):
        raise bad_request("need administrator rights in the channel chat")


def thread_in(group: Group, thread: int, bot_id: int, *, begun: bool) -> int | None:
    """The topic or (`begun`) thread of replies that a call names; None for General. Raises ApiError."""
    number = thread or GENERAL
    topic = group.topics.get(number)
    if topic is None and (group.is_forum or not begun):
        raise bad_request("message thread not found")
    if topic is not None and topic.closed and not group.member(bot_id).may("can_manage_topics"):
        raise bad_request("TOPIC_CLOSED")
    return None if number == GENERAL and group.is_forum else thread
