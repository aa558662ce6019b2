"""The page's API of what people do with messages: write, send files, press, share."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from . import actions, views
from .errors import PageError
from .fields import Fields
from .forms import FormError, read_form
from .groups import Group, Room
from .page_places import message_of, room_of, user_of
from .params import Params
from .records import User
from .state import World

_FILES = ("photo", "document")


def routes(world: World) -> list[web.RouteDef]:
    """The routes under /api/users/{id} by which people act."""
    api = _ActsApi(world)
    return [
        web.post("/api/users/{id}/messages", api.send),
        web.post("/api/users/{id}/location", api.location),
        web.post("/api/users/{id}/contact", api.contact),
        web.post("/api/users/{id}/press", api.press),
    ]


class _ActsApi:
    def __init__(self, world: World) -> None:
        self._world = world

    def _user(self, request: web.Request) -> User:
        return user_of(self._world, request)

    def _place(self, user: User, fields: Fields) -> dict[str, Any]:
        """The arguments of `actions.say` that say where."""
        room = room_of(self._world, user, fields)
        return {"room": room if isinstance(room, Group) else None, "thread": fields.integer("thread")}

    async def send(self, request: web.Request) -> web.Response:
        user = self._user(request)
        if request.content_type == "multipart/form-data":
            return self._sent(await self._send_files(request, user))
        fields = await Fields.read(request)
        text = fields.text("text", required=True)
        reply_to, where = fields.integer("reply_to"), self._place(user, fields)
        fields.nothing_else()
        return self._sent(actions.send_text(self._world, user, text, reply_to, **where))

    async def _send_files(self, request: web.Request, user: User) -> actions.Sent:
        form = Params()
        try:
            await read_form(request, form)
        except FormError as error:
            raise PageError(400, str(error), "document") from None
        where = self._form_place(user, form)
        for kind in _FILES:
            upload = form.files.get(kind)
            if upload is not None:
                return actions.send_file(self._world, user, kind, upload, form.text("caption"), **where)
        raise PageError(400, f"send a file in one of the fields {', '.join(_FILES)}", "document")

    def _form_place(self, user: User, form: Params) -> dict[str, Any]:
        """Like `_place`, of a form's fields, which are all strings."""
        given = {name: _number(form, name) for name in ("chat_id", "thread", "reply_to") if form.has(name)}
        fields = Fields(dict(given))
        return {**self._place(user, fields), "reply_to": fields.integer("reply_to")}

    def _sent(self, sent: actions.Sent) -> web.Response:
        message, update = sent
        update_id = None if update is None else update.update_id
        view = views.message_view(self._world, message)
        return web.json_response({"message": view, "update_id": update_id}, status=201)

    async def location(self, request: web.Request) -> web.Response:
        user, fields = self._user(request), await Fields.read(request)
        place = fields.number("latitude"), fields.number("longitude")
        reply_to, where = fields.integer("reply_to"), self._place(user, fields)
        fields.nothing_else()
        return self._sent(actions.send_location(self._world, user, *place, reply_to, **where))

    async def contact(self, request: web.Request) -> web.Response:
        user, fields = self._user(request), await Fields.read(request)
        phone, where = fields.text("phone_number", required=True, limit=32), self._place(user, fields)
        fields.nothing_else()
        return self._sent(actions.send_contact(self._world, user, phone, **where))

    async def press(self, request: web.Request) -> web.Response:
        user, fields = self._user(request), await Fields.read(request)
        room = self._seen(user, fields)
        message = message_of(self._world, room, fields)
        data = fields.text("data") if fields.has("data") else None
        text = fields.text("text") if fields.has("text") else None
        fields.nothing_else()
        if data is None and text is None:
            raise PageError(400, "name the button by data or by text", "data")
        button = actions.find_button(message, data=data, text=text)
        query, update = actions.press(self._world, user, message, button["callback_data"])
        update_id = None if update is None else update.update_id
        return web.json_response({"callback_query_id": query.id, "update_id": update_id}, status=202)

    def _seen(self, user: User, fields: Fields) -> Room:
        """The chat that is named, if the person sees what is in it."""
        room = room_of(self._world, user, fields)
        if isinstance(room, Group) and not room.member(user.id).present and not room.username:
            raise PageError(409, f"{user.first_name} is not in {room.title!r}", "chat_id")
        return room


def _number(form: Params, name: str) -> int:
    text = form.text(name)
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdecimal() or len(text) > 17:
        raise PageError(400, f"{name} must be a whole number", name)
    return int(text)
