"""The page's API of what people do with messages: write, send files, edit, delete, react, vote, press, share."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from . import actions, acts_inline, acts_media, ballots, reacting, views
from .errors import PageError
from .fields import Fields
from .groups import Group, Room
from .page_forms import read_pieces
from .page_places import known_group, message_of, room_of, user_of
from .records import User
from .state import World

_MOST_OPTIONS = 12


def routes(world: World) -> list[web.RouteDef]:
    """The routes under /api/users/{id} by which people act."""
    api = _ActsApi(world)
    names = {
        "messages": api.send, "edit": api.edit, "delete": api.delete, "react": api.react, "vote": api.vote,
        "poll": api.poll, "dice": api.dice, "location": api.location, "contact": api.contact, "press": api.press,
        "share": api.share, "forward": api.forward,
    }  # fmt: skip
    return [web.post(f"/api/users/{{id}}/{name}", handler) for name, handler in names.items()]


class _ActsApi:
    def __init__(self, world: World) -> None:
        self._world = world

    async def _begin(self, request: web.Request) -> tuple[User, Fields]:
        return user_of(self._world, request), await Fields.read(request)

    def _place(self, user: User, fields: Fields) -> dict[str, Any]:
        """The arguments of `actions.say` that say where."""
        room = room_of(self._world, user, fields)
        reply_to, thread = fields.integer("reply_to"), fields.integer("thread")
        return {"room": room if isinstance(room, Group) else None, "thread": thread, "reply_to": reply_to}

    def _seen(self, user: User, fields: Fields) -> Room:
        """The chat that is named, if the person sees what is in it."""
        room = room_of(self._world, user, fields)
        if isinstance(room, Group) and not room.member(user.id).present and not room.username:
            raise PageError(409, f"{user.first_name} is not in {room.title!r}", "chat_id")
        return room

    def _sent(self, sent: actions.Sent) -> web.Response:
        message, update = sent
        update_id = None if update is None else update.update_id
        view = views.message_view(self._world, message)
        return web.json_response({"message": view, "update_id": update_id}, status=201)

    async def send(self, request: web.Request) -> web.Response:
        user = user_of(self._world, request)
        if request.content_type == "multipart/form-data":
            pieces, fields = await read_pieces(request)
            where = self._place(user, fields)
            fields.nothing_else()
            if len(pieces) == 1:
                return self._sent(acts_media.send_media(self._world, user, pieces[0], **where))
            return self._sent(acts_media.send_album(self._world, user, pieces, **where)[0])
        fields = await Fields.read(request)
        text, where = fields.text("text", required=True), self._place(user, fields)
        fields.nothing_else()
        return self._sent(actions.send_text(self._world, user, text, **where))

    async def edit(self, request: web.Request) -> web.Response:
        user, fields = await self._begin(request)
        message = message_of(self._world, self._seen(user, fields), fields)
        text = fields.text("text", limit=4096).strip()
        fields.nothing_else()
        update = acts_media.edit(self._world, user, message, text)
        return self._sent((message, update))

    async def delete(self, request: web.Request) -> web.Response:
        user, fields = await self._begin(request)
        message = message_of(self._world, self._seen(user, fields), fields)
        fields.nothing_else()
        acts_media.delete(self._world, user, [message])
        return web.json_response({"deleted": [message.message_id]})

    async def react(self, request: web.Request) -> web.Response:
        user, fields = await self._begin(request)
        message = message_of(self._world, self._seen(user, fields), fields)
        emoji = fields.text("emoji", limit=64)
        fields.nothing_else()
        reacting.react(self._world, user, message, [emoji] if emoji else [])
        return web.json_response({"message": views.message_view(self._world, message)})

    async def vote(self, request: web.Request) -> web.Response:
        user, fields = await self._begin(request)
        message = message_of(self._world, self._seen(user, fields), fields)
        options = fields.numbers("options", limit=_MOST_OPTIONS)
        fields.nothing_else()
        if options:
            ballots.vote(self._world, user, message, options)
        else:
            ballots.retract(self._world, user, message)
        return web.json_response({"message": views.message_view(self._world, message)})

    async def poll(self, request: web.Request) -> web.Response:
        user, fields = await self._begin(request)
        question, options = fields.text("question", required=True, limit=300), fields.texts("options")
        anonymous, several = bool(fields.flag("anonymous")), bool(fields.flag("several"))
        correct, where = fields.integer("correct", high=_MOST_OPTIONS - 1), self._place(user, fields)
        fields.nothing_else()
        if not 1 <= len(options) <= _MOST_OPTIONS or any(not 0 < len(one.strip()) <= 100 for one in options):
            raise PageError(400, f"a poll has 1 to {_MOST_OPTIONS} options of 1 to 100 characters", "options")
        if correct is not None and correct >= len(options):
            raise PageError(400, f"there is no option {correct}", "correct")
        sent = acts_media.send_poll(
            self._world, user, question, options, anonymous=anonymous, several=several, correct=correct, **where
        )
        return self._sent(sent)

    async def dice(self, request: web.Request) -> web.Response:
        user, fields = await self._begin(request)
        emoji, where = fields.text("emoji", required=True, limit=16), self._place(user, fields)
        fields.nothing_else()
        return self._sent(acts_media.send_dice(self._world, user, emoji, **where))

    async def location(self, request: web.Request) -> web.Response:
        user, fields = await self._begin(request)
        place = fields.number("latitude"), fields.number("longitude")
        where = self._place(user, fields)
        fields.nothing_else()
        return self._sent(actions.send_location(self._world, user, *place, **where))

    async def contact(self, request: web.Request) -> web.Response:
        user, fields = await self._begin(request)
        phone, where = fields.text("phone_number", required=True, limit=32), self._place(user, fields)
        fields.nothing_else()
        return self._sent(actions.send_contact(self._world, user, phone, **where))

    async def forward(self, request: web.Request) -> web.Response:
        user, fields = await self._begin(request)
        message = message_of(self._world, self._seen(user, fields), fields)
        to = fields.integer("to", low=-(1 << 53)) or user.id
        fields.nothing_else()
        room = None if to == user.id else known_group(self._world, to, "to")
        return self._sent(acts_media.forward(self._world, user, message, room=room))

    async def share(self, request: web.Request) -> web.Response:
        """The answer to a button of a reply keyboard that asks for people or for a chat."""
        user, fields = await self._begin(request)
        text, ids = fields.text("text", required=True), fields.numbers("ids", limit=10)
        fields.nothing_else()
        if not ids:
            raise PageError(400, "ids is empty", "ids")
        if ids[0] < 0:
            group = known_group(self._world, ids[0], "ids")
            return self._sent(acts_inline.share_chat(self._world, user, text, group))
        return self._sent(acts_inline.share_users(self._world, user, text, [self._world.user(one) for one in ids]))

    async def press(self, request: web.Request) -> web.Response:
        user, fields = await self._begin(request)
        message = message_of(self._world, self._seen(user, fields), fields)
        data = fields.text("data") if fields.has("data") else None
        text = fields.text("text") if fields.has("text") else None
        fields.nothing_else()
        if data is None and text is None:
            raise PageError(400, "name the button by data or by text", "data")
        button = actions.find_button(message, data=data, text=text)
        query, update = actions.press(self._world, user, message, button["callback_data"])
        update_id = None if update is None else update.update_id
        return web.json_response({"callback_query_id": query.id, "update_id": update_id}, status=202)
