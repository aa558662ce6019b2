"""The page's API of groups and channels: found them, come and go, topics, rights, what the bot hears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from . import administration, invitations, membership, migration, pins, topics, views
from .fields import Fields
from .group_views import group_view
from .groups import Group, Kind
from .page_places import group_of, message_of, number, user_of
from .records import User
from .state import World

_KINDS = ("group", "supergroup", "channel")
_BOT_IS = ("away", "member", "administrator")
_LONGEST = 255  # characters of a title or a name that a request may have at all; the acts know the real limits


def routes(world: World) -> list[web.RouteDef]:
    """The routes of groups under /api, and that of the bot's own settings."""
    api = _GroupsApi(world)
    return [
        web.post("/api/groups", api.add),
        web.post("/api/groups/{id}", api.change),
        web.post("/api/groups/{id}/members", api.members),
        web.post("/api/groups/{id}/topics", api.add_topic),
        web.post("/api/groups/{id}/topics/{thread}", api.change_topic),
        web.post("/api/groups/{id}/pin", api.pin),
        web.post("/api/groups/{id}/upgrade", api.upgrade),
        web.post("/api/groups/{id}/links", api.add_link),
        web.post("/api/users/{id}/join", api.join),
        web.post("/api/bot", api.bot),
    ]


@dataclass(slots=True, frozen=True)
class _Deed:
    """What `actor` does to `target` (an id, the bot's too); `rights` are those that the deed gives or leaves."""

    world: World
    group: Group
    actor: User
    target: int
    rights: list[str] | None
    anonymous: bool
    until: int

    @property
    def place(self) -> tuple[World, Group, User, int]:
        """The first arguments of every act."""
        return self.world, self.group, self.actor, self.target


def _join(deed: _Deed) -> None:
    """One's own coming; a playground lets everybody in who is not banned, as if they had found a link."""
    if deed.group.username and deed.group.by_request:
        invitations.join_public(deed.world, deed.group, deed.actor)
    else:
        membership.join(deed.world, deed.group, deed.actor.id)


def _free(deed: _Deed) -> None:
    administration.restrict_member(*deed.place, sorted(deed.group.permissions))


def _decide(deed: _Deed, *, approve: bool) -> None:
    asker = deed.world.user(deed.target)
    invitations.decide_by(deed.world, deed.group, deed.actor, asker, approve=approve)


_DEEDS: dict[str, Callable[[_Deed], None]] = {
    "join": _join,
    "leave": lambda deed: administration.leave_chat(deed.world, deed.group, deed.actor),
    "add": lambda deed: administration.add_member(*deed.place),
    "remove": lambda deed: administration.remove_member(*deed.place),
    "ban": lambda deed: administration.ban_member(*deed.place, until=deed.until),
    "unban": lambda deed: administration.unban_member(*deed.place),
    "promote": lambda deed: administration.promote_member(*deed.place, rights=deed.rights, anonymous=deed.anonymous),
    "demote": lambda deed: administration.demote_member(*deed.place),
    "restrict": lambda deed: administration.restrict_member(*deed.place, deed.rights or (), until=deed.until),
    "free": _free,
    "anonymous": lambda deed: administration.set_anonymous(*deed.place, anonymous=deed.anonymous),
    "approve": lambda deed: _decide(deed, approve=True),
    "decline": lambda deed: _decide(deed, approve=False),
}


