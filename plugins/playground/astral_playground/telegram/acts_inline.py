"""Inline mode from the person's side, and the buttons of a keyboard below the chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .actions import Sent, location, say, send_contact, send_location, send_text
from .errors import PageError
from .groups import Group, Room
from .inline import InlineQuery, Offer
from .origins import full_name
from .records import Message, User
from .state import World
from .updates import CHOSEN_LIFETIME, CHOSEN_QUEUE, INLINE_LIFETIME, INLINE_QUEUE, Update

MAX_QUERY = 256  # characters


def inline_query(
    world: World, user: User, query: str, *, room: Room | None = None, offset: str = "", thread: int | None = None,
    at: tuple[float, float] | None = None,
) -> tuple[InlineQuery, Update | None]:  # fmt: skip
    """Write `@bot query` into the text field of a chat: that with the bot unless told.

    `room` of another person is the chat with them, which the bot cannot see. `at` are degrees, if the person shares
    where they are. `offset` asks for more of an answer's results. The answer is in the query when its `done` is set.
    """
    if not world.bot.inline:
        raise PageError(409, f"@{world.bot.username} has no inline mode")
    if len(query) > MAX_QUERY:
        raise PageError(400, f"an inline query has at most {MAX_QUERY} characters", "query")
    place = room or user
    kind = place.type if isinstance(place, Group) else "sender" if place.id == user.id else "private"
    known = place.id if isinstance(place, Group) or place.id == user.id else 0
    asked = InlineQuery(world.query_id(), user.id, query, offset, kind, known, world.clock.time(), thread)
    world.inline.queries[asked.id] = asked
    where = {} if at is None else {"location": location(*at)}
    payload = {
        "id": asked.id, "from": user.to_dict(), "chat_type": kind, "query": query, "offset": offset, **where,
    }  # fmt: skip
    update = world.updates.add(
        "inline_query", payload, user_id=user.id, queue_id=user.id + INLINE_QUEUE, lifetime=INLINE_LIFETIME,
        summary=query[:80],
    )  # fmt: skip
    return asked, update


def choose(world: World, user: User, asked: InlineQuery, result: str | int = 0) -> tuple[Message, Update | None]:
    """Tap a result, named by its id, its title or its place: it is sent through the bot into the chat.

    The bot's chosen_inline_result, if it gets one. PageError if there is no such result.
    """
    found = _result(asked, result)
    message = _send(world, user, asked, asked.contents[str(found["id"])])
    if message.markup is not None:
        world.inline.name(message)
    return message, _chosen(world, user, asked, message, str(found["id"]))


def _result(asked: InlineQuery, result: str | int) -> dict[str, Any]:
    if not asked.answered:
        raise PageError(409, "the bot has not answered this query yet")
    if isinstance(result, int):
        if not 0 <= result < len(asked.results):
            raise PageError(409, f"the answer has {len(asked.results)} results", "result")
        return asked.results[result]
    for found in asked.results:
        if result in (str(found["id"]), found.get("title")):
            return found
    raise PageError(409, f"there is no result {result!r}; there are {asked.titles}", "result")


def _send(world: World, user: User, asked: InlineQuery, offer: Offer) -> Message:
    facts: dict[str, Any] = {"via_bot": world.bot.to_dict()}
    if not asked.room_id:  # the chat of two people: the bot knows its message by the name only
        return Message(
            0, 0, "user", world.now, dict(offer.content), markup=offer.markup, author=user.id, facts=facts
        )  # fmt: skip
    group = world.groups.get(asked.room_id)
    if group is not None and group.type != "channel" and not group.may(user.id, "can_send_other_messages"):
        raise PageError(409, f"{user.first_name} may not send through bots in {group.title!r}")
    return say(
        world, user, dict(offer.content), offer.content.get("text", "inline")[:80], room=group, thread=asked.thread,
        markup=offer.markup, **facts,
    )[0]  # fmt: skip


def _chosen(world: World, user: User, asked: InlineQuery, message: Message, result_id: str) -> Update | None:
    if not world.bot.inline_feedback:
        return None
    named = {"inline_message_id": message.inline_message_id} if message.inline_message_id else {}
    payload = {"from": user.to_dict(), **named, "query": asked.query, "result_id": result_id}
    return world.updates.add(
        "chosen_inline_result", payload, user_id=user.id, queue_id=user.id + CHOSEN_QUEUE, lifetime=CHOSEN_LIFETIME,
        summary=result_id,
    )  # fmt: skip


def send_prepared(world: World, user: User, prepared_id: str, *, room: Room | None = None) -> Message:
    """Send a message that the bot prepared, from its web app into a chat."""
    prepared = world.inline.prepared.get(prepared_id)
    if prepared is None or prepared.user_id != user.id or world.now > prepared.expires_at:
        raise PageError(404, f"there is no prepared message {prepared_id!r} for {user.first_name}", "prepared_id")
    place = room or user
    kind = "bot" if place is user else place.type if isinstance(place, Group) else "private"
    if kind.removeprefix("super") not in prepared.chat_types:
        raise PageError(409, f"the message may not be sent into a {kind} chat")
    known = place.id if isinstance(place, Group) or place is user else 0
    asked = InlineQuery("", user.id, "", "", kind, known, world.clock.time())
    message = _send(world, user, asked, prepared.offer)
    if message.markup is not None:
        world.inline.name(message)
    return message


def open_web_app(world: World, user: User) -> str:
    """Open the bot's web app by a button; the web_app_query_id with which it answers once."""
    number = f"webapp{world.query_id()}"
    world.inline.web_apps[number] = user.id
    return number


