"""Messages of a handler for other chats: recorded in those chats' lanes, and sent by their owners.

A lane's owner alone sends to its chat, so that what many people cause in one group goes out in order, and a group
that Telegram makes wait holds up nobody else. The messages of one handler for one chat are one inbox row, which is
stored in the handler's commit.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec
from msgspec.structs import replace

from astral_core.errors import InboxError
from astral_core.inbox.address import lane_named, lane_of
from astral_core.inbox.effect import Effect, OutgoingEffect, Ref
from astral_core.inbox.outbox import recorded
from astral_core.inbox.rows import INTERNAL, InboxRow, NewRow, chat_of

log = logging.getLogger("astral.inbox")
KIND = "messages"
SOURCE = f"{INTERNAL}:{KIND}"
_NUMBERS = frozenset(("message_id", "message_ids"))  # parameters that name messages of the chat
_REPLIES = frozenset(("reply_parameters", "reply_to_message_id", "message_thread_id"))


class _Message(msgspec.Struct):
    effect: Effect
    data: bytes | None = None


class _Messages(msgspec.Struct):
    """The payload; `plugin` made the first of them."""

    plugin: str
    messages: list[_Message]


_messages = msgspec.json.Decoder(_Messages)


def is_one(row: InboxRow) -> bool:
    """Whether a row holds messages for its chat, also where it was tried before and comes from due work."""
    return row.internal and row.kind == KIND


def split(contents: Sequence[OutgoingEffect], row: InboxRow) -> tuple[list[OutgoingEffect], list[NewRow]]:
    """The messages of the handler of `row`: those for its own chat, and a new row for each other chat."""
    own = {row.lane, chat_of(row.lane)}
    lanes = [_lane(content.effect, row.lane, own) for content in contents]
    if all(lane == row.lane for lane in lanes):
        return list(contents), []
    groups: dict[int, list[OutgoingEffect]] = {row.lane: []}
    places = []
    for content, lane in zip(contents, lanes, strict=True):
        group = groups.setdefault(lane, [])
        places.append(len(group))
        group.append(_renumbered(content, places))
    mine = groups.pop(row.lane)
    return mine, [_row(row, lane, group) for lane, group in groups.items()]


def read(row: InboxRow) -> list[OutgoingEffect]:
    """The messages of a row that `split` made. InboxError if another version made it and this one cannot read it."""
    try:
        found = _messages.decode(row.payload)
    except msgspec.MsgspecError as error:
        raise InboxError(f"row {row.seq} holds messages that this version cannot read: {error}") from None
    return [recorded(message.effect, message.data) for message in found.messages]


def redirected(contents: Sequence[OutgoingEffect], chat_id: int) -> list[OutgoingEffect]:
    """Messages for the supergroup that a group has become: a number of the group's is no message there.

    What changes a message of the group is sent as a new one if it has a text; all else about such a message is over.
    """
    found: list[OutgoingEffect] = []
    places: dict[int, int] = {}  # of the messages that go out, by their number among `contents`
    for number, content in enumerate(contents):
        effect = content.effect
        if isinstance(effect.message, Ref) and effect.message.n in places:
            effect = replace(effect, message=Ref(places[effect.message.n]))
        elif is_about_a_message(effect):
            said = as_new(effect)
            if said is None:
                log.info("%s of plugin %r is over: its group has another id now", effect.method, effect.plugin)
                continue
            effect = said
        places[number] = len(found)
        answered = places.get(effect.reply_to.n) if effect.reply_to is not None else None
        effect = replace(at(effect, chat_id), reply_to=Ref(answered) if answered is not None else None)
        found.append(recorded(effect, content.data))
    return found


def is_about_a_message(effect: Effect) -> bool:
    """Whether an effect names a message that was there before, in the chat that it goes to."""
    source = effect.params.get("from_chat_id", effect.params.get("chat_id"))
    if source != effect.params.get("chat_id"):
        return False  # a copy: the number is one of another chat
    return effect.message is not None or not _NUMBERS.isdisjoint(effect.params)


def as_new(effect: Effect) -> Effect | None:
    """An edit as a message of its own; None if it has no text and no file, or is none."""
    media = effect.params.get("media")
    if effect.method == "editMessageMedia" and isinstance(media, dict):
        return _media_as_new(effect, media)
    text = effect.params.get("text") or effect.params.get("caption")
    if not effect.method.startswith("editMessage") or not text:
        return None
    kept = ("parse_mode", "entities", "reply_markup", "link_preview_options")
    params = {"text": text, **{name: effect.params[name] for name in kept if name in effect.params}}
    return replace(effect, method="sendMessage", params=params, message=None)


def _media_as_new(effect: Effect, media: dict[str, Any]) -> Effect:
    """The message that sends what was to take the place of another file."""
    kind = str(media.get("type"))
    params = {name: value for name, value in media.items() if name not in ("type", "media")}
    params[kind] = media.get("media")
    if "reply_markup" in effect.params:
        params["reply_markup"] = effect.params["reply_markup"]
    return replace(effect, method=f"send{kind.title()}", params=params, message=None)


def at(effect: Effect, chat_id: int) -> Effect:
    """`effect` in another chat: it answers no message of the old one, and its slot begins there."""
    params = {name: value for name, value in effect.params.items() if name not in _REPLIES}
    if "from_chat_id" in params and params["from_chat_id"] == effect.params.get("chat_id"):  # a copy in one chat
        params["from_chat_id"] = chat_id
    slot = replace(effect.slot, pressed=None, fresh=True) if effect.slot is not None else None
    return replace(effect, params=params | {"chat_id": chat_id}, slot=slot)


def _lane(effect: Effect, lane: int, own: set[int]) -> int:
    """The lane of the chat that an effect goes to; `lane` where it goes to the row's own, or to none."""
    chat, business = effect.params.get("chat_id"), effect.params.get("business_connection_id")
    if isinstance(chat, str) and chat.startswith("@"):
        return lane_named(chat)
    if chat is None or isinstance(chat, bool) or not isinstance(chat, int):
        return lane
    found = lane_of(chat, business if isinstance(business, str) else None)
    return lane if found in own else found


def _renumbered(content: OutgoingEffect, places: Sequence[int]) -> OutgoingEffect:
    """`content` with the numbers that the messages to which it refers have among those for the same chat."""
    effect = content.effect
    moved = {
        name: Ref(places[ref.n])
        for name, ref in (("message", effect.message), ("reply_to", effect.reply_to))
        if isinstance(ref, Ref) and places[ref.n] != ref.n
    }
    return recorded(replace(effect, **moved), content.data) if moved else content


def _row(cause: InboxRow, lane: int, contents: Sequence[OutgoingEffect]) -> NewRow:
    found = _Messages(contents[0].effect.plugin, [_Message(content.effect, content.data) for content in contents])
    return NewRow(SOURCE, f"{cause.seq}:{uuid4().hex}", lane, KIND, msgspec.json.encode(found).decode())
