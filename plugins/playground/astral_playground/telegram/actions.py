"""What an emulated person does: write, press, share, block. Each act makes the update that Telegram would make."""

from __future__ import annotations

from typing import Any

from .discussion import follow
from .entities import detect, trim, utf16_length
from .errors import ApiError, PageError
from .groups import GENERAL, Group, Room
from .media import media_fields
from .methods.answers import expire
from .params import Upload
from .records import CallbackQuery, Message, Sender, User
from .speaking import check_speaker, is_heard, speaker
from .state import World
from .texts import MAX_CAPTION, MAX_TEXT, caption_fields, text_fields
from .updates import CALLBACK_QUEUE, MEMBER_QUEUE, QUERY_LIFETIME, Update

Sent = tuple[Message, Update | None]
_SHOWN_FOR = 48 * 3600  # s; the Bot API says "too old" and no number
_MAX_LATITUDE, _MAX_LONGITUDE = 90.0, 180.0


def say(
    world: World, user: User, content: dict[str, Any], summary: str, *, room: Room | None = None,
    reply_to: int | None = None, thread: int | None = None, markup: dict[str, Any] | None = None,
    sender: Sender = "user", **facts: Any,
) -> Sent:  # fmt: skip
    """Put what a person says into a chat, the private one unless told; the last three as in Message."""
    place = room or user
    if reply_to is not None and world.find(place.id, reply_to) is None:
        raise PageError(400, f"there is no message {reply_to} to reply to", "reply_to")
    if isinstance(place, Group):
        return _say_in_group(world, user, place, content, summary, reply_to, thread, markup, facts)
    if user.blocked:
        raise PageError(409, f"{user.first_name} has blocked the bot; unblock it first")
    user.started = True
    if (user.reply_keyboard or {}).get("one_time_keyboard"):
        user.reply_keyboard = None
        world.emit("user", user=user)
    message = world.post(user, sender, content, markup=markup, reply_to=reply_to, thread=thread, facts=facts)
    update = world.updates.add(
        "message",
        world.message_json(message),
        user_id=user.id,
        queue_id=user.id,
        message_id=message.message_id,
        summary=summary,
    )
    return message, update


def _say_in_group(
    world: World, user: User, group: Group, content: dict[str, Any], summary: str, reply_to: int | None,
    thread: int | None, markup: dict[str, Any] | None, facts: dict[str, Any],
) -> Sent:  # fmt: skip
    if thread is None:  # a reply stands where the message stands that it answers
        begun = world.thread_of_reply(group, reply_to)
        thread = begun if begun in group.topics or begun in group.forwards.values() else None
    check_speaker(world, group, user, content, thread)
    where = None if thread in (None, GENERAL) else thread
    said = {"markup": markup, "reply_to": reply_to, "thread": where, "facts": facts, **speaker(group, user)}
    message = world.post(group, "user", content, **said)
    update = None
    if is_heard(world, group, message):
        update = world.updates.add(
            "channel_post" if group.type == "channel" else "message", world.message_json(message), user_id=user.id,
            chat_id=group.id, queue_id=group.id, message_id=message.message_id, summary=summary,
        )  # fmt: skip
    follow(world, message)
    return message, update


def plain_text(text: str, limit: int, field: str) -> str:
    """A trimmed text that fits, and that UTF-8 can hold."""
    plain, _ = trim(text, [])
    if any(0xD800 <= ord(char) <= 0xDFFF for char in plain):
        raise PageError(400, f"the {field} has half of a surrogate pair", field)
    if utf16_length(plain) > limit:
        raise PageError(400, f"the {field} is longer than {limit} characters", field)
    return plain


def send_text(world: World, user: User, text: str, reply_to: int | None = None, **where: Any) -> Sent:
    """Write a text of 1-4096 UTF-16 units; `where` are room and thread, as of `say`."""
    plain = plain_text(text, MAX_TEXT, "text")
    if not plain:
        raise PageError(400, "the text is empty", "text")
    content = text_fields(plain, detect(plain, []), {})
    return say(world, user, content, plain[:80], reply_to=reply_to, **where)


def send_file(world: World, user: User, kind: str, upload: Upload, caption: str = "", **where: Any) -> Sent:
    """Send a photo or document with an optional caption."""
    return say(world, user, file_content(world, kind, upload, caption), upload.file_name, **where)