# Buttons of the keyboard below a chat


def keyboard_button(user: User, text: str, room: Group | None = None) -> dict[str, Any]:
    """The button with this text of the keyboard that a person sees; PageError if there is none."""
    markup = (room or user).reply_keyboard
    buttons = [button for row in (markup or {}).get("keyboard", []) for button in row]
    for button in buttons:
        if button["text"] == text:
            return dict(button)
    raise PageError(409, f"there is no button {text!r} below the chat; there are {[one['text'] for one in buttons]}")


def share_users(world: World, user: User, text: str, people: Sequence[User]) -> Sent:
    """Choose people for the request_users button with this text."""
    asked = keyboard_button(user, text).get("request_users")
    if not isinstance(asked, dict):
        raise PageError(409, f"the button {text!r} asks for no people")
    if not 1 <= len(people) <= int(asked.get("max_quantity") or 1):
        raise PageError(400, f"the button takes 1 to {asked.get('max_quantity') or 1} people", "people")
    if any(asked.get("user_is_premium") not in (None, one.premium) for one in people):
        raise PageError(400, "the button takes others", "people")
    shared = [_shared(asked, one) for one in people]
    content = {"users_shared": {"request_id": asked["request_id"], "users": shared}}
    return _service(world, user, content)


def _shared(asked: dict[str, Any], one: User) -> dict[str, Any]:
    found: dict[str, Any] = {"user_id": one.id}
    if asked.get("request_name"):
        found |= {"first_name": one.first_name, **({"last_name": one.last_name} if one.last_name else {})}
    if asked.get("request_username") and one.username:
        found["username"] = one.username
    return found


def share_chat(world: World, user: User, text: str, group: Group) -> Sent:
    """Choose a chat for the request_chat button with this text; it must be as the button wants it."""
    asked = keyboard_button(user, text).get("request_chat")
    if not isinstance(asked, dict):
        raise PageError(409, f"the button {text!r} asks for no chat")
    member = group.member(user.id)
    wanted = {
        "chat_is_channel": group.type == "channel", "chat_is_forum": group.is_forum,
        "chat_has_username": bool(group.username),
    }  # fmt: skip
    wrong = [name for name, value in wanted.items() if asked.get(name) is not None and asked[name] != value]
    if asked.get("bot_is_member") and not group.member(world.bot.id).present:
        wrong.append("bot_is_member")
    if asked.get("chat_is_created") and member.status != "creator":
        wrong.append("chat_is_created")
    rights = asked.get("user_administrator_rights")
    if isinstance(rights, dict) and any(value is True and not member.may(name) for name, value in rights.items()):
        wrong.append("user_administrator_rights")
    if wrong or not member.present:
        raise PageError(409, f"the button does not take {group.title!r}: {', '.join(wrong) or 'not a member'}")
    found: dict[str, Any] = {"request_id": asked["request_id"], "chat_id": group.id}
    if asked.get("request_title"):
        found["title"] = group.title
    if asked.get("request_username") and group.username:
        found["username"] = group.username
    return _service(world, user, {"chat_shared": found})


def send_web_app_data(world: World, user: User, text: str, data: str) -> Sent:
    """Let the web app of the keyboard button with this text send data (4096 bytes) to the bot and close."""
    if "web_app" not in keyboard_button(user, text):
        raise PageError(409, f"the button {text!r} opens no web app")
    if not 0 < len(data.encode()) <= 4096:
        raise PageError(400, "web app data has 1 to 4096 bytes", "data")
    return _service(world, user, {"web_app_data": {"data": data, "button_text": text}})


def _service(world: World, user: User, content: dict[str, Any]) -> Sent:
    return say(world, user, content, next(iter(content)), sender="service")


def tap_keyboard(
    world: World, user: User, text: str, *, room: Group | None = None, phone_number: str = "+10000000000",
    at: tuple[float, float] = (0.0, 0.0),
) -> Sent:  # fmt: skip
    """Press a button below the chat: it writes its text, or shares one's contact or place as it asks."""
    button = keyboard_button(user, text, room)
    if button.get("request_contact"):
        return send_contact(world, user, phone_number)
    if button.get("request_location"):
        return send_location(world, user, *at)
    special = [name for name in ("request_users", "request_chat", "request_poll", "web_app") if name in button]
    if special:
        raise PageError(409, f"the button {text!r} asks for {special[0]}: say what {full_name(user)} chooses")
    return send_text(world, user, text, room=room)
