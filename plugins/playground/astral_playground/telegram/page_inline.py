"""The page's API of inline mode: ask the bot from a chat's text field, and send one of its results."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from . import acts_inline, views
from .errors import PageError
from .fields import Fields
from .inline import InlineQuery
from .page_places import room_of, user_of
from .records import User
from .state import World

PATIENCE = 10.0  # s for which the page waits for the bot's results


def routes(world: World) -> list[web.RouteDef]:
    """The two routes of inline mode."""
    api = _InlineApi(world)
    return [
        web.post("/api/users/{id}/inline", api.ask),
        web.post("/api/users/{id}/inline/choose", api.choose),
    ]


class _InlineApi:
    def __init__(self, world: World) -> None:
        self._world = world

    async def ask(self, request: web.Request) -> web.Response:
        user, fields = user_of(self._world, request), await Fields.read(request)
        query, offset = fields.text("query", limit=acts_inline.MAX_QUERY), fields.text("offset", limit=64)
        room, thread = room_of(self._world, user, fields), fields.integer("thread")
        fields.nothing_else()
        asked, _ = acts_inline.inline_query(self._world, user, query, room=room, offset=offset, thread=thread)
        try:
            async with asyncio.timeout(PATIENCE):
                await asked.done.wait()
        except TimeoutError:
            raise PageError(504, f"the bot has offered nothing within {PATIENCE:.0f} s") from None
        return web.json_response({
            "query_id": asked.id, "results": [_result(asked, one) for one in asked.results],
            "button": asked.button, "next_offset": asked.next_offset,
        })  # fmt: skip

    async def choose(self, request: web.Request) -> web.Response:
        user, fields = user_of(self._world, request), await Fields.read(request)
        asked = self._asked(user, fields.text("query_id", required=True, limit=64))
        result = fields.text("result_id", required=True, limit=64)
        fields.nothing_else()
        message, _ = acts_inline.choose(self._world, user, asked, result)
        return web.json_response({"message": views.message_view(self._world, message)}, status=201)

    def _asked(self, user: User, query_id: str) -> InlineQuery:
        asked = self._world.inline.queries.get(query_id)
        if asked is None or asked.user_id != user.id:
            raise PageError(404, f"{user.first_name} has no inline query {query_id!r}", "query_id")
        return asked


def _result(asked: InlineQuery, result: dict[str, Any]) -> dict[str, Any]:
    """One result as the list of them shows it; pictures from elsewhere are not fetched."""
    offer = asked.contents.get(str(result["id"]))
    content = {} if offer is None else offer.content
    photo = content.get("photo")
    thumb = f"/api/files/{photo[0]['file_unique_id']}" if photo else None
    return {
        "id": str(result["id"]), "type": result["type"], "title": str(result.get("title") or ""),
        "description": str(result.get("description") or ""), "thumb": thumb,
    }  # fmt: skip