def file_content(world: World, kind: str, upload: Upload, caption: str = "", **facts: Any) -> dict[str, Any]:
    """The fields of Message that show an uploaded file with its caption; `facts` as of FileStore.add."""
    plain = plain_text(caption, MAX_CAPTION, "caption")
    try:
        file = world.files.add(kind, upload, **facts)
    except ApiError as error:
        raise PageError(400, f"{upload.file_name}: {error.description}", kind) from None
    return {**media_fields(file), **caption_fields(plain, detect(plain, []), {})}


def send_location(
    world: World, user: User, latitude: float, longitude: float, reply_to: int | None = None, **where: Any
) -> Sent:
    """Share a place; degrees."""
    point = location(latitude, longitude)
    return say(world, user, {"location": point}, f"{latitude}, {longitude}", reply_to=reply_to, **where)


def location(latitude: float, longitude: float) -> dict[str, float]:
    """The Bot API's Location; PageError for degrees that are not on this planet."""
    if not abs(latitude) <= _MAX_LATITUDE:
        raise PageError(400, f"latitude {latitude} is not within -90..90 degrees", "latitude")
    if not abs(longitude) <= _MAX_LONGITUDE:
        raise PageError(400, f"longitude {longitude} is not within -180..180 degrees", "longitude")
    return {"latitude": latitude, "longitude": longitude}


def send_contact(world: World, user: User, phone_number: str, **where: Any) -> Sent:
    """Share one's own phone number."""
    contact = {"phone_number": phone_number, "first_name": user.first_name, "user_id": user.id}
    return say(world, user, {"contact": contact}, "contact", **where)


def find_button(message: Message, *, data: str | None = None, text: str | None = None) -> dict[str, Any]:
    """The callback button with this data or text; PageError 409 when the message has none (any more)."""
    for row in message.button_rows:
        for button in row:
            named = button.get("callback_data") == data if data is not None else button["text"] == text
            if named and "callback_data" in button:
                return button
    wanted = repr(data if data is not None else text)
    raise PageError(409, f"message {message.message_id} has no callback button {wanted}; it has {message.buttons}")


def press(world: World, user: User, message: Message, data: str) -> tuple[CallbackQuery, Update | None]:
    """Press a callback button of a message; that of an inline message tells the bot of no chat."""
    group = world.groups.get(message.chat_id)
    if group is not None and not group.username and not group.member(user.id).present:
        raise PageError(409, f"{user.first_name} is not in {group.title!r}; let them join first")
    if group is None and user.blocked and not message.inline_message_id:
        raise PageError(409, f"{user.first_name} has blocked the bot; unblock it first")
    inline = message.inline_message_id
    number = 0 if inline else message.message_id
    query = CallbackQuery(
        world.query_id(), user.id, number, data, world.clock.time(), inline_message_id=inline, message=message
    )  # fmt: skip
    world.queries[query.id] = query
    where = {"inline_message_id": inline} if inline else {"message": _pressed(world, message)}
    payload = {
        "id": query.id, "from": user.to_dict(), **where,
        "chat_instance": str(-(abs(message.chat_id) << 20) - world.bot.id), "data": data,
    }  # fmt: skip
    world.emit("pressed", query=query)
    update = world.updates.add(
        "callback_query",
        payload,
        user_id=user.id,
        queue_id=user.id + CALLBACK_QUEUE,
        lifetime=QUERY_LIFETIME,
        message_id=message.message_id,
        summary=data,
        chat_id=message.chat_id or user.id,
    )
    world.spawn(expire(world, query))
    return query, update


def _pressed(world: World, message: Message) -> dict[str, Any]:
    """What a press tells of its message; of one that is too old or deleted only which it was."""
    whole = world.message_json(message)
    if not message.deleted and world.now - message.date < _SHOWN_FOR:
        return whole
    return {"chat": whole["chat"], "message_id": message.message_id, "date": 0}


def set_blocked(world: World, user: User, *, blocked: bool) -> None:
    """Block or unblock the bot; it learns of that by my_chat_member."""
    if user.blocked == blocked:
        return
    user.blocked = blocked
    user.started = True
    world.emit("user", user=user)
    statuses = ("member", "kicked") if blocked else ("kicked", "member")
    old, new = (_member(world, status) for status in statuses)
    payload = {
        "chat": user.chat(),
        "from": user.to_dict(),
        "date": world.now,
        "old_chat_member": old,
        "new_chat_member": new,
    }
    world.updates.add(
        "my_chat_member", payload, user_id=user.id, queue_id=user.id + MEMBER_QUEUE, summary=statuses[1]
    )


def _member(world: World, status: str) -> dict[str, Any]:
    member: dict[str, Any] = {"user": world.bot.to_dict(), "status": status}
    if status == "kicked":
        member["until_date"] = 0
    return member
