"""The page's API: the state, the event stream, and what emulated people do."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from . import actions, checkout, page_acts, page_groups, page_inline, views
from .errors import PageError
from .faults import KINDS
from .fields import Fields
from .page_files import serve_file
from .page_places import number, user_of
from .records import Invoice, User
from .state import World
from .stream import Stream

_MAX_CALLS = 1000
_MAX_EVENTS = 1000
_MAX_SECONDS = 3600.0


def routes(world: World, stream: Stream) -> list[web.RouteDef]:
    """All routes under /api."""
    api = _PageApi(world, stream)
    return [
        web.get("/api/state", api.state),
        web.get("/api/stream", stream.serve),
        web.get("/api/calls", api.calls),
        web.get("/api/files/{unique_id}", api.file),
        web.post("/api/users", api.add_user),
        web.post("/api/users/{id}", api.change_user),
        *page_acts.routes(world),
        *page_groups.routes(world),
        *page_inline.routes(world),
        web.post("/api/users/{id}/pay", api.pay),
        web.post("/api/users/{id}/cancel", api.cancel),
        web.post("/api/faults", api.add_fault),
        web.delete("/api/faults", api.clear_faults),
        web.delete("/api/faults/{id}", api.remove_fault),
        web.post("/api/switches", api.switch),
        web.post("/api/retry", api.retry),
        web.post("/api/trace", api.trace),
        web.post("/api/reset", api.reset),
        web.post("/api/afresh", api.afresh),
    ]


class _PageApi:
    def __init__(self, world: World, stream: Stream) -> None:
        self._world = world
        self._stream = stream

    def _user(self, request: web.Request) -> User:
        return user_of(self._world, request)

    async def state(self, _request: web.Request) -> web.Response:
        self._stream.watch()
        return self._state()

    def _state(self) -> web.Response:
        return web.json_response({"seq": self._stream.last_id, **views.state_view(self._world)})

    async def calls(self, request: web.Request) -> web.Response:
        limit = request.query.get("limit", "100")
        if not limit.isascii() or not limit.isdecimal() or not 1 <= int(limit[:6]) <= _MAX_CALLS:
            raise PageError(400, f"limit must be a number from 1 to {_MAX_CALLS}", "limit")
        chosen = list(self._world.calls)[-int(limit) :]
        return web.json_response({"calls": [views.call_view(call) for call in chosen]})

    async def file(self, request: web.Request) -> web.Response:
        return serve_file(self._world, request)

    async def add_user(self, request: web.Request) -> web.Response:
        fields = await Fields.read(request)
        values: dict[str, Any] = {"first_name": fields.text("first_name", required=True), **_profile(fields)}
        values["id"] = fields.integer("id")
        values.setdefault("language_code", "en")
        fields.nothing_else()
        user = self._world.add_user(**values)
        return web.json_response(views.user_view(self._world, user), status=201)

    async def change_user(self, request: web.Request) -> web.Response:
        user = self._user(request)
        fields = await Fields.read(request)
        values = _profile(fields)
        if fields.has("first_name"):
            values["first_name"] = fields.text("first_name", required=True)
        blocked = fields.flag("blocked")
        fields.nothing_else()
        self._world.change_user(user, **values)
        if blocked is not None:
            actions.set_blocked(self._world, user, blocked=blocked)
        self._world.emit("user", user=user)
        return web.json_response(views.user_view(self._world, user))

    async def _invoice(self, request: web.Request) -> tuple[User, Invoice]:
        user, fields = self._user(request), await Fields.read(request)
        message_id = fields.integer("message_id")
        slug = fields.text("slug") if fields.has("slug") else None
        fields.nothing_else()
        return user, checkout.find_invoice(self._world, user, message_id=message_id, slug=slug)

    async def pay(self, request: web.Request) -> web.Response:
        user, invoice = await self._invoice(request)
        outcome = await checkout.pay(self._world, user, invoice)
        return web.json_response({"status": outcome.status, "charge_id": outcome.charge_id, "error": outcome.error})

    async def cancel(self, request: web.Request) -> web.Response:
        user, invoice = await self._invoice(request)
        checkout.cancel(self._world, user, invoice)
        return web.json_response({"status": "cancelled"})

    async def add_fault(self, request: web.Request) -> web.Response:
        fields = await Fields.read(request)
        method, kind = fields.text("method", required=True, limit=64), fields.text("kind", required=True)
        if kind not in KINDS:
            raise PageError(400, f"kind must be one of {', '.join(KINDS)}", "kind")
        options: dict[str, Any] = {"chat_id": fields.integer("chat_id")}
        if fields.has("times"):
            options["times"] = fields.integer("times", low=1)
        elif "times" in fields.given:
            options["times"] = None
        if fields.has("retry_after"):
            options["retry_after"] = fields.integer("retry_after", low=1, high=3600)
        if fields.has("delay"):
            options["delay"] = fields.number("delay", low=0, high=_MAX_SECONDS)
        if fields.has("description"):
            options["description"] = fields.text("description", limit=400)
        fields.nothing_else("times")
        self._world.faults.add(method, kind, **options)  # type: ignore[arg-type] # checked above
        self._world.emit("faults")
        return web.json_response(views.faults_view(self._world)["faults"][-1], status=201)

    async def remove_fault(self, request: web.Request) -> web.Response:
        if not self._world.faults.remove(number(request)):
            raise PageError(404, "there is no such fault rule", "id")
        self._world.emit("faults")
        return web.Response(status=204)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self._world.faults.clear()
        self._world.emit("faults")
        return web.Response(status=204)

    async def switch(self, request: web.Request) -> web.Response:
        fields, switches = await Fields.read(request), self._world.switches
        values: dict[str, Any] = {}
        for name in ("duplicate_every", "drop_response_every"):
            if fields.has(name):
                values[name] = fields.integer(name, low=0, high=10**6)
        if fields.has("delay"):
            values["delay"] = fields.number("delay", low=0, high=_MAX_SECONDS)
        values |= {
            name: flag for name in ("reorder", "paused", "flood_limits") if (flag := fields.flag(name)) is not None
        }
        fields.nothing_else()
        for name, value in values.items():
            setattr(switches, name, value)
        self._world.emit("switches")
        return web.json_response(switches.to_dict())

    async def retry(self, request: web.Request) -> web.Response:
        (await Fields.read(request)).nothing_else()
        self._world.emit("retry")
        return web.json_response({"pending": len(self._world.updates.pending)}, status=202)

    async def trace(self, request: web.Request) -> web.Response:
        fields = await Fields.read(request)
        events = fields.objects("events", limit=_MAX_EVENTS)
        fields.nothing_else()
        for event in events:
            self._world.emit("trace", event=self._world.journal.trace(event))
        return web.json_response({"accepted": len(events)}, status=202)

    async def reset(self, request: web.Request) -> web.Response:
        fields = await Fields.read(request)
        user_id = fields.integer("user_id")
        fields.nothing_else()
        self._world.reset(None if user_id is None else self._world.user(user_id))
        return self._state()

    async def afresh(self, request: web.Request) -> web.Response:
        (await Fields.read(request)).nothing_else()
        if self._world.afresh is None:
            raise PageError(409, "only the playground can start afresh: here the bot is somebody else's")
        await self._world.afresh()
        return self._state()


def _profile(fields: Fields) -> dict[str, Any]:
    """The fields of a person that a body gives."""
    names = ("last_name", "username", "language_code")
    values: dict[str, Any] = {name: fields.text(name, limit=64) for name in names if fields.has(name)}
    premium = fields.flag("premium")
    if premium is not None:
        values["premium"] = premium
    if fields.has("stars"):
        values["stars"] = fields.integer("stars", low=0, high=10**9)
    return values