class _GroupsApi:
    def __init__(self, world: World) -> None:
        self._world = world

    def _actor(self, fields: Fields) -> User:
        return self._world.user(fields.integer("by", required=True) or 0)

    async def _begin(self, request: web.Request) -> tuple[Group, Fields, User]:
        """The group of the path, the body, and who acts."""
        group, fields = group_of(self._world, request), await Fields.read(request)
        return group, fields, self._actor(fields)

    def _answer(self, group: Group, status: int = 200) -> web.Response:
        return web.json_response(group_view(self._world, group), status=status)

    async def add(self, request: web.Request) -> web.Response:
        fields = await Fields.read(request)
        creator, title = self._actor(fields), fields.text("title", required=True, limit=_LONGEST)
        kind = cast("Kind", fields.choice("kind", _KINDS)) if fields.has("kind") else "supergroup"
        forum, bot = bool(fields.flag("forum")), fields.choice("bot", _BOT_IS) if fields.has("bot") else "away"
        people = [self._world.user(one) for one in fields.numbers("members")]
        fields.nothing_else()
        group = membership.add_group(self._world, title.strip(), creator, kind=kind, forum=forum)
        for person in people:
            if person is not creator:
                administration.add_member(self._world, group, creator, person.id)
        if bot == "administrator":
            administration.promote_member(self._world, group, creator, self._world.bot.id)
        elif bot == "member":
            administration.add_member(self._world, group, creator, self._world.bot.id)
        return self._answer(group, 201)

    async def change(self, request: web.Request) -> web.Response:
        group, fields, actor = await self._begin(request)
        title = fields.text("title", required=True, limit=_LONGEST)
        fields.nothing_else()
        administration.rename(self._world, group, actor, title)
        return self._answer(group)

    async def members(self, request: web.Request) -> web.Response:
        group, fields, actor = await self._begin(request)
        act = _DEEDS[fields.choice("do", _DEEDS)]
        target = fields.integer("user_id", required=True) or 0
        if target != self._world.bot.id:
            self._world.user(target)
        rights = fields.texts("rights") if fields.has("rights") else None
        anonymous, until = bool(fields.flag("anonymous")), fields.integer("until") or 0
        fields.nothing_else()
        act(_Deed(self._world, group, actor, target, rights, anonymous, until))
        return self._answer(group)

    async def add_topic(self, request: web.Request) -> web.Response:
        group, fields, actor = await self._begin(request)
        name = fields.text("name", required=True, limit=_LONGEST)
        fields.nothing_else()
        color = topics.COLORS[len(group.topics) % len(topics.COLORS)]
        topic = topics.create_by(self._world, group, actor, name, color=color)
        return web.json_response({"thread": topic.id}, status=201)

    async def change_topic(self, request: web.Request) -> web.Response:
        group, fields, actor = await self._begin(request)
        thread = number(request, "thread")
        name, closed = fields.text("name", limit=_LONGEST), fields.flag("closed")
        fields.nothing_else()
        if name:
            topics.edit_by(self._world, group, actor, thread, name=name)
        if closed is not None:
            topics.close_by(self._world, group, actor, thread, closed=closed)
        return self._answer(group)

    async def pin(self, request: web.Request) -> web.Response:
        group, fields, actor = await self._begin(request)
        message = message_of(self._world, group, fields)
        fields.nothing_else()
        act = pins.unpin_by if message.message_id in group.pinned else pins.pin_by
        act(self._world, group, actor, message)
        return self._answer(group)

    async def upgrade(self, request: web.Request) -> web.Response:
        group, fields, actor = await self._begin(request)
        fields.nothing_else()
        return self._answer(migration.upgrade(self._world, group, actor))

    async def add_link(self, request: web.Request) -> web.Response:
        group, fields, actor = await self._begin(request)
        name, by_request = fields.text("name", limit=32), bool(fields.flag("by_request"))
        fields.nothing_else()
        made = invitations.create_by(self._world, group, actor, name=name, by_request=by_request)
        return web.json_response({"link": made.link}, status=201)

    async def join(self, request: web.Request) -> web.Response:
        user, fields = user_of(self._world, request), await Fields.read(request)
        link = fields.text("link", required=True, limit=200)
        fields.nothing_else()
        group, _ = invitations.by_link(self._world, link)
        if not group.member(user.id).present:
            invitations.join_by_link(self._world, user, link)
        return web.json_response({"chat_id": group.id, "joined": group.member(user.id).present})

    async def bot(self, request: web.Request) -> web.Response:
        fields = await Fields.read(request)
        privacy, inline = fields.flag("privacy"), fields.flag("inline")
        fields.nothing_else()
        if privacy is not None:
            administration.set_privacy(self._world, privacy=privacy)
        if inline is not None:
            self._world.bot.inline = inline
            self._world.emit("bot")
        return web.json_response(views.bot_view(self._world))
